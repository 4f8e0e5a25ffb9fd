// Package redisstore is the session store on Redis.
//
// Under the prefix, or without one directly, lie
//
//	<cookie name>:<hash>   records: eight bytes of version, then sealed data
//	@used                  single-use marks, a sorted set by expiry
//	@lease:<key>           leases, the owner as value
//	@fence                 the last fence
//	@list:<key>            directory entries, sealed
//	@find:<hash>           keys of directory entries, a sorted set by expiry
//
// and messages go through the channel @changed:<database>. The character @
// cannot be part of a cookie name, so none of these is ever a record. Every
// key has a time to live.
//
// Each call is one round trip, of a command or a short script. The store is
// connected by the first call, not by New, and again by whichever call finds
// the connection gone: it starts without Redis and heals by itself. A call
// that gets no answer in time is session.ErrUnavailable.
//
// The package knows nothing of what the records mean.
package redisstore
