package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/gateway"
	"github.com/parley-chat/parley/gateway/gatewaytest"
	"github.com/parley-chat/parley/limit"
)

func TestAnnLogsInAndHearsWhoSheIs(t *testing.T) {
	h := open(t)
	ann := h.join("Ann")
	c := h.dial()
	c.Ask(1023, object{"fromuid": ann.uid}, 1024) // a heartbeat needs no login
	o := c.Ask(1005, object{"uid": fmt.Sprint(ann.uid), "token": ann.token}, 1006)
	for name, want := range (object{
		"uid": float64(ann.uid), "name": "Ann", "nick": "Ann", "email": "ann@example.com", "icon": "", "desc": "", "sex": 0.0, "token": ann.token,
	}) {
		if o[name] != want {
			t.Errorf("%s: %v, want %v", name, o[name], want)
		}
	}
	for _, list := range []string{"apply_list", "friend_list"} {
		if l, ok := o[list].([]any); !ok || len(l) != 0 {
			t.Errorf("%s: %v", list, o[list])
		}
	}
	if _, ok := o["pwd"]; ok {
		t.Error("the password is in the answer")
	}
	online, err := h.cfg.Devices.List(context.Background(), ann.id)
	if err != nil || len(online) != 1 || !online[0].Online {
		t.Errorf("her devices: %v, %v", online, err)
	}
	_, claims, err := h.cfg.Accounts.Authenticate(context.Background(), ann.token)
	if err != nil || online[0].ID == chat.DeviceID(claims.Token.ID) {
		t.Errorf("a Socket.IO client with her token is the same device, and not sent what this one writes: %v", err)
	}
	c.Refused(1005, object{"uid": ann.uid, "token": ann.token}, 1006, 1001)
}

func TestALoginWithoutProofIsRefusedAndCanBeTriedAgain(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	c := h.dial()
	c.Refused(1007, object{"uid": "Bob"}, 1008, 1010) // nothing before the login
	c.Refused(1017, object{"touid": bob.uid, "text_array": []object{{"content": "hi"}}}, 1018, 1010)
	c.Refused(1005, object{"uid": ann.uid, "token": "nonsense"}, 1006, 1010)
	c.Refused(1005, object{"uid": ann.uid}, 1006, 1010)
	c.Refused(1005, object{"uid": ann.uid, "token": bob.token}, 1006, 1011) // Bob's proof is not Ann's
	c.Refused(1005, object{"uid": "Ann", "token": ann.token}, 1006, 1001)
	c.Refused(1005, []int{1}, 1006, 1001)
	c.Ask(1005, object{"uid": ann.uid, "token": ann.token}, 1006)
	if len(h.stored()) != 0 {
		t.Error("something was sent")
	}
}

func TestTheFormerSessionEndsWhenAnnLogsInElsewhere(t *testing.T) {
	h := open(t)
	ann := h.join("Ann")
	former := h.enter(ann)
	now := h.enter(ann)
	if o := former.Ends(0); o["uid"] != float64(ann.uid) {
		t.Errorf("the notice is for %v", o["uid"])
	}
	now.Ask(1023, object{}, 1024)
}

func TestOfManyLoginsAtOnceOneStays(t *testing.T) {
	h := open(t)
	ann := h.join("Ann")
	const many = 20
	all := make([]*client, many)
	for i := range all {
		all[i] = h.dial()
	}
	var ended [many]atomic.Bool
	alive := make(chan bool, many)
	for i, c := range all {
		c.Send(1005, object{"uid": ann.uid, "token": ann.token})
		go func() {
			for {
				switch id, _, err := c.Next(); {
				case err != nil || id == 1021:
					ended[i].Store(true)
					c.Conn.Close()
					return
				case id == 1024:
					alive <- true
				}
			}
		}()
	}
	h.until("one is left", func() bool { return h.door.Connections() == 1 })
	for i, c := range all {
		if !ended[i].Load() {
			c.Send(1023, object{})
		}
	}
	<-alive
	if len(alive) != 0 {
		t.Errorf("%d more stayed", len(alive))
	}
}

