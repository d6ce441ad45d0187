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
	users := &users{peers: make(map[string]*peer)}
	for {
		conn, err := ln.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go serve(conn, users)
	}
}

type users struct {
	mu    sync.RWMutex
	peers map[string]*peer // by user id
}

// peer is one connection. Frames for it gather in out until the reader that made them has nothing more to read.
type peer struct {
	conn net.Conn
	mu   sync.Mutex // guards out and orders the writes
	out  []byte
}

func (p *peer) frame(parts ...[]byte) {
	n := 0
	for _, part := range parts {
		n += len(part)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out = append(p.out, 0x81) // FIN, text
	if n < 126 {
		p.out = append(p.out, byte(n))
	} else {
		p.out = append(p.out, 126, byte(n>>8), byte(n))
	}
	for _, part := range parts {
		p.out = append(p.out, part...)
	}
}

func (p *peer) flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.out) > 0 {
		p.conn.Write(p.out) // the reader notices a broken connection
		p.out = p.out[:0]
	}
}

func serve(conn net.Conn, users *users) {
	defer conn.Close()
	if _, err := ws.Upgrade(conn); err != nil {
		return
	}
	me := &peer{conn: conn}
	me.frame([]byte(`0{"sid":"raw","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`))
	me.flush()
	r := bufio.NewReaderSize(conn, 2048)
	touched := make(map[*peer]bool, 2)
	var frame []byte
	for {
		var err error
		if frame, err = read(r, frame); err != nil {
			return
		}
		touched[me] = true
		if to := handle(me, frame, users); to != nil {
			touched[to] = true
		}
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

// handle answers one packet, and returns the peer it relayed to, if any.
func handle(me *peer, packet []byte, users *users) *peer {
	if bytes.HasPrefix(packet, []byte("40")) {
		me.frame([]byte(`40{"sid":"raw"}`))
		return nil
	}
	event := bytes.IndexByte(packet, '[')
	if event < 0 {
		return nil
	}
	ack := packet[2:event]
	if bytes.HasPrefix(packet[event:], []byte(`["login"`)) {
		users.mu.Lock()
		users.peers[string(field(packet, "userid"))] = me
		users.mu.Unlock()
		me.frame([]byte("43"), ack, []byte(`[{"ok":true}]`))
		return nil
	}
	from, to, message := field(packet, "form_id"), field(packet, "toUserid"), field(packet, "message")
	at := strconv.AppendInt(nil, time.Now().UnixMilli(), 10)
	users.mu.RLock()
	receiver := users.peers[string(to)]
	users.mu.RUnlock()
	if receiver != nil {
		receiver.frame([]byte(`42["newMessage",{"f_id":"`), from, []byte(`","time":`), at, []byte(`,"message":"`), message,
			[]byte(`","type":"text","to":"`), to, []byte(`"}]`))
	}
	me.frame([]byte("43"), ack, []byte(`[{"ok":true,"at":`), at, []byte(`}]`))
	return receiver
}

// field finds a string field whose value needs no unescaping.
func field(packet []byte, name string) []byte {
	_, rest, _ := bytes.Cut(packet, []byte(`"`+name+`":"`))
	value, _, _ := bytes.Cut(rest, []byte{'"'})
	return value
}
