package chat_test

import (
	"context"
	"testing"

	"github.com/parley-chat/parley/chat"
)

// A message of the server's own is numbered among the others, and every door has it before the one who waits for it goes
// on.
func TestTheServerSpeaksInARoom(t *testing.T) {
	engine, heard := newEngine(t), newDoor()
	ann := settle(t, engine, "Ann")[0]
	s := open(t, engine, engine, heard)
	room := chat.RoomID(ann)
	for seq := uint64(1); seq < 4; seq++ {
		m, err := s.System(t.Context(), room, ann, []byte(`{"what":"renamed"}`))
		if err != nil {
			t.Fatal(err)
		}
		if m.Conv != chat.RoomConv(room) || m.Seq != seq || m.Room != room || m.Sender != ann || m.Type != "system" || string(m.Body) != `{"what":"renamed"}` {
			t.Errorf("the message is %+v", m)
		}
		heard.mu.Lock()
		if n := len(heard.all); n != int(seq) || heard.all[n-1].Message.Seq != seq {
			t.Errorf("the door has %d outcomes when number %d is through", n, seq)
		}
		heard.mu.Unlock()
	}
	page, err := engine.Since(t.Context(), chat.RoomConv(room), 0, 10)
	if err != nil || len(page) != 3 || page[2].Type != "system" {
		t.Errorf("stored is %+v, error %v", page, err)
	}
}

// Who waits hears that the engine will not have the message, and does not wait for longer than she has time.
func TestTheServersMessageIsNotStored(t *testing.T) {
	b := &bench{fail: func([]chat.Message) (int, error) { return 0, chat.Errorf(chat.Invalid, "not a room") }}
	s := open(t, b, crowd{})
	if _, err := s.System(t.Context(), "x", person(0), []byte(`1`)); chat.CodeOf(err) != chat.Invalid {
		t.Errorf("refused by the engine: error %v", err)
	}

	held := &bench{began: make(chan int, 1), finish: make(chan struct{})}
	s = open(t, held, crowd{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-held.began
		cancel()
	}()
	if _, err := s.System(ctx, chat.RoomID(person(1)), person(0), []byte(`1`)); chat.CodeOf(err) != chat.Unavailable {
		t.Errorf("an engine that does not answer: error %v", err)
	}
	close(held.finish)
}
