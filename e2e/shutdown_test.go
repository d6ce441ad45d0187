package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// SIGTERM in the midst of a load: clients hear why, the process ends in time, and what was acked is stored.
func TestShutdownDrains(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	ann, bob := s.register("Ann"), s.register("Bob")
	onPhone, onDesk := s.join(ann, "phone"), s.join(bob, "desk")
	for i := range 500 {
		onPhone.conn.Write([]byte(eventPacket(fmt.Sprint(i), "chat",
			map[string]string{"form_id": ann.id, "toUserid": bob.id, "message": fmt.Sprint(i)})))
	}
	if err := onPhone.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	onDesk.await(`2["newMessage",`) // so the load is on

	stopped := make(chan struct{})
	go func() { s.stop(); close(stopped) }()
	acked := make(map[uint64]string) // seq -> message
	var why error
	for {
		var packet []byte
		if packet, why = onPhone.conn.Read(); why != nil {
			break
		}
		id, args, isAck := strings.Cut(string(packet[1:]), "[")
		var ack struct {
			OK  bool
			Seq uint64
		}
		if packet[0] == '3' && isAck && json.Unmarshal([]byte(strings.TrimSuffix(args, "]")), &ack) == nil && ack.OK {
			acked[ack.Seq] = id
		}
	}
	for name, err := range map[string]error{"Ann": why, "Bob": onDesk.ending()} {
		// No close frame: some clients take one for the end. The stream ends where a frame does, and is not cut.
		if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v, want the end of the stream", name, err)
		}
	}
	<-stopped
	if len(acked) == 0 {
		t.Error("nothing was acked")
	}

	s = start(t, dir)
	history := s.join(ann, "phone").history(ann.id, bob.id)
	for seq, text := range acked {
		if seq > uint64(len(history)) || string(history[seq-1].Message) != text {
			t.Fatalf("number %d was acked and is not stored", seq)
		}
	}
}
