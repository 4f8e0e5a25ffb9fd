package upstream

// records follows the records of TLS in what is read from a connection
// (RFC 8446 §5.1; those of TLS 1.2 are framed alike). tls.Conn keeps what it
// has of a record until all of it is there, and does not tell.
type records struct {
	// header holds the first bytes of a record, have of them.
	header [5]byte
	have   int
	// left is what is missing of the record after its header, in bytes.
	left int
}

// pass notes what was read.
func (r *records) pass(p []byte) {
	for len(p) > 0 {
		if r.left > 0 {
			n := min(len(p), r.left)
			p = p[n:]
			r.left -= n
			continue
		}
		n := copy(r.header[r.have:], p)
		p = p[n:]
		if r.have += n; r.have == len(r.header) {
			r.left, r.have = int(r.header[3])<<8|int(r.header[4]), 0
		}
	}
}

// whole reports whether no record has begun that has not ended.
func (r *records) whole() bool { return r.have == 0 && r.left == 0 }
