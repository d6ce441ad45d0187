package gateway

import (
	"net"
	"sync"
	"testing"
	"time"
)

// Bob has not read for too long when a friend's news comes for him, and in the same moment another login ends his session:
// neither waits for the other.
func TestAnEndAndNewsForASlowClientMeet(t *testing.T) {
	d := New(Config{MaxQueued: 1, Now: time.Now})
	for range 2000 {
		server, bob := net.Pipe()
		s := newSession(d, server, "")
		s.live = true
		var both sync.WaitGroup
		both.Go(func() { s.tell(told{frame: []byte("news")}) })
		both.Go(func() { s.end(notice{Reason: "logged in elsewhere"}) })
		both.Wait()
		<-s.over
		bob.Close()
	}
}
