package sio

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// Kind is how a session speaks.
type Kind struct {
	Protocol int // of Engine.IO: 3 (clients 1.x and 2.x) or 4
	Polling  bool
}

func (k Kind) String() string {
	transport := "WebSocket"
	if k.Polling {
		transport = "polling"
	}
	return fmt.Sprintf("Engine.IO %d, %s", k.Protocol, transport)
}

// Session is an Engine.IO session with the main namespace joined. One goroutine may call Read and Upgrade while others
// call Send and Beat.
type Session struct {
	// Interval and Timeout are the heartbeat's, as the server said at the handshake. Silence of both together is the end.
	Interval, Timeout time.Duration

	kind   Kind
	url    string // of the session, with all of the query but the transport
	ctx    context.Context
	cancel context.CancelFunc
	poller *poller
	unread [][]byte // packets of the last poll

	sending sync.Mutex           // held by who sends, and by who changes ws
	ws      atomic.Pointer[Conn] // nil while polling
}

// Join opens a session by the server's http URL and joins the main namespace with a token and a device's name. ctx
// bounds that, and nothing later. When the server refuses, the error is a *RefusedError.
func Join(ctx context.Context, base string, kind Kind, token, device string) (*Session, error) {
	query := url.Values{"EIO": {fmt.Sprint(kind.Protocol)}}
	if kind.Protocol == 3 { // knows no auth
		query.Set("token", token)
		query.Set("device", device)
	}
	s := &Session{kind: kind, url: base + "/socket.io/?" + query.Encode()}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.poller = newPoller(s.ctx, kind.Protocol)
	stop := context.AfterFunc(ctx, s.Close)
	err := s.open(ctx)
	if err == nil {
		err = s.join(token, device)
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// openWait bounds what the server has not yet bound by its own heartbeat.
const openWait = 20 * time.Second

func (s *Session) open(ctx context.Context) error {
	s.Timeout = openWait
	var packet []byte
	if s.kind.Polling {
		packets, err := s.poller.get(s.url+"&transport=polling", openWait)
		if err != nil {
			return err
		}
		packet, s.unread = packets[0], packets[1:]
	} else {
		conn, err := s.dial(ctx)
		if err != nil {
			return err
		}
		if _, packet, err = conn.ReadFrame(); err != nil {
			return err
		}
		s.use(conn)
	}
	var opened struct {
		Sid                       string
		PingInterval, PingTimeout int64
	}
	if !bytes.HasPrefix(packet, []byte("0{")) || json.Unmarshal(packet[1:], &opened) != nil || opened.Sid == "" {
		return fmt.Errorf("not an open packet: %.200q", packet)
	}
	s.url += "&sid=" + url.QueryEscape(opened.Sid)
	s.Interval = time.Duration(opened.PingInterval) * time.Millisecond
	s.Timeout = time.Duration(opened.PingTimeout) * time.Millisecond
	return nil
}

// dial opens a WebSocket that ends with the session. Its first frame is awaited for openWait.
func (s *Session) dial(ctx context.Context) (*Conn, error) {
	conn, err := dial(ctx, s.url+"&transport=websocket")
	if err != nil {
		return nil, err
	}
	conn.SetReadDeadline(time.Now().Add(openWait))
	context.AfterFunc(s.ctx, func() { conn.Close() })
	return conn, nil
}

// join joins the main namespace. In protocol 3 the server does so by itself.
func (s *Session) join(token, device string) error {
	if s.kind.Protocol == 4 {
		auth, err := json.Marshal(map[string]string{"token": token, "device": device})
		if err != nil {
			return err
		}
		if err := s.Send(append([]byte("0"), auth...)); err != nil {
			return err
		}
	}
	for {
		packet, err := s.Read()
		switch {
		case err != nil:
			return err
		case packet[0] == '0':
			return nil
		case packet[0] == '4':
			return &RefusedError{string(packet[1:])}
		}
	}
}

// Read returns the next Socket.IO packet, for instance `2["login",{}]`. The bytes are good until the next Read. It
// answers the server's heartbeats. Silence for longer than the heartbeat allows is an error, and so is everything that
// a client of the field takes for the end of a connection.
func (s *Session) Read() ([]byte, error) {
	for {
		packet, err := s.next()
		switch {
		case err != nil:
			return nil, err
		case len(packet) > 1 && packet[0] == '4':
			return packet[1:], nil
		case len(packet) > 0 && packet[0] == '2' && s.kind.Protocol == 4:
			if err := s.sendPacket([]byte("3")); err != nil {
				return nil, err
			}
		case len(packet) > 0 && packet[0] == '1':
			return nil, &ClosedError{Reason: "Engine.IO close packet"}
		case len(packet) > 0 && (packet[0] == '6' || packet[0] == '3' && s.kind.Protocol == 3):
		default:
			return nil, fmt.Errorf("not a packet: %.100q", packet)
		}
	}
}

// next returns the next Engine.IO packet.
func (s *Session) next() ([]byte, error) {
	for len(s.unread) == 0 {
		if conn := s.ws.Load(); conn != nil {
			conn.SetReadDeadline(time.Now().Add(s.Interval + s.Timeout))
			_, packet, err := conn.ReadFrame()
			return packet, err
		}
		packets, err := s.poller.get(s.url+"&transport=polling", s.Interval+s.Timeout)
		if err != nil {
			return nil, err
		}
		s.unread = packets
	}
	packet := s.unread[0]
	s.unread = s.unread[1:]
	return packet, nil
}

// Buffered tells whether more has been received already, so that the next Read will not wait for the server.
func (s *Session) Buffered() bool {
	conn := s.ws.Load()
	return len(s.unread) > 0 || conn != nil && conn.Buffered()
}

// Send sends Socket.IO packets, for instance `2["login",{}]`, and returns when the transport has taken them.
func (s *Session) Send(packets ...[]byte) error {
	whole := make([][]byte, len(packets))
	for i, p := range packets {
		whole[i] = append([]byte("4"), p...)
	}
	return s.sendPacket(whole...)
}

func (s *Session) sendPacket(packets ...[]byte) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	conn := s.ws.Load()
	if conn == nil {
		return s.poller.post(s.url+"&transport=polling", packets, s.Interval+s.Timeout)
	}
	conn.net.SetWriteDeadline(time.Now().Add(s.Interval + s.Timeout))
	for _, p := range packets {
		conn.Write(p)
	}
	return conn.Flush()
}

// Beat sends the heartbeat of protocol 3; call it every Interval. In protocol 4 it does nothing.
func (s *Session) Beat() error {
	if s.kind.Protocol != 3 {
		return nil
	}
	return s.sendPacket([]byte("2"))
}

// Upgrade moves a polling session to a WebSocket (Engine.IO protocol, section "Upgrade"). Whoever sends waits meanwhile.
// After an error the session is over.
func (s *Session) Upgrade(ctx context.Context) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	conn.Write([]byte("2probe"))
	if err := conn.Flush(); err != nil {
		return err
	}
	// No poll of ours is on its way, for it is the reader who upgrades. So there is none to wait for.
	_, packet, err := conn.ReadFrame()
	if err != nil {
		return err
	}
	if string(packet) != "3probe" {
		return fmt.Errorf("answer to the probe: %.100q", packet)
	}
	conn.Write([]byte("5"))
	if err := conn.Flush(); err != nil {
		return err
	}
	s.use(conn)
	return nil
}

// use makes a WebSocket the transport. From now on its reader shares it with those who send.
func (s *Session) use(conn *Conn) {
	answer := conn.pong
	conn.pong = func(payload []byte) error {
		s.sending.Lock()
		defer s.sending.Unlock()
		conn.net.SetWriteDeadline(time.Now().Add(s.Interval + s.Timeout))
		return answer(payload)
	}
	s.ws.Store(conn)
}

// Leave takes leave of the server and closes.
func (s *Session) Leave() {
	s.sendPacket([]byte("41"), []byte("1")) // it ends in any case
	s.Close()
}

// Close ends the session without a word, as a lost network does. Whoever reads or sends gets an error.
func (s *Session) Close() {
	s.cancel()
	s.poller.close()
}
