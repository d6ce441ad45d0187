package engineio

import (
	"bufio"
	"net"
	"net/http"
	"time"

	"github.com/gobwas/ws"
)

// This file is the opening handshake of a WebSocket (RFC 6455, section 4.2).

// acceptWebSocket checks the opening handshake. The answer that accepts it is returned, not written: it is to go out
// before everything else, and in one write with the first packet. When it is refused, that is written already.
func acceptWebSocket(w http.ResponseWriter, r *http.Request, s *Server) (sock *webSocket, answer *Frame, err error) {
	held := heldAnswer{ResponseWriter: w}
	upgrader, deflate := ws.HTTPUpgrader{}, false
	if s.cfg.Compress {
		upgrader.Negotiate = acceptDeflate(&deflate)
	}
	conn, rw, _, err := upgrader.Upgrade(r, &held)
	if err != nil {
		if conn != nil {
			conn.SetWriteDeadline(time.Now().Add(bodyWait))
			conn.Write(held.data)
			conn.Close()
		}
		return nil, nil, err
	}
	sock = &webSocket{conn: conn, buffers: &s.buffers, max: s.cfg.MaxPayload}
	if deflate {
		sock.codecs = &s.codecs
	}
	sock.prepareRaw()
	if n := rw.Reader.Buffered(); n > 0 { // frames that came on the heels of the request
		early, _ := rw.Reader.Peek(n)
		sock.buf, sock.to = append([]byte(nil), early...), n
	}
	return sock, &Frame{wire: held.data}, nil
}

// heldAnswer is a connection taken over from the HTTP server, whose answer is kept instead of written.
type heldAnswer struct {
	http.ResponseWriter
	data []byte
}

// Hijack implements http.Hijacker.
func (h *heldAnswer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	return conn, bufio.NewReadWriter(rw.Reader, bufio.NewWriterSize((*answerWriter)(h), answerSize)), nil
}

// answerSize holds the answer to a handshake without extensions.
const answerSize = 256

// answerWriter appends to a heldAnswer, which itself has a Write for what is not taken over.
type answerWriter heldAnswer

func (w *answerWriter) Write(data []byte) (int, error) {
	w.data = append(w.data, data...)
	return len(data), nil
}
