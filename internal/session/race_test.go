//go:build race

package session_test

// raceDetector tells that the race detector is on: then pools lose values on
// purpose, and allocations are its own.
const raceDetector = true
