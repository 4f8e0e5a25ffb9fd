// Package store keeps the configured entities: it checks keys and references
// between them, gives them ids and times, serialises changes, and lets a
// change take effect only after a dry compile of the whole configuration
// accepted it. It also reads and writes declarative files.
//
// A change goes: Update or Load → checks against a private copy → Accept
// (compile) → the copy becomes the current View → install. An error anywhere
// leaves View and compiled configuration as they were. Readers take a View,
// which never changes.
//
// What an entity looks like is the business of package entity; who asks over
// which protocol, and what a compile does, is not known here. Entities live in
// memory.
package store
