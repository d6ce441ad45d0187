package chat_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/chat"
)

// remote is an engine behind a network. It keeps what it is given, each Nonce once, unless trouble says otherwise.
type remote struct {
	chat.MessageStore
	trouble func(try int, batch []chat.Message) trouble // nil for none

	mu     sync.Mutex
	tries  int
	places map[string]chat.Receipt // by nonce
	stored []chat.Message
	seqs   map[chat.ConvID]uint64
}

// trouble is what happens to one call.
type trouble struct {
	takes time.Duration // before anything happens
	keeps int           // messages that are stored all the same; -1 for all
	err   error         // what the caller hears; nil for receipts
}

var smooth = trouble{keeps: -1}

func (r *remote) Append(ctx context.Context, batch []chat.Message) ([]chat.Receipt, error) {
	r.mu.Lock()
	r.tries++
	now := smooth
	if r.trouble != nil {
		now = r.trouble(r.tries, batch)
	}
	r.mu.Unlock()
	select {
	case <-time.After(now.takes):
	case <-ctx.Done():
		return nil, chat.Wrap(chat.Unavailable, "the engine does not answer", ctx.Err())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.keeps >= 0 {
		batch = batch[:min(now.keeps, len(batch))]
	}
	var receipts []chat.Receipt
	for _, m := range batch {
		place, known := r.places[m.Nonce]
		if !known {
			if r.places == nil {
				r.places, r.seqs = make(map[string]chat.Receipt), make(map[chat.ConvID]uint64)
			}
			r.seqs[m.Conv]++
			m.Seq = r.seqs[m.Conv]
			place = chat.Receipt{Conv: m.Conv, Seq: m.Seq, At: m.At}
			r.places[m.Nonce] = place
			r.stored = append(r.stored, m)
		}
		receipts = append(receipts, place)
	}
	if now.err != nil {
		return nil, now.err
	}
	return receipts, nil
}

func (r *remote) Last(_ context.Context, convs []chat.ConvID) ([]uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries++
	if r.trouble != nil {
		if now := r.trouble(r.tries, nil); now.err != nil {
			return nil, now.err
		}
	}
	return make([]uint64, len(convs)), nil
}

// outage makes an engine away during a time of the story.
func outage(begin time.Time, from, until time.Duration, during trouble) func(int, []chat.Message) trouble {
	return func(int, []chat.Message) trouble {
		if passed := time.Since(begin); passed >= from && passed < until {
			return during
		}
		return smooth
	}
}

var away = trouble{err: errAway}

// The engine stores Ann's message, and the answer is lost. She is answered as if nothing had been, and Bob hears it once.
func TestAnAnswerIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &remote{trouble: func(try int, _ []chat.Message) trouble {
			return []trouble{{keeps: -1, err: errAway}, {keeps: 1, err: errAway}, smooth}[min(try, 3)-1]
		}}
		heard := newDoor()
		s := open(t, engine, crowd{}, heard)
		submit(t, s, draft(person(1), person(2), `"hello"`))
		o := heard.wait(1)[0]
		if o.Err != nil || o.Repeat || o.Message.Seq != 1 {
			t.Errorf("the outcome is %+v", o)
		}
		if len(engine.stored) != 1 || engine.tries != 3 {
			t.Errorf("%d messages stored in %d tries", len(engine.stored), engine.tries)
		}
	})
}

// What the engine stored before its error is answered at once; the rest is in doubt, and in its order.
func TestAPrefixIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{began: make(chan int), finish: make(chan struct{})}
		heard := newDoor()
		s := open(t, b, crowd{}, heard)
		submit(t, s, draft(person(0), person(1), `0`))
		<-b.began
		for i := range 10 {
			if err := s.Submit(t.Context(), draft(person(0), person(1), `1`), i+1); err != nil {
				t.Fatal(err)
			}
		}
		b.finish <- struct{}{}
		<-b.began
		b.fail = func([]chat.Message) (int, error) { return 4, errAway }
		b.finish <- struct{}{}
		if size := <-b.began; size != 6 {
			t.Errorf("%d messages are tried again, want the 6 in doubt", size)
		}
		b.fail = nil
		b.finish <- struct{}{}
		for i, o := range heard.wait(11) {
			if o.Err != nil || o.Origin != i || o.Message.Seq != uint64(i+1) {
				t.Errorf("outcome %d is %+v", i, o)
			}
		}
	})
}

