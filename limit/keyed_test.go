package limit

import (
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

var (
	_ chat.Limiter = (*Keyed)(nil)
	_ chat.Limiter = None{}
)

// clock stands still until a test moves it.
type clock struct{ at time.Time }

func (c *clock) now() time.Time           { return c.at }
func (c *clock) advance(by time.Duration) { c.at = c.at.Add(by) }

// exhaust uses a key until it is refused, and says how often it was allowed.
func exhaust(k *Keyed, key string) (allowed int) {
	for {
		if _, ok := k.Allow(key); !ok {
			return allowed
		}
		allowed++
	}
}

func TestKeyedPacesEachKeyByItself(t *testing.T) {
	c := &clock{at: start}
	k := New(5, time.Minute, c.now)
	if n := exhaust(k, "ann"); n != 5 {
		t.Fatalf("Ann was allowed %d times, want 5", n)
	}
	if retry, ok := k.Allow("ann"); ok || retry != time.Minute {
		t.Fatalf("Ann's sixth try: got %v, %v; want a minute to wait", retry, ok)
	}
	if _, ok := k.Allow("bob"); !ok {
		t.Fatal("Bob pays for Ann")
	}
	c.advance(time.Minute)
	if n := exhaust(k, "ann"); n != 1 {
		t.Fatalf("a minute later Ann was allowed %d times, want 1", n)
	}
}

func TestRefusalsDoNotLengthenTheWait(t *testing.T) {
	c := &clock{at: start}
	k := New(1, time.Minute, c.now)
	exhaust(k, "ann")
	for range 100 {
		k.Allow("ann")
	}
	if retry, _ := k.Allow("ann"); retry != time.Minute {
		t.Fatalf("wait %v, want a minute", retry)
	}
}

func TestResetGivesTheWholeAllowanceBack(t *testing.T) {
	k := New(5, time.Minute, (&clock{at: start}).now)
	exhaust(k, "ann")
	exhaust(k, "bob")
	k.Reset("ann")
	k.Reset("nobody")
	if n := exhaust(k, "ann"); n != 5 {
		t.Fatalf("Ann was allowed %d times after a reset, want 5", n)
	}
	if _, ok := k.Allow("bob"); ok {
		t.Fatal("Ann's reset unlocked Bob")
	}
}

func TestFloodOfOtherKeysUnlocksNobody(t *testing.T) {
	c := &clock{at: start}
	k := New(5, time.Minute, c.now)
	exhaust(k, "ann")
	exhaust(k, "bob")
	for i := range 2 * maxKeys {
		k.Allow("nobody " + strconv.Itoa(i))
	}
	if len(k.buckets) != maxKeys || len(k.order) != maxKeys {
		t.Fatalf("%d buckets, %d in order; want %d", len(k.buckets), len(k.order), maxKeys)
	}
	for _, name := range []string{"ann", "bob"} {
		if _, ok := k.Allow(name); ok {
			t.Errorf("the flood unlocked %s", name)
		}
	}
}

func TestNewKeyIsServedWhileAllOthersAreEmpty(t *testing.T) {
	k := New(1, time.Minute, (&clock{at: start}).now)
	for i := range maxKeys {
		k.Allow(strconv.Itoa(i))
	}
	if _, ok := k.Allow("ann"); !ok {
		t.Fatal("a full table refuses newcomers")
	}
	if len(k.buckets) != maxKeys {
		t.Fatalf("%d buckets, want %d", len(k.buckets), maxKeys)
	}
}

func TestFullBucketsAreForgotten(t *testing.T) {
	c := &clock{at: start}
	k := New(5, time.Minute, c.now)
	for i := range 1000 {
		k.Allow(strconv.Itoa(i))
	}
	c.advance(time.Minute)
	for range 1000 {
		k.Allow("ann")
	}
	if len(k.buckets) != 1 || len(k.order) != 1 {
		t.Fatalf("%d buckets, %d in order; want Ann's alone", len(k.buckets), len(k.order))
	}
}

func TestFullTableStaysSmall(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	k := New(5, time.Minute, (&clock{at: start}).now)
	long := strings.Repeat("x", 1000)
	for i := range maxKeys + 1000 {
		k.Allow(strconv.Itoa(i) + long)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	size := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	if size > 16<<20 {
		t.Fatalf("%d bytes held", size)
	}
	t.Logf("%d bytes held for %d keys", size, len(k.buckets))
}

func TestKeyedCountsRightUnderARace(t *testing.T) {
	k := New(100, time.Minute, (&clock{at: start}).now)
	var allowed atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if _, ok := k.Allow("ann"); ok {
					allowed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if allowed.Load() != 100 {
		t.Fatalf("%d allowed, want 100", allowed.Load())
	}
}

func TestNoneAllowsEverything(t *testing.T) {
	for range 1000 {
		if retry, ok := (None{}).Allow("ann"); !ok || retry != 0 {
			t.Fatalf("got %v, %v", retry, ok)
		}
	}
}

func BenchmarkKeyedWhenFull(b *testing.B) {
	k := New(5, time.Minute, (&clock{at: start}).now)
	keys := make([]string, 2*maxKeys)
	for i := range keys {
		keys[i] = strconv.Itoa(i)
		k.Allow(keys[i])
	}
	for i := 0; b.Loop(); i++ {
		k.Allow(keys[i%len(keys)])
	}
}
