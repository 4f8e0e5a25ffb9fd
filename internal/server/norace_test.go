//go:build !race

package server

// raceDetector tells that pools lose values at random, as the race detector has
// them do.
const raceDetector = false