// The engine hangs for twenty seconds. Who wrote into that is refused when it is clear, who comes later at once, and
// nothing of theirs is stored. The one message that the engine had is answered when the engine is back; so is the next.
func TestTheEngineHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		engine := &remote{trouble: outage(begin, 0, 20*time.Second, trouble{takes: time.Hour})}
		heard := newDoor()
		s := open(t, engine, crowd{}, heard)
		submit(t, s, draft(person(0), person(1), `0`))
		synctest.Wait() // the engine has it
		for i := range 100 {
			if err := s.Submit(t.Context(), draft(person(0), person(1), `1`), i+1); err != nil {
				t.Fatal(err)
			}
		}
		for _, o := range heard.wait(100) {
			if o.Err == nil || o.Err.Code != chat.Unavailable || o.Err.RetryAfter <= 0 || o.Origin == 0 {
				t.Fatalf("one who waited has the outcome %+v", o)
			}
		}
		if told := time.Since(begin); told > 4*time.Second {
			t.Errorf("they were told after %v", told)
		}
		asked := time.Now()
		for range 50_000 {
			err := s.Submit(t.Context(), draft(person(0), person(1), `2`), nil)
			if chat.CodeOf(err) != chat.Unavailable || chat.AsError(err).RetryAfter <= 0 {
				t.Fatalf("one who comes now hears %v", err)
			}
		}
		if waited := time.Since(asked); waited > 0 || s.Stats().Queued > 0 {
			t.Errorf("they waited %v, and %d are queued", waited, s.Stats().Queued)
		}
		if o := heard.wait(101)[100]; o.Err != nil || o.Origin != 0 || o.Message.Seq != 1 {
			t.Errorf("the message in doubt has the outcome %+v", o)
		}
		if back := time.Since(begin); back < 20*time.Second || back > 25*time.Second {
			t.Errorf("service resumed after %v", back)
		}
		submit(t, s, draft(person(0), person(1), `3`))
		if o := heard.wait(102)[101]; o.Err != nil || o.Message.Seq != 2 || len(engine.stored) != 2 {
			t.Errorf("the next has the outcome %+v, stored are %d", o, len(engine.stored))
		}
	})
}

// The engine is away for two minutes. The message in doubt is given up in time, and its sender is told that it may be
// stored; when the engine comes back, messages are taken without anybody's doing.
func TestTheEngineIsAwayForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		engine := &remote{trouble: outage(begin, 0, 2*time.Minute, away)}
		heard := newDoor()
		s := open(t, engine, crowd{}, heard)
		submit(t, s, draft(person(0), person(1), `0`))
		o := heard.wait(1)[0]
		if told := time.Since(begin); told < 25*time.Second || told > 35*time.Second {
			t.Errorf("she was told after %v", told)
		}
		if o.Err == nil || o.Err.Code != chat.Unavailable || !errors.Is(o.Err, errAway) || o.Err.RetryAfter <= 0 ||
			!strings.Contains(o.Err.Message, "may be stored") {
			t.Errorf("the outcome is %+v", o)
		}
		for s.Submit(t.Context(), draft(person(0), person(1), `1`), 1) != nil {
			time.Sleep(time.Second) // the bubble's clock, not the world's
		}
		if back := time.Since(begin); back < 2*time.Minute || back > 2*time.Minute+5*time.Second {
			t.Errorf("service resumed after %v", back)
		}
		if o := heard.wait(2)[1]; o.Err != nil || o.Message.Seq != 1 {
			t.Errorf("then the outcome is %+v", o)
		}
	})
}

// One message that the engine will never take does not take the others of its batch with it.
func TestOneMessageIsAtFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &remote{trouble: func(_ int, batch []chat.Message) trouble {
			for i, m := range batch {
				if string(m.Body) == `"bad"` {
					return trouble{keeps: i, err: errors.New("document too large: 10.0.0.7")}
				}
			}
			return trouble{takes: time.Second, keeps: -1}
		}}
		heard := newDoor()
		s := open(t, engine, crowd{}, heard)
		for i, body := range []string{`0`, `1`, `2`, `"bad"`, `4`, `"bad"`, `6`} {
			if err := s.Submit(t.Context(), draft(person(0), person(1), body), i); err != nil {
				t.Fatal(err)
			}
		}
		seq := uint64(0)
		for i, o := range heard.wait(7) {
			if i == 3 || i == 5 {
				if o.Err == nil || o.Err.Code != chat.Internal || strings.Contains(o.Err.Message, "10.0.0.7") {
					t.Errorf("the bad message %d has outcome %+v", i, o)
				}
				continue
			}
			if seq++; o.Err != nil || o.Origin != i || o.Message.Seq != seq {
				t.Errorf("outcome %d is %+v", i, o)
			}
		}
		if len(engine.stored) != 5 {
			t.Errorf("%d stored, want 5", len(engine.stored))
		}
	})
}

