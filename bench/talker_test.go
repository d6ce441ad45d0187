package main

import (
	"bytes"
	"io"
	"testing"
)

// script is a wire whose server says what is written in advance, and then hangs up.
type script struct {
	says    []string
	wrote   [][]byte
	flushed int
	flush   func() // called by Flush
}

func (s *script) Read() ([]byte, error) {
	if len(s.says) == 0 {
		return nil, io.EOF
	}
	packet := s.says[0]
	s.says = s.says[1:]
	return []byte(packet), nil
}

func (s *script) Buffered() bool { return len(s.says) > 0 }
func (s *script) Write(p []byte) { s.wrote = append(s.wrote, bytes.Clone(p)) }
func (s *script) Close() error   { return nil }

func (s *script) Flush() error {
	s.flushed++
	if s.flush != nil {
		s.flush()
	}
	return nil
}

// couple are Ann and Bob, each on a wire.
func couple(speak language, anns, bobs *script) (a, b *talker) {
	s := newStretch()
	a, b = &talker{stretch: s, wire: anns}, &talker{stretch: s, wire: bobs}
	a.partner, b.partner = b, a
	a.speech, b.speech = speak(ann, bob, minBody)
	return a, b
}

// Answers make Ann go on in the closed loop, refusals too; what was refused is counted, by ack or by event.
func TestAnswersKeepTheWindowFull(t *testing.T) {
	wire := &script{says: []string{`31[{"ok":true}]`, `32[{"ok":false,"error":{}}]`, `2["refused",{"code":"too_many"}]`}}
	a, _ := couple(chatWithAcks, wire, &script{})
	a.stretch.again.Store(true)
	a.say(3, 0, true)
	if err := a.talk(); err != io.EOF {
		t.Errorf("the talk ended with %v", err)
	}
	if a.acked.Load() != 1 || a.refused.Load() != 2 || a.sent.Load() != 6 || len(wire.wrote) != 6 {
		t.Errorf("acked %d, refused %d, sent %d", a.acked.Load(), a.refused.Load(), a.sent.Load())
	}
	a.stretch.again.Store(false)
	wire.says = []string{`33[{"ok":true}]`}
	a.stretch.ended.Store(true)
	if err := a.talk(); err != nil || a.sent.Load() != 6 {
		t.Errorf("after the end: %v, sent %d", err, a.sent.Load())
	}
}

// Without acks it is Bob's hearing that makes room: Ann says the next, and her wire is flushed with it.
func TestHearingIsTheAnswerWithoutAcks(t *testing.T) {
	bobs := &script{says: []string{`2["typing",{"on":true}]`, `2["typing",{"on":false}]`}}
	anns := &script{}
	a, b := couple(typing, anns, bobs)
	a.stretch.again.Store(true)
	a.stretch.from.Store(0)
	a.stretch.until.Store(1 << 62)
	a.say(2, 0, false)
	if err := b.talk(); err != io.EOF {
		t.Errorf("the talk ended with %v", err)
	}
	if a.sent.Load() != 4 || a.acked.Load() != 2 || b.received.Load() != 2 || anns.flushed == 0 {
		t.Errorf("sent %d, answered %d, received %d, flushed %d", a.sent.Load(), a.acked.Load(), b.received.Load(), anns.flushed)
	}
	if n := a.stretch.latencies.histogram.TotalCount(); n != 2 {
		t.Errorf("%d latencies, want 2", n)
	}
}