func TestDeadTokensEndSessions(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	hers, his := h.enter(ann), h.enter(bob)
	if _, err := h.cfg.Accounts.ChangePassword(context.Background(), ann.id, "Ann's password", "another"); err != nil {
		t.Fatal(err)
	}
	hers.Ends(1010)
	his.Ask(1023, object{}, 1024)
	devices, err := h.cfg.Devices.List(context.Background(), bob.id)
	if err != nil || len(devices) != 1 {
		t.Fatal(devices, err)
	}
	if _, err := h.cfg.Devices.Kick(context.Background(), bob.id, devices[0].ID, nil); err != nil {
		t.Fatal(err)
	}
	his.Ends(0)
	again := h.dial()
	again.Refused(1005, object{"uid": bob.uid, "token": bob.token}, 1006, 1010)
}

func TestOneDeviceMeansOneWhicheverDoor(t *testing.T) {
	h := open(t, func(c *gateway.Config) { c.Devices.One = true })
	ann := h.join("Ann")
	hers := h.enter(ann)
	_, token, err := h.cfg.Accounts.Login(context.Background(), "Ann", "Ann's password", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	ann.token = token
	other := h.enter(ann)
	hers.Ends(0)
	other.Ask(1023, object{}, 1024)
}

func TestWhoDoesNotSpeakUsChatIsToldAndClosed(t *testing.T) {
	h := open(t)
	ann := h.join("Ann")
	for name, stream := range map[string][]byte{
		"an oversized length": gatewaytest.Frame(1017, gateway.MaxBody+1, ""),
		"the longest length":  gatewaytest.Frame(1017, 65535, strings.Repeat("x", 65535)),
		"an unknown id":       gatewaytest.Frame(9, 2, "{}"),
		"an answer's id":      gatewaytest.Frame(1006, 2, "{}"),
		"HTTP":                []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []*client{h.dial(), h.enter(ann)} {
				c.T = t
				c.Raw(stream)
				c.Ends(1001)
			}
		})
	}
}

func TestWhatThisServerDoesNotHaveIsRefusedAndTheConnectionLives(t *testing.T) {
	h := open(t)
	c := h.enter(h.join("Ann"))
	c.Refused(1035, object{"fromuid": 1, "name": "a.png"}, 1036, 1002)
	c.Refused(2001, object{"uid": 1, "other_id": 2, "call_type": 0}, 2002, 1002)
	c.Send(2016, object{}) // which has no answer
	c.Ask(1023, object{}, 1024)
}

func TestAMalformedBodyIsRefusedAndTheConnectionLives(t *testing.T) {
	h := open(t)
	c := h.enter(h.join("Ann"))
	for _, id := range []uint16{1007, 1009, 1013, 1017, 1025, 1027, 1029, 1101} {
		for _, body := range []string{"{", "[]", `"x"`, "\xff\xfe", `{"uid":{},"touid":[],"thread_id":[],"other_id":{},"other_member":1}`} {
			c.Raw(gatewaytest.Frame(id, uint16(len(body)), body))
			if o := c.Hears(id + 1); o["error"] != 1001.0 {
				t.Errorf("%d %q: %v", id, body, o)
			}
		}
	}
	c.Raw(gatewaytest.Frame(1023, 0, "")) // no body is no field
	c.Hears(1024)
}

func TestFramesInPiecesAndTogether(t *testing.T) {
	h := open(t)
	c := h.enter(h.join("Ann"))
	heartbeat := gatewaytest.Frame(1023, 2, "{}")
	for _, b := range heartbeat {
		c.Raw([]byte{b})
	}
	c.Hears(1024)
	var many []byte
	for range 100 {
		many = append(many, heartbeat...)
	}
	c.Raw(many)
	for range 100 {
		c.Hears(1024)
	}
}

func TestWhoDoesNotLogInInTimeIsClosed(t *testing.T) {
	h := open(t, func(c *gateway.Config) { c.LoginTime = 50 * time.Millisecond })
	silent := h.dial()
	if o := silent.Ends(1010); o["uid"] != 0.0 {
		t.Errorf("the notice is for %v", o["uid"])
	}
	begun := h.dial()
	begun.Raw([]byte{3}) // a byte is no login either
	begun.Ends(1010)
}

