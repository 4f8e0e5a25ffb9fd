// Package flow defines the typed events that login, callback, refresh and
// logout emit: one event a step, with its verdict, what was expected and
// found, how long it took and which clause demands it. Events never carry a
// token, a code or a secret: such fields have type secret.String, which
// redacts itself.
package flow
