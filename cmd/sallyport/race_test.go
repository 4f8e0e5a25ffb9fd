//go:build race

package main

// raceDetector tells that pools lose values at random, as the race detector has
// them do.
const raceDetector = true
