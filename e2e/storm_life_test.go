package e2e_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// moment is what a client of the storm is about to send. It dies before, within or right after it.
type moment string

const (
	opening    moment = "opening" // the Engine.IO handshake
	connecting moment = "CONNECT"
	upgrading  moment = "upgrade" // the second connection's handshake, while a poll waits
	probing    moment = "probe"
	switching  moment = "upgrade packet"
	loggingIn  moment = "login"
	joining    moment = "namespace" // of the extension
	entering   moment = "room"      // in there
	chatting   moment = "chat"
	waiting    moment = "poll" // for what comes
	leaving    moment = "goodbye"
)

// kind is how a client connects.
type kind struct {
	protocol string // of Engine.IO
	carrier  string // polling, websocket, or upgrade from one to the other
}

func kinds() []kind {
	return []kind{
		{"3", "polling"}, {"3", "websocket"}, {"3", "upgrade"},
		{"4", "polling"}, {"4", "websocket"}, {"4", "upgrade"},
	}
}

// moments lists those of a kind, in order.
func (k kind) moments() (all []moment) {
	all = append(all, opening)
	if k.protocol == "4" { // clients of 3 are connected unasked
		all = append(all, connecting)
	}
	if k.carrier == "upgrade" {
		all = append(all, upgrading, probing, switching)
	}
	all = append(all, loggingIn, joining, entering, chatting)
	if k.carrier == "polling" {
		all = append(all, waiting)
	}
	return append(all, leaving)
}

// errDead says that a client died where it should.
var errDead = errors.New("dead")

// lifeTime is far above what a life takes, also that of one that is silent until the server hangs up.
const lifeTime = 40 * time.Second

// life is a client that dies at a moment. It is driven by one goroutine.
type life struct {
	kind
	addr, token, user, other string
	end                      moment
	silent                   bool // it does not hang up, but falls silent
	rand                     *rand.Rand

	now   moment
	sid   string
	conns []net.Conn
	http  *bufio.Reader // of the first connection; nil when that is a WebSocket
	ws    *bufio.Reader // of the last connection, once it is the session's
}

// live lives until the end, and returns what else ended it.
func (l *life) live() error {
	var err error
	for _, l.now = range l.moments() {
		if err = l.step(); err != nil {
			break
		}
	}
	if errors.Is(err, errDead) {
		return nil
	}
	return fmt.Errorf("%v, in %s, before its end in %s: %v", l.kind, l.now, l.end, err)
}

func (l *life) step() error {
	switch l.now {
	case opening:
		return l.open()
	case connecting:
		return l.ask(`40{"token":"`+l.token+`"}`, `40{"sid":"`)
	case upgrading: // the poll waits meanwhile, as those of all clients do
		if _, err := l.conns[0].Write(l.request(http.MethodGet, "")); err != nil {
			return err
		}
		return l.openWebSocket("&sid=" + l.sid)
	case probing:
		if err := l.frame(ws.OpText, "2probe"); err != nil {
			return err
		}
		return l.hear("3probe")
	case switching:
		return l.frame(ws.OpText, "5")
	case loggingIn:
		return l.ask(fmt.Sprintf(`420["login",{"device":"device %d"}]`, l.rand.IntN(3)), `430[{"ok":true`)
	case joining:
		return l.ask("40/rooms", "40/rooms")
	case entering:
		return l.ask(fmt.Sprintf(`42/rooms,1["enter","room %d"]`, l.rand.IntN(50)), "43/rooms,1[]")
	case chatting:
		text := strings.Repeat("words in a storm ", 1+l.rand.IntN(100))
		return l.ask(fmt.Sprintf(`421["chat",{"form_id":%q,"toUserid":%q,"message":%q}]`, l.user, l.other, text), `431[{"ok":true`)
	case waiting:
		return l.write(l.request(http.MethodGet, ""))
	default: // leaving
		if l.ws != nil {
			return l.frame(ws.OpClose, "\x03\xe8")
		}
		var err error
		if l.http, err = l.dial(); err != nil { // the poll still waits on the other one
			return err
		}
		return l.post("1")
	}
}

// write sends, or as much of it as the client lives to send.
func (l *life) write(data []byte) error {
	dies := l.now == l.end
	if dies && !l.silent {
		data = data[:l.rand.IntN(len(data)+1)]
	}
	if _, err := l.conns[len(l.conns)-1].Write(data); err != nil {
		return err
	}
	if dies {
		return errDead
	}
	return nil
}

