// Package acl is Kong's acl plugin: it lets requests pass, or not, by the groups
// of whoever sent them. The groups are those of the consumer (acls entities and,
// where that is wanted, its consumer groups), or those that an authentication
// plugin vouches for.
package acl
