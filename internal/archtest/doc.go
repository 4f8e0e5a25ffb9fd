// Package archtest holds the program's package graph as a test: which package
// may import which of the others. It contains no code of the program.
package archtest
