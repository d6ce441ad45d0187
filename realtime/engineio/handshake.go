package engineio

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// The errors of the handshake, as every Engine.IO server answers them: {"code","message"} with status 400.
type handshakeError int

const (
	errUnknownTransport   handshakeError = 0
	errUnknownSession     handshakeError = 1
	errHandshakeMethod    handshakeError = 2
	errBadRequest         handshakeError = 3
	errUnsupportedVersion handshakeError = 5
)

func (e handshakeError) message() string {
	switch e {
	case errUnknownTransport:
		return "Transport unknown"
	case errUnknownSession:
		return "Session ID unknown"
	case errHandshakeMethod:
		return "Bad handshake method"
	case errUnsupportedVersion:
		return "Unsupported protocol version"
	default:
		return "Bad request"
	}
}

func (e handshakeError) write(w http.ResponseWriter) {
	body, _ := json.Marshal(map[string]any{"code": int(e), "message": e.message()})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	w.Write(body)
}

// speaks tells whether a protocol is let in.
func (s *Server) speaks(protocol string) bool {
	return (protocol == "3" || protocol == "4") && (s.cfg.Protocol == 0 || strconv.Itoa(s.cfg.Protocol) == protocol)
}

// handshake opens a session. Its first packet names the session and the timers (protocol 4, section "Handshake").
func (s *Server) handshake(w http.ResponseWriter, r *http.Request, query url.Values, isUpgrade bool) {
	if !s.begin() {
		http.Error(w, shuttingDown, http.StatusServiceUnavailable)
		return
	}
	defer s.end()
	c := newConn(s, newID())
	if query.Get("EIO") == "3" {
		var ok bool
		if c.old, ok = newProtocol3(query, c.pingedAt); !ok {
			errBadRequest.write(w)
			return
		}
	}
	if s.cfg.Admit != nil {
		leave, retry, ok := s.cfg.Admit(r)
		if !ok {
			refuse(w, retry)
			return
		}
		c.leave = leave
	}
	if isUpgrade {
		sock, err := acceptWebSocket(w, r, s)
		if err != nil { // the answer is written
			if c.leave != nil {
				c.leave()
			}
			return
		}
		c.ws = sock
	}
	c.Enqueue(textPacket(packetOpen, s.openPayload(c, !isUpgrade)))
	c.start(s.cfg.Open(c, r))
	if c.ws == nil {
		c.servePoll(w, r)
		return
	}
	c.Flush()
	c.startReading()
}

// refuse answers who is not let in for now: the code is "Forbidden" of the handshake's errors, the status says why.
func refuse(w http.ResponseWriter, retry time.Duration) {
	w.Header().Set("Content-Type", "application/json")
	if retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((retry+time.Second-1)/time.Second)))
	}
	w.WriteHeader(http.StatusTooManyRequests)
	io.WriteString(w, `{"code":4,"message":"Forbidden: too many connections from this address"}`)
}

func (s *Server) openPayload(c *Conn, canUpgrade bool) string {
	upgrades := "[]"
	if canUpgrade {
		upgrades = `["websocket"]`
	}
	opening := `{"sid":"` + c.id + `","upgrades":` + upgrades +
		`,"pingInterval":` + strconv.FormatInt(s.cfg.PingInterval.Milliseconds(), 10) +
		`,"pingTimeout":` + strconv.FormatInt(s.cfg.PingTimeout.Milliseconds(), 10)
	if c.old != nil {
		return opening + `}`
	}
	return opening + `,"maxPayload":` + strconv.Itoa(s.cfg.MaxPayload) + `}`
}
