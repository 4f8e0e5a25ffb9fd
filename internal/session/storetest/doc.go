// Package storetest is the contract of session.Store as tests. Every store
// runs all of it.
package storetest
