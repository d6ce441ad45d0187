package limit

import (
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/time/rate"
)

// start is a moment like any other.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestBucketLetsABurstThroughThenPaces(t *testing.T) {
	b := NewBucket(3, time.Second)
	for i := range 3 {
		if _, ok := b.Take(start, 1); !ok {
			t.Fatalf("event %d of a burst of 3 was refused", i+1)
		}
	}
	retry, ok := b.Take(start, 1)
	if ok || retry != time.Second {
		t.Fatalf("event 4: got %v, %v; want a second to wait", retry, ok)
	}
	if retry, ok = b.Take(start, 3); ok || retry != 3*time.Second {
		t.Fatalf("three events: got %v, %v; want three seconds to wait", retry, ok)
	}
	if retry, ok = b.Take(start.Add(time.Second-1), 1); ok || retry != 1 {
		t.Fatalf("a nanosecond early: got %v, %v", retry, ok)
	}
	if _, ok = b.Take(start.Add(time.Second), 1); !ok {
		t.Fatal("refused at the moment that it was told to come back")
	}
}

func TestBucketNeverHoldsMoreThanItsBurst(t *testing.T) {
	b := NewBucket(3, time.Second)
	b.Take(start, 3)
	later := start.Add(time.Hour)
	if retry, ok := b.Take(later, 4); ok || retry != 3*time.Second {
		t.Fatalf("4 of 3: got %v, %v", retry, ok)
	}
	if _, ok := b.Take(later, 3); !ok {
		t.Fatal("not full after an hour")
	}
	if _, ok := b.Take(later, 1); ok {
		t.Fatal("an idle hour was saved up")
	}
}

func TestBucketOutlivesAClockSetBack(t *testing.T) {
	b := NewBucket(2, time.Second)
	b.Take(start, 1)
	before := start.Add(-24 * time.Hour)
	if retry, ok := b.Take(before, 1); ok || retry != time.Second {
		t.Fatalf("got %v, %v; want no more than the wait of an empty bucket", retry, ok)
	}
}

func TestZeroBucketLimitsNothing(t *testing.T) {
	var b Bucket
	if retry, ok := b.Take(start, 1<<30); !ok || retry != 0 {
		t.Fatalf("got %v, %v", retry, ok)
	}
}

// TestBucketAgreesWithTimeRate plays the same random traffic to both.
func TestBucketAgreesWithTimeRate(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const burst, every = 20, 10 * time.Millisecond
	b, oracle := NewBucket(burst, every), rate.NewLimiter(rate.Every(every), burst)
	now, allowed := start, 0
	for i := range 100_000 {
		now = now.Add(time.Duration(random.IntN(8)) * every)
		n := 1 + random.IntN(burst/2)
		_, got := b.Take(now, n)
		if want := oracle.AllowN(now, n); got != want {
			t.Fatalf("step %d, %d tokens: bucket says %v, x/time/rate says %v", i, n, got, want)
		}
		if got {
			allowed++
		}
	}
	if allowed < 10_000 || allowed > 90_000 {
		t.Fatalf("%d of 100,000 allowed: the traffic tests one side only", allowed)
	}
}

func TestBucketIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(Bucket{}); size != 24 {
		t.Fatalf("%d bytes", size)
	}
}

func BenchmarkBucket(b *testing.B) {
	bucket := NewBucket(1<<30, 1)
	for b.Loop() {
		bucket.Take(start, 1)
	}
}

func BenchmarkTimeRate(b *testing.B) {
	limiter := rate.NewLimiter(rate.Every(1), 1<<30)
	for b.Loop() {
		r := limiter.ReserveN(start, 1)
		if r.DelayFrom(start) > 0 {
			r.CancelAt(start)
		}
	}
}
