package chat

import (
	"context"
	"runtime"
	"time"
)

// Bounds of a search. A question that needs more is answered in parts: the asker goes on from Next.
const (
	searchTime    = 200 * time.Millisecond // of one call, which looks at one block at least
	searchWait    = 500 * time.Millisecond // for a place among those that search
	maxScanned    = 32_768                 // messages read in one call
	maxFound      = 1 << 20                // bytes of the bodies in one answer, if it has more than one message
	maxFoundAhead = 8 << 20                // bytes of the bodies that match but are not next in order
)

// Search is a request for messages that have certain words.
type Search struct {
	Q      string // up to 8 words, 256 bytes: each is a part of the message's text
	Conv   ConvID // "" for all conversations of the asker
	Before Place  // Next of a former answer; the zero Place for the newest
	Limit  int    // 0 for pageSize, at most MaxPage
}

// Found is the answer. It may hold less than the limit, even nothing, and yet have a Next: then the call's bounds ended
// it before the conversations did.
type Found struct {
	Messages []Message // newest first
	Next     Place     // where to go on; zero when all has been looked at
}

// Searches are the rules of searching. Make it with NewSearches.
type Searches struct {
	messages *Messages
	sketches SketchStore
	words    Words
	now      func() time.Time
	places   chan struct{} // one for each search under way
	paused   pauses
}

// NewSearches returns the rules over an engine. Searches use half of the machine's cores at the most, or two: what they
// take is missing to those who talk.
func NewSearches(messages *Messages, sketches SketchStore, words Words, now func() time.Time) *Searches {
	return &Searches{
		messages: messages, sketches: sketches, words: words, now: now,
		places: make(chan struct{}, max(2, runtime.GOMAXPROCS(0)/2)),
	}
}

// Find returns messages of the user's own conversations that have all words of the question, newest first. Recalled and
// expired ones have none. Of a room that she is put out of meanwhile there is nothing from then on.
//
// Errors: Invalid, Forbidden when the asker has no part in the conversation, TooMany when too many search already.
func (s *Searches) Find(ctx context.Context, user UserID, r Search) (Found, error) {
	limit, err := pageLimit(r.Limit, pageSize)
	if err == nil && r.Conv != "" {
		_, err = s.messages.Rooms.Floor(ctx, user, r.Conv)
	}
	if err != nil {
		return Found{}, err
	}
	question, err := s.words.Question(r.Q)
	if err != nil {
		return Found{}, err
	}
	if err := enter(ctx, s.places, searchWait); err != nil {
		return Found{}, err
	}
	defer func() { <-s.places }()
	run := &search{
		user: user, rules: s.messages, messages: s.messages.store, sketches: s.sketches, words: s.words, question: question, from: r.Before,
		now: s.now, end: s.now().Add(searchTime),
	}
	at := pause{user, r.Q, r.Conv, r.Before}
	if run.walks = s.paused.take(at); run.walks != nil {
		err = run.resume(ctx)
	} else {
		err = run.begin(ctx, r.Conv)
	}
	if err != nil {
		return Found{}, err
	}
	found, err := run.find(ctx, limit)
	run.keepSketches(ctx)
	if err == nil && len(run.walks) > 0 {
		at.next = found.Next
		s.paused.put(at, run.walks)
	}
	return found, err
}

// enter takes one of the places of those who ask for much at once, and waits for it if it must.
func enter(ctx context.Context, places chan<- struct{}, wait time.Duration) error {
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	select {
	case places <- struct{}{}:
		return nil
	case <-timeout.C:
		return &Error{Code: TooMany, Message: "too many ask for this at once", RetryAfter: time.Second}
	case <-ctx.Done():
		return Wrap(Unavailable, "cancelled", ctx.Err())
	}
}
