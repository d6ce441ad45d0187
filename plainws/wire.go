package plainws

import (
	"context"
	"encoding/json"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"github.com/gobwas/ws"

	"github.com/parley-chat/parley/chat"
)

// heard is a message as clients hear it. Context is a text: what other doors send as other JSON stands in it as JSON.
type heard struct {
	Sender   string          `json:"Sender"`
	Context  json.RawMessage `json:"context"`
	RoomID   chat.RoomID     `json:"roomId"`
	SenderID chat.UserID     `json:"senderId"`
	ID       string          `json:"id"`
	Seq      uint64          `json:"seq"`
	At       int64           `json:"at"` // milliseconds since 1970
	Type     string          `json:"type"`
	Ref      string          `json:"ref,omitempty"`
}

func messageFrame(m *chat.Message, sender string) []byte {
	text := json.RawMessage(m.Body)
	if m.Body[0] != '"' {
		text, _ = json.Marshal(string(m.Body)) // a string always marshals
	}
	return textFrame(heard{sender, text, m.Room, m.Sender, m.ID(), m.Seq, m.At.UnixMilli(), m.Type, m.Ref})
}

// textFrame makes a message of what marshals.
func textFrame(v any) []byte {
	payload, _ := json.Marshal(v)
	return ws.MustCompileFrame(ws.NewTextFrame(payload))
}

// failure is an error as clients see it, under "error".
type failure struct {
	Code       chat.Code `json:"code"`
	Message    string    `json:"message"`
	Ref        string    `json:"ref,omitempty"`
	RetryAfter int64     `json:"retryAfter,omitempty"` // milliseconds
}

// refuse tells the client what was wrong with a message. The connection lives.
func (s *session) refuse(ref string, err error) {
	s.door.log("message refused", err)
	e := chat.AsError(err)
	s.send(textFrame(struct {
		Error failure `json:"error"`
	}{failure{e.Code, e.Message, ref, e.RetryAfter.Milliseconds()}}))
}

// log logs an error once: ours at level error, the client's at debug. Unavailable without a cause is a refusal while the
// engine is away, which was logged before.
func (d *Server) log(what string, err error) {
	level, e := slog.LevelDebug, chat.AsError(err)
	if e.Code == chat.Internal || e.Code == chat.Unavailable && e.Cause != nil {
		level = slog.LevelError
	}
	d.cfg.Log.Log(context.Background(), level, what, "error", err)
}

// refuse answers a handshake that opens nothing, in the words of the room chat: {"error"}.
func (d *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	d.log("session refused", err)
	e := chat.AsError(err)
	status := http.StatusInternalServerError
	switch e.Code {
	case chat.Invalid:
		status = http.StatusBadRequest
	case chat.Unauthenticated:
		status = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", "Bearer") // RFC 9110, section 11.6.1
	case chat.Forbidden:
		status = http.StatusForbidden
	case chat.TooMany:
		status = http.StatusTooManyRequests
	case chat.Unavailable:
		status = http.StatusServiceUnavailable
	}
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	body, _ := json.Marshal(struct {
		Error string `json:"error"`
	}{e.Message})
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body) // when it cannot be written, the client is gone
}
