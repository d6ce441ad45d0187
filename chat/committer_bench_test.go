package chat_test

import (
	"context"
	"sync"
	"testing"

	"github.com/parley-chat/parley/chat"
)

// swift is an engine that stores nothing, so that what remains is the rules' own.
type swift struct {
	chat.MessageStore
	receipts []chat.Receipt
	seqs     uint64
}

func (s *swift) Append(_ context.Context, batch []chat.Message) ([]chat.Receipt, error) {
	s.receipts = s.receipts[:0]
	for i := range batch {
		s.seqs++
		s.receipts = append(s.receipts, chat.Receipt{Conv: batch[i].Conv, Seq: s.seqs, At: batch[i].At})
	}
	return s.receipts, nil
}

// tally is a door that says when so many messages have come through.
type tally struct{ left sync.WaitGroup }

func (c *tally) Deliver(batch []chat.Outcome) { c.left.Add(-len(batch)) }

// BenchmarkSubmit takes messages of a hundred conversations from Submit to the door, 1,024 under way at the most.
func BenchmarkSubmit(b *testing.B) {
	heard := new(tally)
	s := open(b, new(swift), crowd{}, heard)
	var drafts []chat.Draft
	for i := range 100 {
		drafts = append(drafts, draft(person(2*i), person(2*i+1), `"good morning, is the kettle on?"`))
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		heard.left.Add(1)
		if err := s.Submit(b.Context(), drafts[n%len(drafts)], heard); err != nil {
			b.Fatal(err)
		}
		if n++; n%1024 == 0 {
			heard.left.Wait()
		}
	}
	heard.left.Wait()
}
