//go:build linux

package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-chat/parley/bench/proc"
	"github.com/parley-chat/parley/bench/sio"
)

// hall is the example program, with one room in its namespace /rooms.
type hall struct {
	*server
	all     []*member
	latency latencies
	left    atomic.Int64 // members that the room saw leave
}

func openHall(t *testing.T) *hall {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "rooms")
	if err := proc.Build(binary, proc.Module+"/examples/rooms", buildFlags()...); err != nil {
		t.Fatal(err)
	}
	cmd := command(dir)
	cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", `exec "$0" 2>&1`, binary} // its log says where it listens
	p, err := proc.Start(cmd, startWait)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Process: p, t: t}
	t.Cleanup(s.stop)
	return &hall{server: s}
}

func (h *hall) rss() int64 {
	h.t.Helper()
	n, err := h.RSS()
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// member is someone in the room. Once she reads, only her own goroutine does.
type member struct {
	account
	hall   *hall
	conn   net.Conn
	r      *bufio.Reader
	writes sync.Mutex

	skipped []string // packets read while she awaited another

	asleep atomic.Bool
	wake   chan struct{}
	over   chan struct{} // closed when she reads no more; what follows may be looked at then
	heard  int           // number of the last message that she heard
	gap    string        // what did not come in order
	end    error
}

// enter connects, joins the chat too if there is a token, and enters the room. A narrow member has a connection whose
// kernel keeps little for who does not read.
func (h *hall) enter(name, token string, narrow bool) *member {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), answerWait)
	defer cancel()
	dialer := ws.Dialer{}
	if narrow {
		dialer.NetDial = (&net.Dialer{Control: narrowed}).DialContext
	}
	conn, early, _, err := dialer.Dial(ctx, "ws"+strings.TrimPrefix(h.URL, "http")+"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(testWait))
	m := &member{
		account: account{name: name, token: token}, hall: h, conn: conn, r: early,
		wake: make(chan struct{}), over: make(chan struct{}),
	}
	if early == nil {
		m.r = bufio.NewReader(conn)
	}
	if token != "" {
		m.ask(`40{"token":"`+token+`"}`, `0{"sid":`)
		m.ask(`421["login",{"device":"phone"}]`, "31[")
	}
	m.ask(`40/rooms,{"name":"`+name+`"}`, `0/rooms,`)
	m.ask(`42/rooms,1["join","hall"]`, `3/rooms,1[{"ok":true`)
	h.all = append(h.all, m)
	return m
}

func narrowed(_, _ string, c syscall.RawConn) (err error) {
	controlErr := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
		if err == nil {
			err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 536)
		}
	})
	if controlErr != nil {
		return controlErr
	}
	return err
}

func (m *member) write(packet string) error {
	m.writes.Lock()
	defer m.writes.Unlock()
	return ws.WriteFrame(m.conn, ws.MaskFrameInPlace(ws.NewTextFrame([]byte(packet))))
}

// read returns the next Socket.IO packet, and answers heartbeats.
func (m *member) read() ([]byte, error) {
	for {
		h, err := ws.ReadHeader(m.r)
		if err != nil {
			return nil, err
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(m.r, payload); err != nil {
			return nil, err
		}
		switch {
		case h.OpCode == ws.OpClose:
			code, reason := ws.ParseCloseFrameData(payload)
			return nil, &sio.ClosedError{Code: int(code), Reason: reason}
		case payload[0] == '2':
			if err := m.write("3"); err != nil {
				return nil, err
			}
		case payload[0] == '4':
			return payload[1:], nil
		}
	}
}

func (m *member) ask(packet, answer string) {
	m.hall.t.Helper()
	if err := m.write(packet); err != nil {
		m.hall.t.Fatal(err)
	}
	m.awaits(answer)
}

// awaits reads until a packet holds want, unless one did that was read while she awaited another.
func (m *member) awaits(want string) {
	m.hall.t.Helper()
	if slices.ContainsFunc(m.skipped, func(packet string) bool { return strings.Contains(packet, want) }) {
		return
	}
	for {
		packet, err := m.read()
		if err != nil {
			m.hall.t.Fatalf("%s waits for %s: %v", m.name, want, err)
		}
		if bytes.Contains(packet, []byte(want)) {
			return
		}
		m.skipped = append(m.skipped, string(packet))
	}
}

// lastWord ends the last message.
const lastWord = "goodbye"

// talks has a member say something at even intervals until stop is called, which returns the number of her last message.
func (m *member) talks() (stop func() (last int)) {
	ending, done, number := make(chan struct{}), make(chan struct{}), 0
	padding := strings.Repeat("x", saidSize-30)
	say := func(rest string) error {
		number++
		return m.write(fmt.Sprintf(`42/rooms,["say","hall","%08d %020d %s"]`, number, time.Now().UnixNano(), rest))
	}
	go func() {
		defer close(done)
		tick := time.NewTicker(saidEvery)
		defer tick.Stop()
		for {
			select {
			case <-ending:
				say(lastWord)
				return
			case <-tick.C:
			}
			if say(padding) != nil {
				return // her reading tells why
			}
		}
	}()
	return func() int {
		close(ending)
		<-done
		return number
	}
}

// reads has a member read from now on, but while she is asleep.
func (m *member) reads() {
	go func() {
		defer close(m.over)
		for {
			packet, err := m.read()
			if err != nil {
				m.end = err
				return
			}
			if m.hears(packet) {
				return
			}
			if m.asleep.Load() {
				<-m.wake
			}
		}
	}()
}

func (m *member) wakes() {
	m.asleep.Store(false)
	close(m.wake)
}

// hears takes note of a packet; last says that nothing more will be said.
func (m *member) hears(packet []byte) (last bool) {
	switch {
	case bytes.HasPrefix(packet, []byte(`2/rooms,["said",`)):
		at := bytes.Index(packet, []byte(`},"`)) + len(`},"`)
		number, _ := strconv.Atoi(string(packet[at : at+8]))
		sent, _ := strconv.ParseInt(string(packet[at+9:at+29]), 10, 64)
		if m.heard != 0 && number != m.heard+1 && m.gap == "" {
			m.gap = fmt.Sprintf("%d came after %d", number, m.heard)
		}
		m.heard = number
		if strings.HasPrefix(m.name, "Reader") {
			m.hall.latency.add(time.Duration(time.Now().UnixNano() - sent))
		}
	case m.name == "Ann" && bytes.HasPrefix(packet, []byte(`2/rooms,["left",`)):
		if m.hall.left.Add(1) == 1 {
			m.hall.latency.next()
		}
	}
	return bytes.Contains(packet, []byte(lastWord))
}

// hearsUpTo waits until a member has heard the last message, which has that number.
func (m *member) hearsUpTo(last int) {
	m.hall.t.Helper()
	select {
	case <-m.over:
	case <-time.After(slowWait):
		m.hall.t.Fatalf("%s does not hear up to %d", m.name, last)
	}
	if m.heard != last {
		m.hall.t.Errorf("%s heard up to %d of %d: %v", m.name, m.heard, last, m.end)
	}
}
