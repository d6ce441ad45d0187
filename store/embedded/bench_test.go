package embedded_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/store/embedded"
)

func openBench(b *testing.B) *embedded.Store {
	s, err := embedded.Open(b.Context(), b.TempDir(), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// people makes the pairs of 200 users: each talks to the next.
func people() (pairs [][2]chat.UserID) {
	id := func(i int) chat.UserID { return chat.UserID(fmt.Sprintf("65f0000000000000%08x", i*2654435761%(1<<32))) }
	for i := range 200 {
		pairs = append(pairs, [2]chat.UserID{id(i), id(i + 1)})
	}
	return pairs
}

// BenchmarkAppend stores messages of 100 bytes, spread over 200 conversations, in durable batches.
func BenchmarkAppend(b *testing.B) {
	body := []byte(fmt.Sprintf(`"%098d"`, 0))
	pairs := people()
	for _, size := range []int{1, 64, 512, 2048} {
		for _, refs := range []bool{false, true} {
			b.Run(fmt.Sprintf("batch=%d/refs=%v", size, refs), func(b *testing.B) {
				s := openBench(b)
				batch := make([]chat.Message, size)
				n := 0
				b.ReportAllocs()
				start := time.Now()
				for b.Loop() {
					for i := range batch {
						pair := pairs[n%len(pairs)]
						batch[i] = chat.Message{
							Conv: chat.DirectConv(pair[0], pair[1]), Sender: pair[0], To: pair[1], Device: "0123456789abcdef",
							Type: "text", Body: body, At: start,
						}
						if refs {
							batch[i].Ref = fmt.Sprintf("%016x", n*2654435761)
						}
						n++
					}
					if _, err := s.Append(b.Context(), batch); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/msg")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkRead reads one of 200 conversations with 200,000 messages in all.
func BenchmarkRead(b *testing.B) {
	s := openBench(b)
	pairs := people()
	body := []byte(fmt.Sprintf(`"%098d"`, 0))
	var convs []chat.ConvID
	for _, pair := range pairs {
		convs = append(convs, chat.DirectConv(pair[0], pair[1]))
	}
	const each = 1000
	for range each {
		var batch []chat.Message
		for i, pair := range pairs {
			batch = append(batch, chat.Message{Conv: convs[i], Sender: pair[0], To: pair[1], Type: "text", Body: body, At: time.Now()})
		}
		if _, err := s.Append(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	read := func(name string, f func(n int) error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if err := f(n); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	read("Since50", func(n int) error {
		_, err := s.Since(b.Context(), convs[n%len(convs)], uint64(n*31%(each-50)), 50)
		return err
	})
	read("Before50", func(n int) error {
		_, err := s.Before(b.Context(), convs[n%len(convs)], 0, 50)
		return err
	})
	read("Last200", func(int) error {
		_, err := s.Last(b.Context(), convs)
		return err
	})
}

// BenchmarkAdvanceCursors moves 2048 cursors in one call, as the flush of a busy second does.
func BenchmarkAdvanceCursors(b *testing.B) {
	s := openBench(b)
	var cursors []chat.Cursor
	for i, pair := range people() {
		for j := range 10 {
			conv := chat.DirectConv(pair[0], chat.UserID(fmt.Sprintf("%024x", i*10+j)))
			cursors = append(cursors, chat.Cursor{User: pair[0], Device: "0123456789abcdef", Conv: conv})
		}
	}
	for seq := uint64(1); b.Loop(); seq++ {
		for i := range cursors {
			cursors[i].Seq = seq
		}
		if err := s.AdvanceCursors(b.Context(), cursors); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(cursors)), "ns/cursor")
}
