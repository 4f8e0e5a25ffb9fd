// Command bench measures what sallyport costs beside nginx, on one machine and
// in one go, and writes docs/performance.md with a chart.
//
// It starts an nginx as the upstream, another as the proxy to compare with,
// Redis, the practice IdP (in this process) and sallyport; where their packages
// are there, Apache with mod_auth_openidc and oauth2-proxy too. Proxies are
// pinned to one core, everything else to the others. A table of probes (rows.go)
// is gone through several times, so that a slow minute of the machine meets all
// of them alike; ratios are taken within a round, and the median of the rounds
// is shown with its spread.
//
// A measurement that others on the machine disturbed is made again (others.go).
//
// What is compared is the CPU time of the proxy for a request, by the kernel's
// clock of the process: requests per second depend on what the load generator
// leaves of the machine, CPU per request does not.
//
//	bench/run [-quick] [-only REGEXP] [-rounds 5] [-duration 5s] [-cores 1]
//
// The packages below hold what is no measuring: report writes table and chart,
// openloop makes requests at a constant rate.
package main
