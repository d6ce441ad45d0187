package plainws

import (
	"encoding/binary"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-chat/parley/chat"
)

// proof is what is known of what has arrived. A pong proves that the device has what was sent before its ping (RFC 6455,
// section 5.5.3); then its cursors move, and with the next connection it goes on from there.
type proof struct {
	unproven arrived
	proving  arrived // with the ping of this number
	number   uint64
	asked    time.Time
}

// arrived is how far rooms have come: received, and of those the user's own, which she has read.
type arrived struct{ received, wrote map[chat.ConvID]uint64 }

// proofGap is the shortest time between two pings that prove receipt.
const proofGap = time.Second

// mark notes that a message is on the wire. The caller holds s.mu.
func (s *session) mark(m *chat.Message) {
	s.sent[m.Conv] = m.Seq
	p := &s.proof
	if p.unproven.received == nil {
		p.unproven = arrived{make(map[chat.ConvID]uint64), make(map[chat.ConvID]uint64)}
	}
	p.unproven.received[m.Conv] = m.Seq
	if m.Sender == s.user {
		p.unproven.wrote[m.Conv] = m.Seq
	}
	if time.Since(p.asked) >= proofGap {
		s.prove()
	}
}

// prove asks for proof of what has none, unless an answer is due. The caller holds s.mu.
func (s *session) prove() (asked bool) {
	p := &s.proof
	if p.unproven.received == nil || p.proving.received != nil {
		return false
	}
	p.number++
	p.asked, p.proving, p.unproven = time.Now(), p.unproven, arrived{}
	return s.send(ws.MustCompileFrame(ws.NewPingFrame(binary.BigEndian.AppendUint64(nil, p.number))))
}

// ping asks a silent client whether it is there.
func (s *session) ping() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.prove() {
		s.send(ws.CompiledPing)
	}
}

// pong moves the cursors.
func (s *session) pong(payload []byte) {
	s.mu.Lock()
	p := &s.proof
	if len(payload) != 8 || binary.BigEndian.Uint64(payload) != p.number || p.proving.received == nil {
		s.mu.Unlock()
		return
	}
	proven := p.proving
	p.proving = arrived{}
	s.mu.Unlock()
	s.door.cfg.Cursors.Advance(s.user, s.device, proven.received, proven.wrote)
}
