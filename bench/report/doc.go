// Package report turns what was measured into a table for the terminal, one
// for docs/performance.md, and a chart. It measures nothing and reads no clock.
package report
