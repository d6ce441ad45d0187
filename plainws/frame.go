package plainws

import (
	"bytes"
	"errors"
	"io"
	"os"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/parley-chat/parley/chat"
)

// maxMessage bounds one WebSocket message: the longest text, escaped as its sender likes, and what is around it.
const maxMessage = chat.MaxBody + 4<<10

// violation is how a session ends whose client broke a rule, or said goodbye.
type violation struct {
	code   ws.StatusCode
	reason string
}

func (v *violation) Error() string { return v.reason }

// read does what the client asks, until there is a reason to stop: a *violation, or an error of the connection.
func (s *session) read() error {
	for {
		message, err := s.next()
		if s.isOver() {
			return io.EOF
		}
		if err != nil {
			return err
		}
		if err := s.hear(message); err != nil {
			return err
		}
	}
}

// next returns the next message (RFC 6455, sections 5.2 to 5.5). It answers control frames, and pings a client that is
// silent.
func (s *session) next() ([]byte, error) {
	var message bytes.Buffer // grows as the bytes come, not as the header says
	state := ws.StateServerSide
	for {
		if err := s.wait(state); err != nil {
			return nil, err
		}
		h, err := ws.ReadHeader(s.in)
		if err == nil {
			err = check(h, state, message.Len())
		} else if errors.Is(err, ws.ErrHeaderLengthMSB) {
			err = &violation{ws.StatusProtocolError, err.Error()}
		}
		if err != nil {
			return nil, late(err)
		}
		if h.OpCode.IsControl() {
			if err := s.control(h); err != nil {
				return nil, late(err)
			}
			continue
		}
		from := message.Len()
		if _, err := io.CopyN(&message, s.in, h.Length); err != nil {
			return nil, late(err)
		}
		ws.Cipher(message.Bytes()[from:], h.Mask, 0)
		if !h.Fin {
			state = state.Set(ws.StateFragmented)
			continue
		}
		if !utf8.Valid(message.Bytes()) {
			return nil, &violation{ws.StatusInvalidFramePayloadData, "not UTF-8"}
		}
		return message.Bytes(), nil
	}
}

// wait returns when a frame begins. A client that is silent is pinged, and given up when it stays so. Behind the first
// frame of a message, which has set the deadline, there is no patience for the others.
func (s *session) wait(state ws.State) error {
	if state.Is(ws.StateFragmented) {
		_, err := s.in.Peek(1)
		return late(err)
	}
	patience, pinged := s.door.cfg.PingInterval, false
	for s.in.Buffered() == 0 {
		s.conn.SetReadDeadline(time.Now().Add(patience))
		_, err := s.in.Peek(1)
		switch {
		case err == nil:
		case !errors.Is(err, os.ErrDeadlineExceeded) || s.isOver():
			return err
		case pinged:
			return &violation{ws.StatusPolicyViolation, "no answer to a ping"}
		default:
			s.ping()
			patience, pinged = s.door.cfg.PingTimeout, true
		}
	}
	s.conn.SetReadDeadline(time.Now().Add(s.door.cfg.PingTimeout))
	return nil
}

// late says that what has begun did not come to its end in time.
func late(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &violation{ws.StatusPolicyViolation, "the rest of a message did not come in time"}
	}
	return err
}

// check tells whether a frame may come now. soFar is how much there is of its message.
func check(h ws.Header, state ws.State, soFar int) error {
	if err := ws.CheckHeader(h, state); err != nil {
		return &violation{ws.StatusProtocolError, err.Error()}
	}
	if !h.OpCode.IsControl() && h.Length > int64(maxMessage-soFar) {
		return &violation{ws.StatusMessageTooBig, "message too long"}
	}
	return nil
}

// control answers a control frame, whose payload is 125 bytes at the most.
func (s *session) control(h ws.Header) error {
	payload := make([]byte, h.Length)
	if _, err := io.ReadFull(s.in, payload); err != nil {
		return err
	}
	ws.Cipher(payload, h.Mask, 0)
	switch h.OpCode {
	case ws.OpPing:
		if _, ok := s.events.Take(s.door.cfg.Now(), 1); ok { // a flood of them is not worth an answer
			s.send(ws.MustCompileFrame(ws.NewPongFrame(payload)))
		}
		return nil
	case ws.OpClose:
		return goodbye(payload)
	default:
		s.pong(payload)
		return nil
	}
}

// goodbye is the end that a close frame asks for: its code is echoed (RFC 6455, section 5.5.1).
func goodbye(payload []byte) *violation {
	if len(payload) == 0 {
		return &violation{ws.StatusNormalClosure, ""}
	}
	code, reason := ws.ParseCloseFrameData(payload)
	switch err := ws.CheckCloseFrameData(code, reason); err {
	case nil:
		return &violation{code, ""}
	case ws.ErrProtocolInvalidUTF8:
		return &violation{ws.StatusInvalidFramePayloadData, err.Error()}
	default:
		return &violation{ws.StatusProtocolError, err.Error()}
	}
}

// closeFrame makes a close frame. The reason is cut to what a control frame holds (RFC 6455, section 5.5).
func closeFrame(code ws.StatusCode, reason string) []byte {
	for len(reason) > ws.MaxControlFramePayloadSize-2 {
		_, size := utf8.DecodeLastRuneInString(reason)
		reason = reason[:len(reason)-size]
	}
	return ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(code, reason)))
}
