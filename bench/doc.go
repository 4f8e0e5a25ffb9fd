// Command bench compares sallyport with nginx as a bare proxy, side by side and in one
// go: it starts an nginx as the upstream, another as the proxy, Redis, the
// practice IdP and sallyport, logs in, and runs wrk against each target in
// turn, several rounds. It prints requests per second, the 99th percentile of
// the latency, and the CPU time that the proxy itself used for a request, by
// /proc/<pid>/stat, with the ratios to nginx.
//
// Proxies get the same number of cores (workers of nginx, GOMAXPROCS of
// sallyport) and all write an access log to /dev/null. The medians of the
// rounds are shown. Requests per second depend on what wrk and the upstream
// leave of the machine; CPU per request does not.
//
//	bench/run [-rounds 5] [-duration 5s] [-connections 32] [-cores 1]
package main