// An engine that takes a second for each batch is slow and not away: who sends more than it takes is held back, or told
// to come back when that takes too long; what was taken is stored, in order, and what waits has a bound.
func TestTheEngineIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &remote{trouble: func(int, []chat.Message) trouble { return trouble{takes: time.Second, keeps: -1} }}
		heard := newDoor()
		s := open(t, engine, crowd{}, heard)
		begin := time.Now()
		const senders, each = 50, 1000
		var all sync.WaitGroup
		most := 0
		for sender := range senders {
			all.Go(func() {
				for i := range each {
					for s.Submit(t.Context(), draft(person(sender), person(99), `"x"`), i) != nil {
					}
				}
			})
		}
		all.Go(func() {
			for s.Stats().Messages < senders*each {
				most = max(most, s.Stats().Queued)
				time.Sleep(100 * time.Millisecond) // the bubble's clock
			}
		})
		next := make(map[chat.UserID]int)
		for _, o := range heard.wait(senders * each) {
			from := o.Message.Sender
			if o.Err != nil || o.Origin != next[from] || o.Message.Seq != uint64(next[from]+1) {
				t.Fatalf("after %d of a sender comes %+v", next[from], o)
			}
			next[from]++
		}
		all.Wait()
		if took := time.Since(begin); took < 20*time.Second || took > 30*time.Second {
			t.Errorf("%d messages took %v", senders*each, took)
		}
		if most < 10_000 || most > 20_000 {
			t.Errorf("up to %d messages waited", most)
		}
	})
}

// Closing does not wait for an engine that is away: the message in doubt is answered, as far as anybody knows.
func TestCloseWhileAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heard := newDoor()
		s := chat.NewMessages(&remote{trouble: outage(time.Now(), 0, time.Hour, away)}, crowd{}, time.Now)
		s.Start(heard)
		submit(t, s, draft(person(0), person(1), `0`))
		time.Sleep(10 * time.Second) // the bubble's clock
		begin := time.Now()
		if err := s.Close(t.Context()); err != nil || time.Since(begin) > 0 {
			t.Errorf("Close after %v: %v", time.Since(begin), err)
		}
		if o := heard.wait(1)[0]; o.Err == nil || o.Err.Code != chat.Unavailable {
			t.Errorf("the outcome is %+v", o)
		}
	})
}

// An hour with an engine that fails in all ways, and people who write all the time. Who was answered finds her message,
// once and in order; who was refused does not find hers.
func TestAnHourOfTrouble(t *testing.T) {
	seed := rand.Uint64()
	synctest.Test(t, func(t *testing.T) {
		chance := rand.New(rand.NewPCG(seed, 0))
		begin := time.Now()
		engine := &remote{}
		engine.trouble = func(_ int, batch []chat.Message) trouble {
			if time.Since(begin) > time.Hour {
				return smooth
			}
			switch keeps := chance.IntN(len(batch) + 1); chance.IntN(12) {
			case 0:
				return trouble{keeps: keeps, err: errAway}
			case 1:
				return trouble{keeps: -1, takes: 4 * time.Second}
			case 2:
				return trouble{takes: time.Hour}
			case 3:
				return trouble{keeps: keeps, takes: 8 * time.Second, err: errAway}
			case 4:
				return trouble{keeps: keeps, err: errors.New("strange")}
			default:
				return trouble{keeps: -1, takes: 10 * time.Millisecond}
			}
		}
		heard := newDoor()
		s := chat.NewMessages(engine, crowd{}, time.Now)
		s.Start(heard)
		var all sync.WaitGroup
		for sender := range 10 {
			all.Go(func() {
				for i := 0; time.Since(begin) < time.Hour; i++ {
					name := fmt.Sprint(sender, " ", i)
					if s.Submit(t.Context(), draft(person(sender), person(10+sender%3), `"`+name+`"`), name) != nil {
						time.Sleep(time.Second) // the bubble's clock
					}
					time.Sleep(500 * time.Millisecond)
				}
			})
		}
		all.Wait()
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		stored := make(map[string]uint64)
		for _, m := range engine.stored {
			if stored[string(m.Body)] != 0 {
				t.Errorf("%s is stored twice", m.Body)
			}
			stored[string(m.Body)] = m.Seq
		}
		acked, refused, unsure := 0, 0, 0
		last := make(map[chat.ConvID]uint64)
		for _, o := range heard.wait(1) {
			seq, is := stored[string(o.Message.Body)]
			switch {
			case o.Err == nil && (!is || seq != o.Message.Seq || o.Repeat || seq <= last[o.Message.Conv]):
				t.Errorf("%s is acked as %d behind %d, and stored as %d", o.Message.Body, o.Message.Seq, last[o.Message.Conv], seq)
			case o.Err == nil:
				last[o.Message.Conv] = seq
				acked++
			case strings.Contains(o.Err.Message, "may be stored"):
				unsure++
			case is && o.Err.Code == chat.Unavailable:
				t.Errorf("%s is refused and stored as %d", o.Message.Body, seq)
			default:
				refused++
			}
		}
		t.Logf("seed %d: %d acked, %d refused, %d in doubt to the end, %d tries", seed, acked, refused, unsure, engine.tries)
		if acked < 1000 || refused < 100 {
			t.Error("that was no trouble")
		}
	})
}
