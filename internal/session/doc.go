// Package session owns what a logged-in user agent is remembered by: the
// cookie, the sealed record behind it, their life and their end.
//
//	Cookie header ──parse──▶ values ──MAC──▶ head ──times──▶ storage key
//	     storage key ──Store.Load──▶ sealed ──open──▶ record ──audience, realm──▶ Session
//
// A cookie is verified before anything is fetched, so a forgery costs no store
// a question. A record is sealed under a key that needs both the secret and
// the id, which only the cookie carries: the store alone opens nothing. A
// Manager is built per plugin configuration; Store and flights outlive it.
//
// Store is the contract of the server-side storages (Memory here, redisstore
// beside it; storetest is what both must pass). Cookie storage is no store but
// a codec in the Manager: no swap, no lease, no end on the server. A copied
// cookie lives until it times out, two processes may refresh one session at
// the same time, and single-use marks do not exist.
//
// Absent and "cannot ask" are different answers everywhere: NoSession against
// ErrUnavailable. The second never clears a cookie.
//
// The package knows nothing of HTTP handlers, Kong's configuration, OAuth
// requests or JSON: tokens and claims are opaque to it.
package session
