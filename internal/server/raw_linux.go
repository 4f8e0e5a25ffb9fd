package server

import (
	"encoding/binary"
	"syscall"
)

// closedByPeer reports whether the peer has reset the connection or, with half,
// has sent its last byte, read or not.
func closedByPeer(fd uintptr, half bool) bool {
	const (
		closed    = 7 // TCP_CLOSE of Linux: after a reset
		closeWait = 8 // TCP_CLOSE_WAIT
	)
	info, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_INFO)
	var first [4]byte
	binary.NativeEndian.PutUint32(first[:], uint32(info)) //nolint:gosec // four bytes were read; the state is the first
	return err == nil && (first[0] == closed || half && first[0] == closeWait)
}
