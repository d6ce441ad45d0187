// Package storetest is the contract of the engines: every sentence of the comments on chat.Store as a story, noun by
// noun. Each engine's own test calls Run and Crash; an engine that passes can take the place of any other.
package storetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

// Engine is what Run and Crash need of an engine.
type Engine struct {
	// New makes a fresh, empty place and returns its URL. The place goes away with t.
	New func(t testing.TB) string
	// Open opens a place. It is called again for the same URL after Close, and by another process in Crash.
	Open func(ctx context.Context, url string) (chat.Store, error)
	// Scale divides the sizes of the large stories, for engines too slow for them. 0 and 1 mean full size.
	Scale int
	// RacyUpdates leaves out the stories in which many change one existing record at the same moment. It is for
	// stand-ins that settle races of inserts but not of updates, as FerretDB does; no engine in production sets it.
	RacyUpdates bool
}

// story is one test on one fresh place.
type story struct {
	name string
	tell func(t *testing.T, p *place)
	// updateRace marks a story that RacyUpdates leaves out.
	updateRace bool
}

// Run holds an engine to the contract.
func Run(t *testing.T, e Engine) {
	nouns := []struct {
		name    string
		stories []story
	}{
		{"account", accountStories()},
		{"code", codeStories()},
		{"profile", profileStories()},
		{"erase", eraseStories()},
		{"friend", friendStories()},
		{"room", roomStories()},
		{"member", memberStories()},
		{"request", requestStories()},
		{"block", blockStories()},
		{"message", messageStories()},
		{"conversation", conversationStories()},
		{"ref", refStories()},
		{"page", pageStories()},
		{"change", changeStories()},
		{"cursor", cursorStories()},
		{"device", deviceStories()},
		{"file", fileStories()},
		{"socket", socketStories()},
		{"sketch", sketchStories()},
		{"archive", archiveStories()},
		{"retention", retentionStories()},
		{"store", storeStories()},
	}
	for _, noun := range nouns {
		t.Run(noun.name, func(t *testing.T) {
			for _, s := range noun.stories {
				t.Run(s.name, func(t *testing.T) {
					if s.updateRace && e.RacyUpdates {
						t.Skip("this stand-in loses concurrent updates")
					}
					s.tell(t, newPlace(t, e))
				})
			}
		})
	}
}

// place is one open engine on a place of its own.
type place struct {
	chat.Store
	engine Engine
	url    string
}

func newPlace(t *testing.T, e Engine) *place {
	t.Helper()
	p := &place{engine: e, url: e.New(t)}
	p.open(t)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return p
}

func (p *place) open(t *testing.T) {
	t.Helper()
	s, err := p.engine.Open(t.Context(), p.url)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	p.Store = s
}

// reopen closes the engine and opens its place again, as a restart of the server does.
func (p *place) reopen(t *testing.T) {
	t.Helper()
	if err := p.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	p.open(t)
}

// scaled returns n for this engine, at least least.
func (p *place) scaled(n, least int) int { return max(n/max(p.engine.Scale, 1), least) }

// noError ends the story on an error.
func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

// wantCode reports an error of another code; "" stands for no error.
func wantCode(t testing.TB, what string, err error, code chat.Code) {
	t.Helper()
	if got := chat.CodeOf(err); got != code {
		t.Errorf("%s: error %v with code %q, want %q", what, err, got, code)
	}
}

// together calls f(0) to f(n-1), each in its own goroutine, all let go at the same moment, and waits for their end.
func together(n int, f func(i int)) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	all.Wait()
}

// noon is the moment at which stories begin. Engines keep times to the millisecond, so stories use whole ones.
func noon() time.Time { return time.Date(2026, time.March, 4, 12, 0, 0, 123e6, time.UTC) }

func newUser() chat.UserID { return chat.NewUserID(noon()) }

// hostileNames are names that an engine might take for one another, or for the marks of its own keys. Clients choose
// device names and refs freely, so all of these may come.
func hostileNames() []string {
	return []string{
		"a", "A", "ab", "a/b", "a%2Fb", "a%", "a|b", "a:b", "a.b", "$a", "a b", "a ", "a\x00", "a\x00b", "a\\x00b",
		"á", "a\u0301", "王小明", "👩‍👩‍👧", "ÿ", "\uffff", "../a", "{\"a\":1}",
	}
}
