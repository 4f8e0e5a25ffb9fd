//go:build !race

package openidconnect

const raceDetector = false
