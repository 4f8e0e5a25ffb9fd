package session

import "strings"

// Cookie storage: the sealed record follows the head in the cookie itself, cut
// into as many cookies as it needs: name, name2 … name9. The number stands in
// the signed head, so it is known, and bounded, before any is looked for.
const maxChunks = 9

// assemble opens the record that follows a verified head.
func (m *Manager) assemble(v *Visit, h verified, rest string) (opened, error) {
	var b strings.Builder
	b.WriteString(rest)
	for i := 1; i < h.head.chunks(); i++ {
		chunk := cookieValues(v.Cookie, m.names[i])
		if chunk.n != 1 {
			// Missing, or another one was planted beside it.
			return opened{}, &NoSession{Reason: ReasonSealed, Cookies: m.clearAmbiguous(v, chunk.n)}
		}
		b.WriteString(chunk.text[0])
	}
	sealed, err := encoding.DecodeString(b.String())
	if err != nil || brokenLine(b.String()) {
		return opened{}, none(ReasonSealed)
	}
	o := opened{head: h.head, repeated: h.repeated, key: m.storageKey(&h.head.id), stored: uint64(h.head.version)}
	if o.record, err = m.open(&o.head.id, o.key, o.stored, sealed); err != nil || o.record.successor != nil {
		return opened{}, none(ReasonSealed)
	}
	return o, nil
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
