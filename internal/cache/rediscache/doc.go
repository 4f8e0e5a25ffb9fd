// Package rediscache keeps values in Redis for a while, for the nodes of a
// cluster to share. It is a cache: whatever goes wrong, there is no value, and
// whoever asked gets it elsewhere.
//
// A call takes one round trip and no longer than its timeout. After one that
// failed, Redis is left alone for some seconds, so that one that is gone or
// hangs costs one request its timeout and not all of them.
//
// The package must not know what it keeps: keys are names without meaning, and
// values are sealed by whoever gives them.
package rediscache
