package engineio

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/gobwas/ws"
)

// openFor opens a house for a benchmark, and returns a peer that has joined it.
func openFor(b *testing.B, hear func(g *guest, data []byte, binary bool) error) (*peer, *guest) {
	b.Helper()
	h := open(b, Config{}, hear)
	return h.join()
}

// exchange writes a request and reads an answer of known length, over and over.
func exchange(b *testing.B, ann *peer, request []byte, answer int) {
	buf := make([]byte, answer)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ann.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(ann.in, buf); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEcho is one message in and one frame out, each in a segment of its own.
func BenchmarkEcho(b *testing.B) {
	ann, _ := openFor(b, nil)
	message := append([]byte("4"), bytes.Repeat([]byte("x"), 100)...)
	exchange(b, ann, masked(ws.NewTextFrame(message)), len(message)+2)
}

// BenchmarkShared is the same, with an answer that was encoded once: what is left is what a broadcast costs.
func BenchmarkShared(b *testing.B) {
	message := append([]byte("4"), bytes.Repeat([]byte("x"), 100)...)
	shared := text(string(message[1:]))
	ann, _ := openFor(b, func(g *guest, _ []byte, _ bool) error {
		g.conn.Enqueue(shared)
		return nil
	})
	exchange(b, ann, masked(ws.NewTextFrame(message)), shared.Len())
}

// BenchmarkPipelined is 64 messages in and 64 frames out, as they come from a client in a hurry.
func BenchmarkPipelined(b *testing.B) {
	const window = 64
	ann, _ := openFor(b, nil)
	message := append([]byte("4"), bytes.Repeat([]byte("x"), 100)...)
	exchange(b, ann, bytes.Repeat(masked(ws.NewTextFrame(message)), window), window*(len(message)+2))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*window), "ns/message")
}

// BenchmarkBinaryOnPolls is a post and the poll that takes its echo.
func BenchmarkBinaryOnPolls(b *testing.B) {
	h := open(b, Config{}, nil)
	ann := h.come()
	b.ReportAllocs()
	for b.Loop() {
		if got := ann.post("bAQIDBA=="); got.status != 200 {
			b.Fatal(got)
		}
		if got := ann.poll(); got.body != "bAQIDBA==" {
			b.Fatal(got)
		}
	}
}

// page is an answer with history, as clients ask for it: what compression is for.
func page(messages int) []byte {
	b := []byte(`431[{"ok":true,"messages":[`)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range messages {
		b = fmt.Appendf(b, `{"id":"%016x","conv":"%016x","seq":%d,"at":%d,"f_id":"%016x","type":"text","message":"Shall we meet at %d, or %d?"},`,
			random.Uint64(), 7, i, 1_700_000_000_000+random.IntN(1e9), random.IntN(2), random.IntN(100), random.IntN(1000))
	}
	return append(b[:len(b)-1], `]}]`...)
}

func BenchmarkDeflate(b *testing.B) {
	for _, messages := range []int{8, 50, 1000} {
		b.Run(fmt.Sprint(messages), func(b *testing.B) {
			var c codecs
			data := page(messages)
			f := text(string(data))
			packed, ok := c.deflate(f)
			if !ok {
				b.Fatal("not shorter")
			}
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				c.deflate(f)
			}
			b.ReportMetric(float64(packed.Len())/float64(f.Len())*100, "%left")
		})
	}
}

func BenchmarkInflate(b *testing.B) {
	var c codecs
	data := page(50)
	packed, ok := c.deflate(text(string(data)))
	if !ok {
		b.Fatal("not shorter")
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.inflate(packed.body(), 1_000_000); err != nil {
			b.Fatal(err)
		}
	}
}
