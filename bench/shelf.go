package main

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/store/embedded"
)

// shelf is what the store scenario reads: a long conversation of the reader with a friend, short ones with many others,
// as much text again in all of them, and people who were away while somebody wrote to them.
type shelf struct {
	reader, friend user
	others         []user // each has a conversation with the reader
	away           []user
	writer         user // to those who were away
	messages       int  // in the long conversation, and in the short ones together
	backlog        int  // for each of those who were away
}

// fill writes all that into a stopped server's engine: what clients would send, faster than they could.
func (s *shelf) fill(ctx context.Context, data string) error {
	engine, err := embedded.Open(ctx, filepath.Join(data, "engine"), nil)
	if err != nil {
		return err
	}
	text := newProse()
	f := &filler{ctx: ctx, engine: engine, at: time.Now().Add(-2 * 365 * 24 * time.Hour).Truncate(time.Millisecond)}
	rare := rarePlaces(s.messages)
	for i := range s.messages {
		from, to := s.reader, s.friend
		if i%2 == 0 {
			from, to = to, from
		}
		var ending []string
		if slices.Contains(rare, uint64(i+1)) {
			ending = []string{rareWord, rareChinese}
		}
		f.add(from, to, text.message(ending...))
		if other := s.others[i%len(s.others)]; i < s.messages/len(s.others)*len(s.others) {
			f.add(other, s.reader, text.message())
		}
	}
	for _, away := range s.away {
		for range s.backlog {
			f.add(s.writer, away, text.message())
		}
	}
	f.flush()
	// The reader's devices have everything, or her first login would bring it all.
	var cursors []chat.Cursor
	for conv, last := range s.lasts() {
		cursors = append(cursors, chat.Cursor{User: chat.UserID(s.reader.id), Conv: conv, Seq: uint64(last)})
	}
	if f.err == nil {
		f.err = engine.AdvanceCursors(ctx, cursors)
	}
	if err := engine.Close(); f.err == nil {
		f.err = err
	}
	return f.err
}

// lasts are the reader's conversations, each with its last number.
func (s *shelf) lasts() map[chat.ConvID]int {
	lasts := map[chat.ConvID]int{conv(s.reader, s.friend): s.messages}
	for _, other := range s.others {
		lasts[conv(s.reader, other)] = s.messages / len(s.others)
	}
	return lasts
}

func conv(a, b user) chat.ConvID { return chat.DirectConv(chat.UserID(a.id), chat.UserID(b.id)) }

// sketches returns how many bytes searches have left behind in the long conversation, and how long its bodies are.
func (s *shelf) sketches(ctx context.Context, data string) (kept, text int, err error) {
	engine, err := embedded.Open(ctx, filepath.Join(data, "engine"), nil)
	if err != nil {
		return 0, 0, err
	}
	defer engine.Close()
	long := conv(s.reader, s.friend)
	sketches, err := engine.Sketches(ctx, long, 0, uint64(s.messages))
	for i := range sketches {
		kept += len(sketches[i].Bits)
	}
	for after := uint64(0); err == nil; {
		var page []chat.Message
		if page, err = engine.Since(ctx, long, after, fillBatch); len(page) == 0 {
			break
		}
		for i := range page {
			text += len(page[i].Body)
		}
		after = page[len(page)-1].Seq
	}
	return kept, text, err
}

// fillBatch is how many messages become durable together.
const fillBatch = 2048

// filler appends messages, ten seconds after each other. After an error it does nothing more.
type filler struct {
	ctx    context.Context
	engine chat.MessageStore
	at     time.Time
	batch  []chat.Message
	err    error
}

func (f *filler) add(from, to user, body []byte) {
	f.at = f.at.Add(10 * time.Second)
	f.batch = append(f.batch, chat.Message{
		Conv: conv(from, to), Sender: chat.UserID(from.id), To: chat.UserID(to.id), Device: "bench", Type: "text", Body: body, At: f.at,
	})
	if len(f.batch) == fillBatch {
		f.flush()
	}
}

func (f *filler) flush() {
	if f.err == nil {
		_, f.err = f.engine.Append(f.ctx, f.batch)
	}
	f.batch = f.batch[:0]
}
