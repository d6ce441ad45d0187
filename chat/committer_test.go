package chat_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/chat"
)

// bench is an engine that a story holds back or breaks. It counts in memory.
type bench struct {
	chat.MessageStore
	began  chan int      // gets the size of each batch as it comes; nil for nobody
	finish chan struct{} // gives each batch leave to end; nil for at once
	fail   func(batch []chat.Message) (stored int, err error)

	mu   sync.Mutex
	seqs map[chat.ConvID]uint64
}

func (b *bench) Append(ctx context.Context, batch []chat.Message) ([]chat.Receipt, error) {
	if b.began != nil {
		b.began <- len(batch)
	}
	if b.finish != nil {
		select {
		case <-b.finish:
		case <-ctx.Done():
			return nil, chat.Wrap(chat.Unavailable, "the engine does not answer", ctx.Err())
		}
	}
	stored, err := len(batch), error(nil)
	if b.fail != nil {
		stored, err = b.fail(batch)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.seqs == nil {
		b.seqs = make(map[chat.ConvID]uint64)
	}
	var receipts []chat.Receipt
	for _, m := range batch[:stored] {
		b.seqs[m.Conv]++
		receipts = append(receipts, chat.Receipt{Conv: m.Conv, Seq: b.seqs[m.Conv], At: m.At})
	}
	return receipts, err
}

// crowd is an engine in which everybody exists.
type crowd struct{ chat.AccountStore }

func (crowd) Account(_ context.Context, id chat.UserID) (chat.Account, error) {
	return chat.Account{ID: id}, nil
}

func person(i int) chat.UserID { return chat.UserID(fmt.Sprintf("65f00000000000000000%04x", i)) }

// What arrives while one batch is on its way to the disk is the next batch, whatever its conversation; and every door
// hears of each message once.
func TestMessagesAreCommittedTogether(t *testing.T) {
	b := &bench{began: make(chan int), finish: make(chan struct{})}
	doors := []*door{newDoor(), newDoor(), newDoor()}
	s := open(t, b, crowd{}, doors[0], doors[1], doors[2])
	submit(t, s, draft(person(0), person(1), `0`))
	if got := <-b.began; got != 1 {
		t.Errorf("the first batch has %d messages, want 1", got)
	}
	const n = 100
	for i := range n {
		if err := s.Submit(t.Context(), draft(person(i%10), person(i), `1`), i+1); err != nil {
			t.Fatal(err)
		}
	}
	b.finish <- struct{}{}
	if got := <-b.began; got != n {
		t.Errorf("the second batch has %d messages, want all %d that waited", got, n)
	}
	b.finish <- struct{}{}
	for i, d := range doors {
		var origins []int
		for _, o := range d.wait(n + 1) {
			if o.Err != nil || o.Message.Seq == 0 {
				t.Errorf("door %d hears %+v", i, o)
			}
			origins = append(origins, o.Origin.(int))
		}
		slices.Sort(origins)
		for want, got := range origins {
			if got != want {
				t.Fatalf("door %d hears of %v", i, origins)
			}
		}
	}
}

// A hundred people write in ten conversations at once. Doors hear each conversation by its numbers, and each writer in
// the order in which she wrote.
func TestOrderUnderAHundredSenders(t *testing.T) {
	engine, heard := newEngine(t), newDoor()
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprint("person ", i))
	}
	people := settle(t, engine, names...)
	s := open(t, engine, engine, heard)
	const senders, each = 100, 40
	type origin struct{ sender, i int }
	var all sync.WaitGroup
	for sender := range senders {
		all.Go(func() {
			from, to := people[sender%10], people[10+sender%10]
			if sender%20 >= 10 {
				from, to = to, from
			}
			for i := range each {
				if err := s.Submit(t.Context(), draft(from, to, `"x"`), origin{sender, i}); err != nil {
					t.Errorf("sender %d: %v", sender, err)
					return
				}
				if i%8 == sender%8 {
					runtime.Gosched()
				}
			}
		})
	}
	all.Wait()
	seqs, next := make(map[chat.ConvID]uint64), make(map[int]int)
	for _, o := range heard.wait(senders * each) {
		m, from := o.Message, o.Origin.(origin)
		if seqs[m.Conv]++; o.Err != nil || m.Seq != seqs[m.Conv] {
			t.Fatalf("%s is heard where %d belongs, error %v", m.ID(), seqs[m.Conv], o.Err)
		}
		if from.i != next[from.sender] {
			t.Fatalf("message %d of sender %d is heard where %d belongs", from.i, from.sender, next[from.sender])
		}
		next[from.sender]++
	}
	if len(seqs) != 10 {
		t.Errorf("%d conversations, want 10", len(seqs))
	}
}

