package chat_test

import "testing"

// The figures tell what waits while a batch is on its way, and how many batches and messages there were.
func TestStatsOfTheGroupCommit(t *testing.T) {
	b := &bench{began: make(chan int), finish: make(chan struct{})}
	heard := newDoor()
	s := open(t, b, crowd{}, heard)
	submit(t, s, draft(person(0), person(1), `0`))
	<-b.began
	submit(t, s, draft(person(0), person(1), `1`))
	submit(t, s, draft(person(0), person(1), `22`))
	if now := s.Stats(); now.Queued != 2 || now.QueuedBytes != 3 || now.Batches != 0 {
		t.Errorf("while the first batch is on its way: %+v", now)
	}
	b.finish <- struct{}{}
	<-b.began
	b.finish <- struct{}{}
	heard.wait(3)
	if now := s.Stats(); now.Queued != 0 || now.QueuedBytes != 0 || now.Batches != 2 || now.Messages != 3 || now.Spent <= 0 {
		t.Errorf("when all is stored: %+v", now)
	}
}
