//go:build !unix

package upstream

import "errors"

const rawReads = false

func readNow(uintptr, []byte) (n int, again bool, err error) { return 0, false, errors.ErrUnsupported }

func writeNow(_ uintptr, p []byte) []byte { return p }
