package chat_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/chat"
)

func wantReachable(t *testing.T, s chat.SocketStore, user chat.UserID, want ...chat.SocketID) {
	t.Helper()
	sockets, err := s.Sockets(t.Context(), []chat.UserID{user}, time.Now())
	var got []chat.SocketID
	for _, socket := range sockets {
		got = append(got, socket.ID)
	}
	slices.SortFunc(got, func(a, b chat.SocketID) int { return strings.Compare(string(a), string(b)) })
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%s is reached at %v, error %v, want %v", user, got, err, want)
	}
}

// Two nodes serve Ann. One ends in order, the other falls silent; soon nobody looks for her there.
func TestNodesComeAndGo(t *testing.T) {
	engine := newEngine(t)
	synctest.Test(t, func(t *testing.T) {
		ann := person(1)
		nodes, stops := make(map[chat.NodeID]*chat.Registry), make(map[chat.NodeID]func())
		for _, name := range []chat.NodeID{"east", "west", "south"} {
			r := &chat.Registry{Store: engine, Node: name, Now: time.Now, Log: quiet()}
			if err := r.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			var running sync.WaitGroup
			if name != "south" { // which dies before it beats again
				running.Go(func() { r.Run(ctx) })
			}
			nodes[name], stops[name] = r, func() {
				cancel()
				running.Wait()
			}
			if err := r.Enter(t.Context(), ann, "phone", chat.SocketID("at "+name)); err != nil {
				t.Fatal(err)
			}
		}
		wantReachable(t, engine, ann, "at east", "at south", "at west")
		sockets, err := engine.Sockets(t.Context(), []chat.UserID{ann}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sockets {
			if s.User != ann || s.Device != "phone" || s.ID != chat.SocketID("at "+s.Node) || !s.Since.Equal(time.Now()) {
				t.Errorf("her socket is %+v", s)
			}
		}

		// One or two beats may be lost.
		time.Sleep(25 * time.Second)
		synctest.Wait()
		wantReachable(t, engine, ann, "at east", "at south", "at west")
		time.Sleep(time.Minute)
		synctest.Wait()
		wantReachable(t, engine, ann, "at east", "at west")
		if removed, err := engine.SweepSockets(t.Context(), time.Now()); err != nil || removed != 0 {
			t.Errorf("%d entries of the dead were left, error %v", removed, err)
		}

		if err := nodes["west"].Enter(t.Context(), ann, "laptop", "brief"); err != nil {
			t.Fatal(err)
		}
		nodes["west"].Leave(t.Context(), ann, "brief")
		nodes["west"].Leave(t.Context(), ann, "brief")
		wantReachable(t, engine, ann, "at east", "at west")

		stops["west"]()
		wantReachable(t, engine, ann, "at east")
		stops["east"]()
		stops["south"]()
		wantReachable(t, engine, ann)
		if removed, err := engine.SweepSockets(t.Context(), time.Now()); err != nil || removed != 0 {
			t.Errorf("%d entries were left behind, error %v", removed, err)
		}
	})
}
