package engineio

import (
	"net/http"
	"time"

	"github.com/gobwas/ws"
)

// This file is the upgrade of a Conn from polling to a WebSocket (section "Upgrade" of protocol 4; protocol 3 does the same).

// serveUpgrade opens a WebSocket that may take over. One that comes too late or twice is opened and closed at once, as
// every Engine.IO server does: a client cannot see why a handshake was refused.
func (c *Conn) serveUpgrade(w http.ResponseWriter, r *http.Request) {
	sock, err := acceptWebSocket(w, r, c.server)
	if err != nil {
		return // the answer is written
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.ws != nil || c.probe != nil {
		c.server.refuse(sock)
		return
	}
	c.probe = sock
	if c.old != nil {
		c.old.socketBase64 = r.URL.Query().Get("b64") != ""
	}
	sock.conn.SetDeadline(time.Now().Add(c.server.cfg.UpgradeTimeout))
	c.server.run(func() {
		if c.readProbe(sock) {
			c.Flush() // what waits does not wait for what the client has to say
			c.startReading()
			return
		}
		sock.conn.Close()
		c.mu.Lock()
		c.probe, c.probed = nil, false
		c.mu.Unlock()
	})
}

// refuse closes a WebSocket that came too late or twice.
func (s *Server) refuse(sock *webSocket) {
	sock.conn.SetDeadline(time.Now().Add(lastWords))
	s.run(func() {
		sock.conn.Write(closeFrame(ws.StatusPolicyViolation, "the session has a WebSocket already, or has ended").wire)
		sock.shut()
		sock.linger()
	})
}

// readProbe answers the probe and waits for the upgrade packet; true when the socket has taken over. Whatever goes wrong
// ends the attempt, and the session stays with its polls.
func (c *Conn) readProbe(sock *webSocket) bool {
	for {
		op, data, ok, err := sock.take()
		switch {
		case err != nil:
			return false
		case !ok:
			err = sock.fill()
		case op == ws.OpPing:
			_, err = sock.conn.Write(pong(data).wire)
		case op == ws.OpPong: // to nothing of ours
		case op == ws.OpText && string(data) == "2probe":
			if _, err = sock.conn.Write(textPacket(packetPong, "probe").wire); err == nil {
				c.releasePolls()
			}
		case op == ws.OpText && len(data) == 1 && data[0] == packetUpgrade:
			return c.takeOver(sock)
		default:
			return false
		}
		if err != nil {
			return false
		}
	}
}

// releasePolls sends the poll that waits home, and soon each that comes: the client goes on with the upgrade when its
// last poll is answered.
func (c *Conn) releasePolls() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.probed = true
	c.endPoll()
}

// takeOver makes the socket the session's transport.
func (c *Conn) takeOver(sock *webSocket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	sock.conn.SetDeadline(time.Time{})
	c.ws, c.probe, c.probed = sock, nil, false
	if c.poll != nil { // should have ended before the upgrade: as good as one that comes behind it
		c.poll.answer <- payload{}
		c.poll = nil
	}
	if c.old != nil {
		c.old.base64 = c.old.socketBase64
		c.confirm() // the client has sent this packet when its last poll was answered
		if c.pings != c.pongs && !c.proven() {
			c.enqueue(socketPing(c.pings)) // behind what the polls have not taken
		}
	}
	return true
}

// endPoll sends the poll that waits home with nothing.
func (c *Conn) endPoll() {
	if c.poll != nil {
		home := c.payload(c.server.noop)
		home.noop = true
		c.poll.answer <- home
		c.poll = nil
	}
}
