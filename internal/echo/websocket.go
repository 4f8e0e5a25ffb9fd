package echo

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // RFC 6455 §4.2.2 asks for SHA-1
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strings"
)

// Frame opcodes (RFC 6455 §5.2).
const (
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA
)

const maxFrame = 1 << 20 // bytes of one frame's payload

// serveWebSocket sends every frame back until the client closes.
func serveWebSocket(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Sec-WebSocket-Key")
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || key == "" {
		w.Header().Set("Upgrade", "websocket")
		http.Error(w, "this is a WebSocket endpoint", http.StatusUpgradeRequired)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "this connection cannot be upgraded", http.StatusInternalServerError)
		return
	}
	defer func() { _ = conn.Close() }()
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // see above
	_, _ = buffered.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n")
	if buffered.Flush() != nil {
		return
	}
	for err == nil {
		err = echoFrame(buffered)
	}
}

var errClosed = errors.New("echo: websocket closed")

// echoFrame reads one masked frame and writes it back unmasked.
func echoFrame(b *bufio.ReadWriter) error {
	var head [2]byte
	if _, err := io.ReadFull(b, head[:]); err != nil {
		return err
	}
	length := uint64(head[1] & 0x7f)
	switch length {
	case 126:
		var extended [2]byte
		if _, err := io.ReadFull(b, extended[:]); err != nil {
			return err
		}
		length = uint64(binary.BigEndian.Uint16(extended[:]))
	case 127:
		var extended [8]byte
		if _, err := io.ReadFull(b, extended[:]); err != nil {
			return err
		}
		length = binary.BigEndian.Uint64(extended[:])
	}
	if head[1]&0x80 == 0 || length > maxFrame {
		return errors.New("echo: frame is not masked or too long")
	}
	var mask [4]byte
	if _, err := io.ReadFull(b, mask[:]); err != nil {
		return err
	}
	payload := make([]byte, length)
	if _, err := io.ReadFull(b, payload); err != nil {
		return err
	}
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	first := head[0]
	if first&0xf == opPing {
		first = first&0xf0 | opPong
	}
	if err := writeFrame(b, first, payload); err != nil {
		return err
	}
	if head[0]&0xf == opClose {
		return errClosed
	}
	return nil
}

func writeFrame(b *bufio.ReadWriter, first byte, payload []byte) error {
	head := []byte{first}
	switch n := len(payload); {
	case n < 126:
		head = append(head, byte(n))
	case n < 1<<16:
		head = binary.BigEndian.AppendUint16(append(head, 126), uint16(n))
	default:
		head = binary.BigEndian.AppendUint64(append(head, 127), uint64(n))
	}
	if _, err := b.Write(append(head, payload...)); err != nil {
		return err
	}
	return b.Flush()
}