func (l *life) dial() (*bufio.Reader, error) {
	conn, err := net.Dial("tcp", l.addr)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(lifeTime))
	l.conns = append(l.conns, conn)
	return bufio.NewReader(conn), nil
}

var sidPattern = regexp.MustCompile(`"sid":"([\w-]+)"`)

func (l *life) open() (err error) {
	query := "&token=" + l.token
	if l.carrier == "websocket" {
		if err := l.openWebSocket(query); err != nil {
			return err
		}
		return l.hear(`0{"sid":"`)
	}
	if l.http, err = l.dial(); err != nil {
		return err
	}
	l.sid = "" // not known yet; the query stands in its place
	answer, err := l.exchange(http.MethodGet, query)
	if err != nil {
		return err
	}
	found := sidPattern.FindStringSubmatch(answer)
	if found == nil {
		return fmt.Errorf("no session in %q", answer)
	}
	l.sid = found[1]
	return nil
}

func (l *life) openWebSocket(query string) error {
	r, err := l.dial()
	if err != nil {
		return err
	}
	err = l.write(fmt.Appendf(nil, "GET /socket.io/?EIO=%s&transport=websocket%s HTTP/1.1\r\nHost: storm\r\nUpgrade: websocket\r\n"+
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", l.protocol, query))
	if err != nil {
		return err
	}
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	l.ws = r
	return nil
}

// ask sends a packet and waits for an answer that holds want.
func (l *life) ask(packet, want string) error {
	if l.ws != nil {
		if err := l.frame(ws.OpText, packet); err != nil {
			return err
		}
		return l.hear(want)
	}
	if err := l.post(packet); err != nil {
		return err
	}
	for {
		answer, err := l.exchange(http.MethodGet, "")
		if err != nil || strings.Contains(answer, want) {
			return err
		}
		if err := l.pong(answer); err != nil {
			return err
		}
	}
}

func (l *life) pong(answer string) error {
	for packet := range strings.SplitSeq(answer, "\x1e") {
		if packet == "2" && l.protocol == "4" {
			return l.post("3")
		}
	}
	return nil
}

func (l *life) frame(op ws.OpCode, payload string) error {
	return l.write(ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewFrame(op, true, []byte(payload)))))
}

// hear reads frames until one holds want.
func (l *life) hear(want string) error {
	for {
		h, err := ws.ReadHeader(l.ws)
		if err != nil {
			return err
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(l.ws, payload); err != nil {
			return err
		}
		switch {
		case h.OpCode == ws.OpClose:
			return fmt.Errorf("closed: %q", payload)
		case bytes.Contains(payload, []byte(want)):
			return nil
		case string(payload) == "2" && l.protocol == "4":
			if err := l.frame(ws.OpText, "3"); err != nil {
				return err
			}
		}
	}
}

// request is one of the polling transport, whole.
func (l *life) request(method, body string) []byte {
	query := "&sid=" + l.sid
	if l.sid == "" {
		query, body = body, ""
	}
	return fmt.Appendf(nil, "%s /socket.io/?EIO=%s&transport=polling&b64=1%s HTTP/1.1\r\nHost: storm\r\n"+
		"Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", method, l.protocol, query, len(body), body)
}

func (l *life) post(packet string) error {
	if l.protocol == "3" {
		packet = fmt.Sprintf("%d:%s", len(packet), packet)
	}
	_, err := l.exchange(http.MethodPost, packet)
	return err
}

func (l *life) exchange(method, body string) (answer string, err error) {
	if err := l.write(l.request(method, body)); err != nil {
		return "", err
	}
	res, err := http.ReadResponse(l.http, nil)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", res.StatusCode, b)
	}
	return string(b), err
}

// bury ends the client's connections: by a goodbye of TCP, by a reset, or, if it fell silent, when the server hangs up,
// for which late waits.
func (l *life) bury(late *sync.WaitGroup, tooLate func(error)) {
	reset := l.rand.IntN(2) == 0
	for _, conn := range l.conns {
		if l.silent {
			late.Go(func() {
				defer conn.Close()
				if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
					tooLate(fmt.Errorf("%v, silent in %s: the server does not hang up", l.kind, l.end))
				}
			})
			continue
		}
		if reset {
			conn.(*net.TCPConn).SetLinger(0)
		}
		conn.Close()
	}
}
