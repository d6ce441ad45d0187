package engineio

import (
	"net/http"

	"github.com/gobwas/ws"
)

// This file is the opening handshake of a WebSocket (RFC 6455, section 4.2).

// acceptWebSocket answers the opening handshake. On an error the answer is written already.
//
// The answer is not held back to go out in one write with the first packet, which would cost 2 % less: clients that
// begin to listen when the socket is open, as the official test suite does, would miss that packet.
func acceptWebSocket(w http.ResponseWriter, r *http.Request, s *Server) (*webSocket, error) {
	upgrader, deflate := ws.HTTPUpgrader{Timeout: bodyWait}, false
	if s.cfg.Compress {
		upgrader.Negotiate = acceptDeflate(&deflate)
	}
	conn, rw, _, err := upgrader.Upgrade(r, w)
	if err != nil {
		if conn != nil {
			conn.Close()
		}
		return nil, err
	}
	sock := &webSocket{conn: conn, buffers: &s.buffers, max: s.cfg.MaxPayload}
	if deflate {
		sock.codecs = &s.codecs
	}
	sock.prepareRaw()
	if n := rw.Reader.Buffered(); n > 0 { // frames that came on the heels of the request
		early, _ := rw.Reader.Peek(n)
		sock.buf, sock.to = append([]byte(nil), early...), n
	}
	return sock, nil
}
