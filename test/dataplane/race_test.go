//go:build integration && race

package dataplane

const raceDetector = true