func TestCloseDrains(t *testing.T) {
	engine, heard := newEngine(t), newDoor()
	people := settle(t, engine, "Ann", "Bob")
	s := chat.NewMessages(engine, engine, time.Now)
	s.Start(heard)
	const n = 500
	for range n {
		submit(t, s, draft(people[0], people[1], `1`))
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	heard.mu.Lock()
	got := len(heard.all)
	heard.mu.Unlock()
	if got != n {
		t.Errorf("%d outcomes when Close returned, want %d", got, n)
	}
	wantCode(t, "Submit after Close", s.Submit(t.Context(), draft(people[0], people[1], `1`), nil), chat.Unavailable)
	if err := s.Close(t.Context()); err != nil {
		t.Errorf("the second Close: %v", err)
	}
}

func TestCloseDoesNotWaitForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{finish: make(chan struct{})}
		heard := newDoor()
		s := chat.NewMessages(b, crowd{}, time.Now)
		s.Start(heard)
		submit(t, s, draft(person(1), person(2), `1`))
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wantCode(t, "Close", s.Close(short), chat.Unavailable)
		// The engine is given up after its time, and the sender is told.
		if o := heard.wait(1)[0]; o.Err == nil || o.Err.Code != chat.Unavailable {
			t.Errorf("the outcome is %+v", o)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Errorf("the second Close: %v", err)
		}
	})
}

// When delivery is slower than the senders they wait, but not for long, and are told when to come back.
func TestFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowDoor{door: newDoor(), finish: make(chan struct{})}
		s := chat.NewMessages(&bench{}, crowd{}, time.Now)
		s.Start(slow)
		// More than can wait: the door holds the first batches, the queue the rest.
		taken, start := 0, time.Now()
		var err error
		for err == nil && taken < 100_000 {
			if err = s.Submit(t.Context(), draft(person(1), person(2), `1`), taken); err == nil {
				taken++
			}
		}
		wantCode(t, "one too many", err, chat.Unavailable)
		if err != nil && chat.AsError(err).RetryAfter <= 0 {
			t.Error("it does not say when to come back")
		}
		if waited := time.Since(start); waited < time.Second || waited > 10*time.Second {
			t.Errorf("it was refused after %v", waited)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		wantCode(t, "one who left", s.Submit(gone, draft(person(1), person(2), `1`), nil), chat.Unavailable)

		// One who waits gets the first room.
		patient := make(chan error)
		go func() { patient <- s.Submit(t.Context(), draft(person(1), person(2), `1`), taken) }()
		synctest.Wait()
		close(slow.finish)
		if err := <-patient; err != nil {
			t.Errorf("room came, and yet: %v", err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		all := slow.wait(taken + 1)
		if len(all) != taken+1 {
			t.Errorf("%d outcomes for %d messages", len(all), taken+1)
		}
		for i, o := range all {
			if o.Err != nil || o.Origin != i {
				t.Fatalf("outcome %d is %+v", i, o)
			}
		}
	})
}

// slowDoor hears nothing before finish is closed.
type slowDoor struct {
	*door
	finish chan struct{}
}

func (d *slowDoor) Deliver(batch []chat.Outcome) {
	<-d.finish
	d.door.Deliver(batch)
}

// Bodies count as well as messages: what waits has a bound in bytes.
func TestQueueOfLargeBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowDoor{door: newDoor(), finish: make(chan struct{})}
		s := chat.NewMessages(&bench{}, crowd{}, time.Now)
		s.Start(slow)
		body := make([]byte, chat.MaxBody)
		taken := 0
		for s.Submit(t.Context(), chat.Draft{Sender: person(1), To: person(2), Body: body}, nil) == nil {
			taken++
		}
		// 64 MB in the queue, and batches of 8 MB that wait for delivery.
		if size := taken * len(body); size < 32<<20 || size > 128<<20 {
			t.Errorf("%d MB were taken while none was delivered", size>>20)
		}
		close(slow.finish)
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
