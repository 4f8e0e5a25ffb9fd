package session

// Cookie storage: the sealed record follows the head in the cookie itself, cut
// into as many cookies as it needs: name, name2 … name9. The number stands in
// the signed head, so it is known, and bounded, before any is looked for.
const maxChunks = 9

// assemble opens the record that follows a verified head.
func (m *Manager) assemble(v *Visit, h verified, rest string, now int64) (opened, error) {
	var all [maxChunks]string
	parts := append(all[:0], rest)
	for i := 1; i < h.head.chunks(); i++ {
		chunk := cookieValues(v.Cookie, m.names[i])
		if chunk.n != 1 {
			// Missing, or another one was planted beside it.
			return opened{}, &NoSession{Reason: ReasonSealed, Cookies: m.clearAmbiguous(v, chunk.n)}
		}
		parts = append(parts, chunk.text[0])
	}
	o := opened{head: h.head, repeated: h.repeated, stored: uint64(h.head.version)}
	if known := m.cache.get(m, &o.head.id, now); known != nil && known.version == o.stored && same(known.text, parts) {
		o.key, o.record, o.view = known.key, known.record, known.view
		return o, nil
	}
	s := takeScratch()
	defer s.give()
	s.text = s.text[:0]
	for _, part := range parts {
		if brokenLine(part) {
			return opened{}, none(ReasonSealed)
		}
		s.text = append(s.text, part...)
	}
	var err error
	if s.sealed, err = encoding.AppendDecode(s.sealed[:0], s.text); err != nil {
		return opened{}, none(ReasonSealed)
	}
	o.key = m.storageKey(&o.head.id)
	if o.record, err = m.openWith(s, &o.head.id, o.key, o.stored, s.sealed); err != nil || o.record.successor != nil {
		return opened{}, none(ReasonSealed)
	}
	if m.read(&o) == nil {
		m.cache.put(m, &o.head.id, &cached{key: o.key, version: o.stored, text: string(s.text), record: o.record, view: o.view}, now)
	}
	return o, nil
}

// same reports whether parts are whole, in a time that tells nothing of where
// they differ: whole is worth a session.
func same(whole string, parts []string) bool {
	var difference uint64
	for _, part := range parts {
		if len(part) > len(whole) {
			return false
		}
		known := whole[:len(part)]
		whole = whole[len(part):]
		for len(part) >= 8 {
			difference |= word(part) ^ word(known)
			part, known = part[8:], known[8:]
		}
		for i := range len(part) {
			difference |= uint64(part[i] ^ known[i])
		}
	}
	return difference == 0 && whole == ""
}

// word is the first eight bytes of s.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func (m *Manager) clearAmbiguous(v *Visit, n int) []string {
	if n < 2 {
		return nil
	}
	return m.expireAll(v)
}

// split seals o's record and returns the values of the cookies that hold it,
// each of which fits into one cookie together with its name and attributes.
func (m *Manager) split(v *Visit, o *opened, attributes string) ([]string, error) {
	sealed, err := m.seal(&o.head.id, o.key, o.stored, o.record)
	if err != nil {
		return nil, err
	}
	text := encoding.EncodeToString(sealed)
	room := maxCookie - len(m.cookie.Name) - len("2=") - len(attributes)
	if room <= headText || len(text) > maxChunks*room-headText {
		return nil, ErrTooLarge
	}
	first := min(len(text), room-headText)
	values := []string{text[:first]}
	for text = text[first:]; text != ""; {
		n := min(len(text), room)
		values = append(values, text[:n])
		text = text[n:]
	}
	h := o.head
	h.version = uint32(o.stored)                                                            //nolint:gosec // counts the writes of one session
	h.flags = h.flags&(1<<chunkShift-1) | flagCookieStorage | byte(len(values))<<chunkShift //nolint:gosec // at most nine
	values[0] = m.signer.sign(&h, v) + values[0]
	return values, nil
}
