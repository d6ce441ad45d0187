package engineio

import (
	"net/http"
	"time"

	"github.com/gobwas/ws"
)

// This file is the upgrade of a Conn from polling to a WebSocket (protocol 4, section "Upgrade").

// serveUpgrade lets a WebSocket take over from polling (protocol 4, section "Upgrade").
func (c *Conn) serveUpgrade(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	refused := c.closed || c.ws != nil || c.upgrading
	if !refused {
		c.upgrading = true
	}
	c.mu.Unlock()
	if refused {
		errBadRequest.write(w)
		return
	}
	sock, err := acceptWebSocket(w, r, c.server)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || c.closed {
		c.upgrading = false
		if err == nil {
			sock.conn.Close()
		}
		return
	}
	c.probe = sock
	sock.conn.SetReadDeadline(time.Now().Add(c.server.cfg.UpgradeTimeout))
	c.server.run(func() {
		if c.readProbe(sock) {
			c.Flush()
			c.readWebSocket(sock)
			return
		}
		sock.conn.Close()
		c.mu.Lock()
		c.upgrading, c.probe = false, nil
		c.mu.Unlock()
	})
}

// readProbe answers the probe and waits for the upgrade packet; true when the socket has taken over.
func (c *Conn) readProbe(sock *webSocket) bool {
	for {
		op, data, ok, err := sock.take()
		switch {
		case err != nil:
			return false
		case !ok:
			if sock.fill() != nil {
				return false
			}
		case op == ws.OpText && string(data) == "2probe":
			if _, err := sock.conn.Write(textPacket(packetPong, "probe").wire); err != nil {
				return false
			}
			// The client sends the upgrade packet only after its last poll has been answered.
			c.mu.Lock()
			c.endPoll()
			c.mu.Unlock()
		case op == ws.OpText && len(data) == 1 && data[0] == packetUpgrade:
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.closed {
				return false
			}
			sock.conn.SetReadDeadline(time.Time{})
			c.ws, c.probe, c.upgrading = sock, nil, false
			c.endPoll()
			return true
		default:
			return false
		}
	}
}

// endPoll sends the poll that waits home with nothing.
func (c *Conn) endPoll() {
	if c.poll != nil {
		c.poll.answer <- []byte{packetNoop}
		c.poll = nil
	}
}
