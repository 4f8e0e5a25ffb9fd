//go:build integration && !race

package dataplane

const raceDetector = false