func TestHalfAFrameIsWaitedForNoLongerThanIsAllowed(t *testing.T) {
	h := open(t, func(c *gateway.Config) { c.FrameTime = 50 * time.Millisecond })
	c := h.enter(h.join("Ann"))
	c.Raw(gatewaytest.Frame(1017, 100, "{"))
	c.Ends(1002)
}

func TestASilentClientIsClosed(t *testing.T) {
	h := open(t, func(c *gateway.Config) { c.Silence = 50 * time.Millisecond })
	c := h.enter(h.join("Ann"))
	c.Ends(1002)
}

func TestAClientThatIsOverItsLimitsIsReadLater(t *testing.T) {
	h := open(t, func(c *gateway.Config) { c.Requests = limit.NewBucket(2, 5*time.Millisecond) })
	c := h.enter(h.join("Ann"))
	began := time.Now()
	const many = 20
	for range many {
		c.Send(1023, object{})
	}
	for range many {
		c.Hears(1024)
	}
	if took := time.Since(began); took < (many-2)*5*time.Millisecond {
		t.Errorf("%d requests in %v", many, took)
	}
}

func TestAnAddressHasSoManyConnections(t *testing.T) {
	h := open(t, func(c *gateway.Config) { c.Connections = limit.NewCount(1) })
	first := h.dial()
	first.Ask(1023, object{}, 1024)
	h.dial().Closed()
	first.Ask(1023, object{}, 1024)
	first.Conn.Close()
	h.until("her place is free", func() bool {
		c := h.dial()
		defer c.Conn.Close()
		c.Conn.Write(gatewaytest.Frame(1023, 0, ""))
		id, _, err := c.Next()
		return err == nil && id == 1024
	})
}

func TestAClientThatDoesNotReadIsClosed(t *testing.T) {
	pipes := newPipes()
	h := openOn(t, pipes, func(c *gateway.Config) { c.MaxQueued, c.WriteTime = 64<<10, 10*time.Second })
	ann, bob := h.join("Ann"), h.join("Bob")
	c := pipes.dial(t)
	c.Login(bob.uid, bob.token)
	body, _ := json.Marshal(strings.Repeat("x", 10<<10))
	for range 10 {
		h.write(chat.Draft{Sender: ann.id, To: bob.id, Body: body})
	}
	h.until("he is gone", func() bool { return h.door.Connections() == 0 })
}

// pipes is a listener of connections without any buffer between the two ends.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) dial(t *testing.T) *client {
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close() })
	p.conns <- there
	return &client{T: t, Conn: here}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "pipe"} }

func TestAShutdownIsTold(t *testing.T) {
	h := open(t)
	c, stranger := h.enter(h.join("Ann")), h.dial()
	stranger.Ask(1023, object{}, 1024)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		h.door.Shutdown(ctx)
	}()
	c.Ends(1002)
	stranger.Ends(1002)
	c.Conn.Close()
	stranger.Conn.Close()
	<-done
	if conn, err := net.Dial("tcp", h.address); err == nil {
		if _, err := io.ReadAll(conn); err != nil {
			t.Error(err)
		}
		t.Error("somebody was let in")
	}
}

func TestWhoLeavesIsGone(t *testing.T) {
	left := make(chan chat.UserID, 1)
	h := open(t, func(c *gateway.Config) { c.Registry.Store = register{c.Registry.Store, left} })
	ann := h.join("Ann")
	c := h.enter(ann)
	c.Conn.Close()
	if user := <-left; user != ann.id {
		t.Errorf("%s left", user)
	}
	if sockets, err := h.cfg.Devices.List(context.Background(), ann.id); err != nil || len(sockets) != 1 || sockets[0].Online {
		t.Errorf("her devices: %v, %v", sockets, err)
	}
}

// register tells when a socket is removed.
type register struct {
	chat.SocketStore
	left chan chat.UserID
}

func (r register) DeleteSocket(ctx context.Context, user chat.UserID, id chat.SocketID) error {
	err := r.SocketStore.DeleteSocket(ctx, user, id)
	r.left <- user
	return err
}
