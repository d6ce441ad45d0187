package extension_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/zishang520/socket.io/v2/socket"

	"github.com/parley-chat/parley/realtime/engineio"
	"github.com/parley-chat/parley/realtime/extension"
)

// A broadcast collects the acks of all its receivers. Inside BroadcastOperator.Emit the library writes one word after
// the packets are out, and reads it where the acks come in, without a lock: no adapter, parser or transport under it
// can order the two. That race is the library's alone, so the test does not run under the race detector; what comes of
// it, an ack function that may be called twice, is contained by a sync.Once, as the package documentation asks for.
func TestBroadcastCollectsAcks(t *testing.T) {
	if raceEnabled {
		t.Skip("the library races with itself here")
	}
	const people = 20
	var n socket.Namespace
	h := open(t, engineio.Config{}, func(io *extension.Sockets) { n = onConnect(io, "/rooms", func(*socket.Socket) {}) })
	var room []*person
	for range people {
		room = append(room, h.join("/rooms"))
	}
	answers := make(chan []any, 1)
	var once sync.Once
	n.Timeout(answerWait).EmitWithAck("who?")(func(args []any, err error) {
		once.Do(func() {
			if err != nil {
				t.Error(err)
			}
			answers <- args
		})
	})
	for i, p := range room {
		var id int
		if _, err := fmt.Sscanf(p.hears("2/rooms,"), "2/rooms,%d", &id); err != nil {
			t.Fatal(err)
		}
		p.says(fmt.Sprintf("3/rooms,%d[%d]", id, i))
	}
	if got := happens(t, "the last ack", answers); len(got) != people {
		t.Errorf("%d answers: %v", len(got), got)
	}
}

// Each of 100 people is asked with a timeout and leaves without an answer. The library keeps a goroutine for each until
// the timeout is over: this is what it leaves behind, and it is all.
func TestUnansweredAcksEndWithTheirTimeout(t *testing.T) {
	const people = 100
	asked, timedOut := make(chan struct{}, people), make(chan error, people)
	h := open(t, engineio.Config{}, func(io *extension.Sockets) {
		onConnect(io, "/rooms", func(s *socket.Socket) {
			s.On("disconnect", func(...any) { asked <- struct{}{} })
			s.Timeout(time.Second).Emit("well?", func(_ []any, err error) { timedOut <- err })
		})
	})
	before := runtime.NumGoroutine()
	for range people {
		p := h.join("/rooms")
		p.hears("2/rooms,")
		p.conn.Close()
	}
	for range people {
		happens(t, "the disconnect", asked)
	}
	t.Logf("%d goroutines, %d before", runtime.NumGoroutine(), before)
	for range people {
		if err := happens(t, "the timeout", timedOut); err == nil {
			t.Error("answered")
		}
	}
	for deadline := time.Now().Add(answerWait); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}
