// Package httperror is the error value of everything that answers HTTP: a
// status and a message for the user agent, a cause for the log, and what the
// page, the headers or the redirect of the answer need. Handlers return it;
// Render, called in one place per listener, writes it in the type that the
// request accepts and in the shape that Kong gives it.
package httperror
