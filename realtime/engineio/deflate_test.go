package engineio

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
)

// packer is a peer that has offered permessage-deflate.
type packer struct {
	*peer
	accepted string // what the server answered
}

// dialPacked opens a WebSocket with an offer, as it stands in the header.
func (h *house) dialPacked(eio, query, offer string) *packer {
	h.t.Helper()
	options, ok := httphead.ParseOptions([]byte(offer), nil)
	if !ok {
		h.t.Fatal("malformed: ", offer)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, early, handshake, err := ws.Dialer{Extensions: options}.Dial(ctx, "ws"+strings.TrimPrefix(h.http.URL, "http")+"/?EIO="+eio+"&transport=websocket"+query)
	if err != nil {
		h.t.Fatal(err)
	}
	var accepted strings.Builder
	httphead.WriteOptions(&accepted, handshake.Extensions) // into memory: cannot fail
	return &packer{newPeer(h.t, conn, early), accepted.String()}
}

// joinPacked opens a session whose messages may be compressed.
func (h *house) joinPacked(eio string) (*packer, *guest) {
	h.t.Helper()
	p := h.dialPacked(eio, "", wsflate.ExtensionName)
	p.sid = sidOf(h.t, p.hear())
	return p, h.guest()
}

// hearPacked returns the next message as hear does, and whether it came compressed.
func (p *packer) hearPacked() (message string, packed bool) {
	p.t.Helper()
	f, err := ws.ReadFrame(p.in)
	if err != nil {
		p.t.Fatal(err)
	}
	if packed = f.Header.Rsv1(); packed {
		if f, err = wsflate.DecompressFrame(f); err != nil {
			p.t.Fatal(err)
		}
	}
	if f.Header.OpCode == ws.OpBinary {
		return "b" + string(f.Payload), packed
	}
	return string(f.Payload), packed
}

func (p *packer) mustHearPacked(want string, packed bool) {
	p.t.Helper()
	if got, was := p.hearPacked(); got != want || was != packed {
		p.t.Fatalf("heard %.100q (%d bytes, compressed %t), want %.100q (%d bytes, compressed %t)", got, len(got), was, want, len(want), packed)
	}
}

// pack compresses a frame, with a mark in its header.
func pack(t testing.TB, f ws.Frame) ws.Frame {
	t.Helper()
	packed, err := wsflate.CompressFrame(f)
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

// marked sets the bit that says compressed.
func marked(f ws.Frame) ws.Frame {
	f.Header.Rsv = ws.Rsv(true, false, false)
	return f
}

// noise is what does not compress.
func noise(n int) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(data)
	return data
}

var packs = Config{Compress: true}

func TestOffersOfCompression(t *testing.T) {
	const plain = "permessage-deflate;server_no_context_takeover;client_no_context_takeover"
	h, off := open(t, packs, nil), open(t, Config{}, nil)
	for offer, want := range map[string]string{
		"permessage-deflate":                                                plain,
		"permessage-deflate; client_max_window_bits":                        plain, // browsers
		"permessage-deflate; client_max_window_bits=9":                      plain,
		"permessage-deflate; server_no_context_takeover":                    plain,
		"permessage-deflate; server_max_window_bits=15":                     plain + ";server_max_window_bits=15",
		"permessage-deflate; server_max_window_bits=10":                     "",
		"permessage-deflate; server_max_window_bits=99":                     "",
		"permessage-deflate; server_no_context_takeover=1":                  "",
		"permessage-deflate; future":                                        "",
		"x-webkit-deflate-frame":                                            "",
		"permessage-deflate; server_max_window_bits=10, permessage-deflate": plain,
		"permessage-deflate; client_max_window_bits, permessage-deflate":    plain,
	} {
		ann := h.dialPacked("4", "", offer)
		if ann.accepted != want {
			t.Errorf("%s: accepted %q, want %q", offer, ann.accepted, want)
		}
		if bob := off.dialPacked("4", "", offer); bob.accepted != "" {
			t.Errorf("%s: accepted %q without being told to", offer, bob.accepted)
		}
	}
}

// Ann says long and short things, and hears them: text and binary, in both protocols.
func TestLongMessagesAreCompressedBothWays(t *testing.T) {
	h := open(t, packs, nil)
	long := strings.Repeat("你好, Bob. ", 10_000)
	for eio, raw := range map[string]string{"3": "\x04", "4": ""} {
		ann, guest := h.joinPacked(eio)
		ann.send(pack(t, ws.NewTextFrame([]byte("4"+long))), pack(t, ws.NewBinaryFrame([]byte(raw+long))))
		ann.mustHearPacked("4"+long, true)
		ann.mustHearPacked("b"+raw+long, true)
		ann.send(pack(t, ws.NewTextFrame([]byte("4short"))), ws.NewTextFrame([]byte("4plain")), pack(t, ws.NewBinaryFrame(append([]byte(raw), noise(5000)...))))
		ann.mustHearPacked("4short", false)
		ann.mustHearPacked("4plain", false)
		ann.mustHearPacked("b"+raw+string(noise(5000)), false)
		await(t, "nothing waits", func() bool { return guest.conn.Queued() == 0 })
	}
}

func TestCompressedMessageInFragments(t *testing.T) {
	h := open(t, packs, nil)
	ann, _ := h.joinPacked("4")
	long := "4" + strings.Repeat("one and two and ", 1000)
	data := pack(t, ws.NewTextFrame([]byte(long))).Payload
	ann.send(
		marked(ws.NewFrame(ws.OpText, false, data[:10])),
		ws.NewPingFrame([]byte("there?")),
		ws.NewFrame(ws.OpContinuation, false, data[10:11]),
		ws.NewFrame(ws.OpContinuation, true, data[11:]),
		fragment(ws.OpText, false, "4not "), fragment(ws.OpContinuation, true, "compressed"))
	if f, err := ann.frame(); err != nil || f.Header.OpCode != ws.OpPong {
		t.Fatalf("no pong: %v %v", f.Header, err)
	}
	ann.mustHearPacked(long, true)
	ann.mustHearPacked("4not compressed", false)
}

// The examples of RFC 7692, section 7.2.3, as far as they need no context.
func TestCompressedFormsOfTheStandard(t *testing.T) {
	var c codecs
	for _, form := range []string{"f248cdc9c90700", "000500faff48656c6c6f00", "f348cdc9c9070000", "f248050000" + "00ffffcac9c90700"} {
		data, err := hex.DecodeString(form)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.inflate(data, 5); err != nil || string(got) != "Hello" {
			t.Errorf("%s: %q, %v", form, got, err)
		}
	}
}

func TestBrokenRulesOfCompression(t *testing.T) {
	const most = 100_000
	cfg := Config{Compress: true, MaxPayload: most}
	h, off := open(t, cfg, nil), open(t, Config{MaxPayload: most}, nil)
	hello := pack(t, ws.NewTextFrame([]byte("4hello")))
	rsv2 := hello
	rsv2.Header.Rsv = ws.Rsv(true, true, false)
	reserved := ws.ErrProtocolNonZeroRsv.Error()
	malformed := "malformed compressed data"
	for _, c := range []struct {
		name   string
		house  *house
		offer  bool
		sent   []ws.Frame
		code   ws.StatusCode
		reason string
	}{
		{"not negotiated", h, false, []ws.Frame{hello}, 1002, reserved},
		{"declined", off, true, []ws.Frame{hello}, 1002, reserved},
		{"another reserved bit", h, true, []ws.Frame{rsv2}, 1002, reserved},
		{"a compressed ping", h, true, []ws.Frame{marked(ws.NewPingFrame(nil))}, 1002, reserved},
		{"a second fragment marked", h, true, []ws.Frame{fragment(ws.OpText, false, "4"), marked(fragment(ws.OpContinuation, true, "x"))}, 1002, reserved},
		{"not compressed", h, true, []ws.Frame{marked(ws.NewTextFrame([]byte("4hello")))}, 1007, malformed},
		{"the end missing", h, true, []ws.Frame{marked(ws.NewTextFrame(hello.Payload[:len(hello.Payload)/2]))}, 1007, malformed},
		{"not UTF-8", h, true, []ws.Frame{pack(t, ws.NewTextFrame([]byte("4\xff")))}, 1007, errUTF8.Error()},
		{"one byte too many", h, true, []ws.Frame{pack(t, ws.NewTextFrame([]byte("4"+strings.Repeat("x", most))))}, 1009, "message over maxPayload when inflated"},
		{"too long on the wire", h, true, []ws.Frame{marked(ws.NewBinaryFrame(noise(most + 1)))}, 1009, "message over maxPayload"},
	} {
		t.Run(c.name, func(t *testing.T) {
			offer := "x-other"
			if c.offer {
				offer = wsflate.ExtensionName
			}
			ann := c.house.dialPacked("4", "", offer)
			ann.t = t
			ann.hear()
			guest := c.house.guest()
			ann.send(c.sent...)
			ann.mustEnd(c.code, c.reason)
			c.house.mustClose(guest, c.reason)
		})
	}
	ann, _ := h.joinPacked("4")
	full := "4" + strings.Repeat("x", most-1)
	ann.send(pack(t, ws.NewTextFrame([]byte(full))))
	ann.mustHearPacked(full, true)
}

// Carl sends a gigabyte of zeros in a megabyte. He is refused before it takes memory.
func TestBombIsRefused(t *testing.T) {
	h := open(t, Config{Compress: true, MaxPayload: 2 << 20}, nil)
	var block bytes.Buffer
	w, _ := flate.NewWriter(&block, flate.BestCompression)
	w.Write(make([]byte, 1<<20))
	w.Flush() // ends on a byte, so that blocks can follow each other
	wire := masked(marked(ws.NewBinaryFrame(bytes.Repeat(block.Bytes(), 1<<10))))
	carl, guest := h.joinPacked("4")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := carl.Write(wire); err != nil {
		t.Fatal(err)
	}
	carl.mustEnd(ws.StatusMessageTooBig, "message over maxPayload when inflated")
	h.mustClose(guest, "message over maxPayload when inflated")
	runtime.ReadMemStats(&after)
	took := after.TotalAlloc - before.TotalAlloc
	t.Logf("%d bytes on the wire took %d of memory", len(wire), took)
	if took > 20<<20 {
		t.Error("that is too much")
	}
}

// Ann has negotiated compression, Bob has not, Carl speaks protocol 3: they hear the same frames.
func TestOneFrameForThoseWhoCompressAndThoseWhoDoNot(t *testing.T) {
	h := open(t, packs, nil)
	ann, annsGuest := h.joinPacked("4")
	bob, bobsGuest := h.join()
	carl, carlsGuest := h.joinPacked("3")
	long := strings.Repeat("news ", 1000)
	news, picture := text(long), NewBinary([]byte(long))
	for range 3 {
		for _, g := range []*guest{annsGuest, bobsGuest, carlsGuest} {
			g.conn.Send(news, text("short"), picture)
		}
		for p, raw := range map[*packer]string{ann: "b", carl: "b\x04"} {
			p.mustHearPacked("4"+long, true)
			p.mustHearPacked("4short", false)
			p.mustHearPacked(raw+long, true)
		}
		bob.mustHear("4"+long, "4short", "b"+long)
	}
	if first := news.packed(&h.codecs); first == news || news.packed(&h.codecs) != first {
		t.Error("compressed again, or not at all")
	}
}

// Ann does not read for a while: what waits for her counts as it goes over the wire.
func TestCompressedFramesCountAsTheyAreSent(t *testing.T) {
	h := open(t, Config{Compress: true, MaxPayload: 4 << 20, MaxQueued: 1 << 30}, nil)
	ann, guest := h.joinPacked("4")
	frame := NewBinary(bytes.Repeat(append(noise(20<<10), make([]byte, 20<<10)...), 5))
	packed := frame.packed(&h.codecs)
	if packed.Len() > frame.Len()*3/5 {
		t.Fatalf("%d bytes of %d", packed.Len(), frame.Len())
	}
	const n = 10
	// The kernel takes less than is sent, however large its buffers may grow.
	guest.conn.ws.conn.(*net.TCPConn).SetWriteBuffer(64 << 10)
	ann.Conn.(*net.TCPConn).SetReadBuffer(64 << 10)
	for range n {
		guest.conn.Send(frame)
	}
	if got := guest.conn.Queued(); got == 0 || got > n*packed.Len() {
		t.Errorf("%d bytes wait, %d were sent", got, n*packed.Len())
	}
	for range n {
		ann.mustHearPacked("b"+string(frame.body()), true)
	}
	await(t, "nothing waits", func() bool { return guest.conn.Queued() == 0 })

	for range n {
		guest.conn.Send(frame)
	}
	guest.conn.close(closeByPeer()) // drops what waits
	ann.Close()
	await(t, "nothing waits", func() bool { return guest.conn.Queued() == 0 })
}

func TestManySendTheSameAtOnce(t *testing.T) {
	const senders, each = 8, 20
	h := open(t, packs, nil)
	var frames []*Frame
	for i := range each {
		frames = append(frames, text(strings.Repeat(fmt.Sprint(i, " "), 1000)))
	}
	var peers []*packer
	var all sync.WaitGroup
	for i := range 4 {
		offer := "x-other"
		if i%2 == 0 {
			offer = wsflate.ExtensionName
		}
		ann := h.dialPacked("4", "", offer)
		ann.hear()
		guest := h.guest()
		peers = append(peers, ann)
		for range senders {
			all.Go(func() {
				for _, f := range frames {
					guest.conn.Send(f)
				}
			})
		}
	}
	for i, p := range peers {
		heard := map[string]int{}
		for range senders * each {
			message, packed := p.hearPacked()
			if packed != (i%2 == 0) {
				t.Fatalf("compressed: %t", packed)
			}
			heard[message]++
		}
		for _, f := range frames {
			if n := heard[string(f.body())]; n != senders {
				t.Errorf("heard %d times instead of %d", n, senders)
			}
		}
	}
	all.Wait()
}

// Ann polls at first. What was queued for her polls comes as it is, what follows the upgrade is compressed.
func TestUpgradeToCompression(t *testing.T) {
	h := open(t, packs, nil)
	for _, eio := range []string{"3", "4"} {
		opening := h.ask("GET", "EIO="+eio+"&transport=polling", "").body
		sid := opening[strings.Index(opening, `"sid":"`)+7:][:20]
		guest := h.guest()
		ann := h.dialPacked(eio, "&sid="+sid, wsflate.ExtensionName)
		ann.say("2probe")
		ann.mustHearPacked("3probe", false)
		long := strings.Repeat("before ", 1000)
		guest.conn.Send(text(long))
		ann.say("5")
		ann.mustHearPacked("4"+long, false)
		guest.conn.Send(text(long))
		ann.mustHearPacked("4"+long, true)
	}
}
