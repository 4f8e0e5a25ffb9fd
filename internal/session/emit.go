package session

// emit returns the Set-Cookie lines that give o to the user agent. Surplus
// chunks of a larger session are expired, and so are the variants of a cookie
// that came twice.
func (m *Manager) emit(v *Visit, o *opened) ([]string, error) {
	var lines []string
	if o.repeated {
		lines = m.cookie.expireVariants(m.cookie.Name, v)
	}
	attributes := m.plain
	if v.Secure {
		attributes = m.secure
	}
	if !m.inCookie() {
		var room [512]byte // on the stack; what is longer is not
		line := append(append(room[:0], m.cookie.Name...), '=')
		lines = append(lines, string(append(m.signer.append(line, &o.head, v), attributes...)))
		return append(lines, m.expireChunks(v, 1)...), nil // left over from cookie storage
	}
	values, err := m.split(v, o, attributes)
	if err != nil {
		return nil, err
	}
	lines = append(lines, m.expireChunkVariants(v)...)
	for i, value := range values {
		lines = append(lines, m.names[i]+"="+value+attributes)
	}
	return append(lines, m.expireChunks(v, len(values))...), nil
}

// expireChunks expires the chunk cookies that came, from the given one on.
func (m *Manager) expireChunks(v *Visit, from int) (lines []string) {
	for _, name := range m.names[max(from, 1):] {
		if found := cookieValues(v.Cookie, name); found.n > 0 {
			lines = append(lines, m.cookie.expire(name, v.Secure))
		}
	}
	return lines
}

// Expire returns the Set-Cookie lines that remove the session's cookies from
// the user agent. The record in the store is not touched: see End.
func (m *Manager) Expire(v Visit) []string {
	return append([]string{m.cookie.expire(m.cookie.Name, v.Secure)}, m.expireChunks(&v, 1)...)
}

// expireAll is Expire for every variant that could have been set.
func (m *Manager) expireAll(v *Visit) []string {
	lines := m.cookie.expireVariants(m.cookie.Name, v)
	if m.inCookie() {
		lines = append(lines, m.expireChunkVariants(v)...)
	}
	return append(lines, m.Expire(*v)...)
}

// expireChunkVariants expires the variants of chunks that came twice.
func (m *Manager) expireChunkVariants(v *Visit) (lines []string) {
	for _, name := range m.names[1:] {
		if found := cookieValues(v.Cookie, name); found.n > 1 {
			lines = append(lines, m.cookie.expireVariants(name, v)...)
		}
	}
	return lines
}
