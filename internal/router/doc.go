// Package router decides which route a request belongs to, by Kong's
// traditional_compatible rules. A Router is a pure function of the list of
// routes: it is built once for a configuration, never changes, and is used by
// all requests at once. It reads nothing of a request but its canonical form
// and its headers.
//
// A route with paths of several lengths or kinds becomes several entries, each
// with the rank of its own paths. All entries are put in one order, best first:
//
//  1. number of classes used among methods, hosts, headers, snis, paths
//  2. hosts, all of them without wildcard
//  3. number of header names
//  4. a regular expression as path, and among those regex_priority
//  5. length of the plain path
//  6. older created_at, then smaller id
//
// The best entry that matches wins. To find it, entries are laid into buckets
// by exact host (entries with a wildcard and those without hosts have one
// bucket each), and within a bucket plain paths into a prefix tree: a request
// looks at three buckets, walks one path in each tree, and tries the remaining
// entries in order until they cannot be better than what it has.
package router
