package outbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// dial connects Ann, at a socket of her own, to an outbox.
func dial(t *testing.T, cfg Config) (o *Outbox, server, ann net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if ann, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ann.Close(); server.Close() })
	ann.SetDeadline(time.Now().Add(time.Minute))
	return New(server, &cfg), server, ann
}

// Ten talk to Ann at once. What each says comes whole and in order, and after the last word comes the end.
func TestFramesComeWholeAndInOrder(t *testing.T) {
	o, _, ann := dial(t, Config{Most: 1 << 30, Timeout: time.Minute})
	const people, each = 10, 2000
	go func() {
		var all sync.WaitGroup
		for p := range people {
			all.Go(func() {
				for i := range each {
					if !o.Send(fmt.Appendf(nil, "%d says %d, ", p, i), []byte("over\n")) {
						t.Error("refused")
					}
				}
			})
		}
		all.Wait()
		o.Close([]byte("bye\n"))
		o.Close([]byte("bye again\n"))
	}()
	heard, err := io.ReadAll(ann)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(heard), "\n")
	if len(lines) != people*each+2 || lines[people*each] != "bye" || lines[people*each+1] != "" {
		t.Fatalf("%d lines, the last %q", len(lines), lines[len(lines)-2:])
	}
	var next [people]int
	for _, line := range lines[:people*each] {
		var p, i int
		if n, _ := fmt.Sscanf(line, "%d says %d, over", &p, &i); n != 2 || next[p] != i {
			t.Fatalf("%q, but %d was due", line, next[p])
		}
		next[p]++
	}
	if o.Send([]byte("late")) || o.Queued() != 0 {
		t.Errorf("a closed connection takes frames, %d wait", o.Queued())
	}
}

// Bob does not read. When more waits than may, it is dropped and he is closed; what was being written still ends whole.
func TestSlowPeerIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 1 << 16
		server, bob := net.Pipe()
		o := New(server, &Config{Most: most, Timeout: time.Minute, TooSlow: []byte("too slow\n")})
		frame := append(bytes.Repeat([]byte("x"), 1023), '\n')
		sent := 1
		o.Send(frame)
		synctest.Wait() // it is being written
		for o.Send(frame) {
			sent++
		}
		if sent != most/(len(frame)+frameCost) {
			t.Errorf("%d frames wait", sent)
		}
		if heard, err := io.ReadAll(bob); err != nil || string(heard) != string(frame)+"too slow\n" {
			t.Errorf("Bob hears %d bytes, %v, the end %q", len(heard), err, heard[max(0, len(heard)-20):])
		}
	})
}

// Bob takes a little now and then, and is waited for; when he takes nothing for the timeout, he is cut off.
func TestPeerHasTheTimeoutToTakeSomething(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, bob := net.Pipe()
		o := New(server, &Config{Most: 1000, Timeout: 10 * time.Second})
		if !o.Send([]byte("hello"), []byte(" Bob")) {
			t.Fatal("refused")
		}
		for _, want := range "hello B" {
			time.Sleep(9 * time.Second)
			got := make([]byte, 1)
			if _, err := bob.Read(got); err != nil || got[0] != byte(want) {
				t.Fatalf("%q, %v, want %q", got, err, want)
			}
		}
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if o.Queued() == 0 {
			t.Error("what Bob has not taken does not wait")
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if _, err := bob.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("Bob hears %v", err)
		}
		if o.Send([]byte("x")) || o.Queued() != 0 {
			t.Errorf("what is cut off takes frames, %d wait", o.Queued())
		}
	})
}

// Bob is told to go and does not: he is gone soon. What waited for him when he was cut is not sent.
func TestClosedConnectionEndsInAnyCase(t *testing.T) {
	for name, end := range map[string]func(o *Outbox){
		"closed": func(o *Outbox) { o.Close([]byte("bye")) },
		"cut":    func(o *Outbox) { o.Cut([]byte("bye")) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, bob := net.Pipe()
				o := New(server, &Config{Most: 1000, Timeout: time.Hour})
				o.Send([]byte("one "))
				synctest.Wait() // it is being written
				o.Send([]byte("two "))
				end(o)
				end(o)
				begun := time.Now()
				if _, err := server.Read(make([]byte, 1)); !errors.Is(err, io.ErrClosedPipe) || time.Since(begun) != lastWords {
					t.Errorf("%v after %v", err, time.Since(begun))
				}
				synctest.Wait()
				if o.Queued() != 0 {
					t.Errorf("%d bytes wait for ever", o.Queued())
				}
				bob.Close()
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		server, bob := net.Pipe()
		o := New(server, &Config{Most: 1000, Timeout: time.Hour})
		o.Send([]byte("one "))
		synctest.Wait()
		o.Send([]byte("two "))
		o.Cut([]byte("bye"))
		if heard, err := io.ReadAll(bob); err != nil || string(heard) != "one bye" {
			t.Errorf("Bob hears %q, %v", heard, err)
		}
	})
}

// What is queued comes before what is sent next, and not sooner.
func TestQueuedFrameWaitsForTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, bob := net.Pipe()
		o := New(server, &Config{Most: 1000, Timeout: time.Hour})
		o.Queue([]byte("hello "))
		synctest.Wait()
		if o.writing {
			t.Error("it is being written")
		}
		o.Send([]byte("Bob"))
		o.Close(nil)
		o.Queue([]byte("late"))
		if heard, err := io.ReadAll(bob); err != nil || string(heard) != "hello Bob" {
			t.Errorf("Bob hears %q, %v", heard, err)
		}
	})
}

// Who has a lot for Bob waits until he has taken some of it, and not for ever.
func TestSenderGoesAtThePeersPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, bob := net.Pipe()
		o := New(server, &Config{Most: 1000, Timeout: time.Hour})
		if !o.Wait(1) {
			t.Error("nothing waits, and Wait says that it is closed")
		}
		go func() {
			time.Sleep(time.Minute)
			bob.Read(make([]byte, 100))
			time.Sleep(time.Minute)
			bob.Close()
		}()
		o.Send(make([]byte, 100))
		begun := time.Now()
		if open := o.Wait(100); !open || time.Since(begun) != time.Minute {
			t.Errorf("%v after %v", open, time.Since(begun))
		}
		o.Send(make([]byte, 100))
		if open := o.Wait(100); open || time.Since(begun) != 2*time.Minute {
			t.Errorf("%v after %v", open, time.Since(begun))
		}
	})
}

func TestEveryFrameCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, _ := net.Pipe()
		o := New(server, &Config{Most: 1000, Timeout: time.Hour})
		sent := 0
		for o.Send([]byte{}) {
			sent++
		}
		if sent != 1000/frameCost {
			t.Errorf("%d empty frames wait", sent)
		}
		server.Close() // what is being written ends with the test
	})
}

// An outbox that has nothing to do holds no goroutine, and little memory.
func TestIdleOutboxIsSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, bob := net.Pipe()
		go io.Copy(io.Discard, bob)
		o := New(server, &Config{Most: 1000, Timeout: time.Minute})
		for range 10 {
			o.Send([]byte("hello"))
			synctest.Wait()
		}
		if o.writing {
			t.Error("a goroutine writes")
		}
		if o.frames != nil || o.Queued() != 0 {
			t.Errorf("%d frames wait", len(o.frames))
		}
		server.Close()
	})
}

func BenchmarkSend(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	ann, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	defer ann.Close()
	go io.Copy(io.Discard, ann)
	o := New(server, &Config{Most: 1 << 30, Timeout: time.Minute})
	frame := make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		o.Send(frame)
	}
}
