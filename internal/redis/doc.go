// Package redis is the connection to one Redis server that the session store and
// the cluster cache have in common: how it is reached, who the gateway is there,
// and how long a call may take.
//
// A client is connected by the first call, not by New, and again by whichever
// call finds the connection gone: it starts without Redis and heals by itself.
// The package knows nothing of what lies in Redis.
package redis
