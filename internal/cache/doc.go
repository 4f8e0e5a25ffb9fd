// Package cache keeps what is dear to get: bounded in entries and bytes, for a
// time that each value brings along, and asked for once however many callers
// need it at the same moment.
//
// It owns eviction, freshness and the sharing of calls. It must not know what
// it keeps: keys are hashes that the caller makes of everything that shapes a
// value, and a value says itself how long it counts.
package cache
