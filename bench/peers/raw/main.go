// Command raw is the lower bound that the load generator compares with: a relay that speaks just enough of
// Engine.IO 4 and Socket.IO 5 for the generator's client, by looking for bytes instead of parsing. It trusts its peer,
// stores nothing and beats no heart. Nothing that does the work of a chat server can cost less on the same machine.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

func main() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("listening on http://%s\n", ln.Addr())
	h := &house{users: make(map[string]*peer), rooms: make(map[string]map[*peer]bool)}
	for {
		conn, err := ln.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go h.serve(conn)
	}
}

// peer is one connection. Frames for it gather in out until the reader that made them has nothing more to read.
type peer struct {
	conn net.Conn
	user []byte     // known to its reader alone
	mu   sync.Mutex // guards out and orders the writes
	out  []byte
}

func (p *peer) frame(parts ...[]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out = frame(p.out, parts...)
}

// frame appends a text frame (RFC 6455 section 5.2) to out.
func frame(out []byte, parts ...[]byte) []byte {
	n := 0
	for _, part := range parts {
		n += len(part)
	}
	out = append(out, 0x81) // FIN, text
	if n < 126 {
		out = append(out, byte(n))
	} else {
		out = append(out, 126, byte(n>>8), byte(n))
	}
	for _, part := range parts {
		out = append(out, part...)
	}
	return out
}

func (p *peer) flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.out) > 0 {
		p.conn.Write(p.out) // the reader notices a broken connection
		p.out = p.out[:0]
	}
}

func (h *house) serve(conn net.Conn) {
	defer conn.Close()
	if _, err := ws.Upgrade(conn); err != nil {
		return
	}
	me := &peer{conn: conn}
	defer h.leave(me)
	me.frame([]byte(`0{"sid":"raw","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`))
	me.flush()
	r := bufio.NewReaderSize(conn, 2048)
	touched := make(map[*peer]bool, 2)
	var packet []byte
	for {
		var err error
		if packet, err = read(r, packet); err != nil {
			return
		}
		touched[me] = true
		h.handle(me, packet, touched)
		if r.Buffered() > 0 {
			continue
		}
		for p := range touched {
			p.flush()
			delete(touched, p)
		}
	}
}

// read returns the unmasked payload of the next frame, in buf where it fits.
func read(r *bufio.Reader, buf []byte) ([]byte, error) {
	h, err := ws.ReadHeader(r)
	if err != nil {
		return nil, err
	}
	if h.OpCode != ws.OpText || h.Length > 1<<16-1 {
		return nil, io.EOF
	}
	if int64(cap(buf)) < h.Length {
		buf = make([]byte, h.Length)
	}
	buf = buf[:h.Length]
	_, err = io.ReadFull(r, buf)
	ws.Cipher(buf, h.Mask, 0)
	return buf, err
}

// handle answers one packet, and enters in touched who has something to be sent.
func (h *house) handle(me *peer, packet []byte, touched map[*peer]bool) {
	if len(packet) < 2 {
		return
	}
	kind, rest := packet[:2], packet[2:]
	var namespace []byte // with its comma; empty for the main one
	if comma := bytes.IndexByte(rest, ','); comma > 0 && rest[0] == '/' {
		namespace, rest = rest[:comma+1], rest[comma+1:]
	}
	if string(kind) == "40" {
		me.frame(kind, namespace, []byte(`{"sid":"raw"}`))
		return
	}
	start := bytes.IndexByte(rest, '[')
	if start < 0 {
		return
	}
	id, event := rest[:start], rest[start:]
	answer := func(at []byte) {
		switch {
		case len(id) == 0:
		case at == nil:
			me.frame([]byte("43"), namespace, id, []byte(`[{"ok":true}]`))
		default:
			me.frame([]byte("43"), id, []byte(`[{"ok":true,"at":`), at, []byte(`}]`))
		}
	}
	switch name, args := next(event); string(name) {
	case "login":
		me.user = bytes.Clone(field(args, "userid"))
		h.enter(me)
		answer(nil)
	case "chat":
		to, at := field(args, "toUserid"), strconv.AppendInt(nil, time.Now().UnixMilli(), 10)
		h.tell(to, touched, []byte(`42["newMessage",{"f_id":"`), me.user, []byte(`","time":`), at, []byte(`,"message":"`),
			field(args, "message"), []byte(`","type":"text","to":"`), to, []byte(`"}]`))
		answer(at)
	case "typing":
		on := []byte(strconv.FormatBool(bytes.Contains(args, []byte(`"on":true`))))
		h.tell(field(args, "to"), touched, []byte(`42["typing",{"user":"`), me.user, []byte(`","on":`), on, []byte(`}]`))
		answer(nil)
	case "join":
		room, _ := next(args)
		h.join(me, string(room))
		answer(nil)
	case "say":
		room, args := next(args)
		text, _ := next(args)
		h.say(string(room), touched, []byte("42"), namespace, []byte(`["said","`), text, []byte(`"]`))
		answer(nil)
	}
}

// next returns the next string of a JSON array whose strings need no unescaping, and what follows it.
func next(args []byte) (text, rest []byte) {
	_, rest, _ = bytes.Cut(args, []byte{'"'})
	text, rest, _ = bytes.Cut(rest, []byte{'"'})
	return text, rest
}

// field finds a string field whose value needs no unescaping.
func field(packet []byte, name string) []byte {
	_, rest, _ := bytes.Cut(packet, []byte(`"`+name+`":"`))
	value, _, _ := bytes.Cut(rest, []byte{'"'})
	return value
}
