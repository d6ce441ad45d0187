package realtime_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/bench/sio"
	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/limit"
	"github.com/parley-chat/parley/realtime"
)

func TestLoginIsAnsweredTwice(t *testing.T) {
	h := open(t)
	ann := h.register("ann")
	a := h.connect(ann, object{"token": ann.token})
	answer := a.ask("login", object{"userid": ann.id, "device": "phone"})
	var event object
	a.hear("login", &event)
	for _, got := range []object{answer, event} {
		if got["message"] != "登录成功" || got["userId"] != string(ann.id) || got["device"] != "phone" || got["id"] == "" {
			t.Errorf("login said %v", got)
		}
	}
	sockets, err := h.engine.Sockets(t.Context(), []chat.UserID{ann.id}, time.Now())
	if err != nil || len(sockets) != 1 || string(sockets[0].ID) != answer["id"] || sockets[0].Device != "phone" {
		t.Errorf("the engine knows %+v, %v", sockets, err)
	}
	h.leave(a)
	h.until("the engine forgets the socket", func() bool {
		sockets, err := h.engine.Sockets(t.Context(), []chat.UserID{ann.id}, time.Now())
		return err == nil && len(sockets) == 0
	})
}

func TestWaysToProveWhoOneIs(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	for name, c := range map[string]struct {
		auth  object
		login any
	}{
		"auth, nothing more":      {object{"token": ann.token}, nil},
		"auth, her id":            {object{"token": ann.token}, ann.id},
		"auth with scheme":        {object{"token": "Bearer " + ann.token}, ann.id},
		"token in login":          {object{}, object{"token": ann.token}},
		"token in login, her id":  {object{}, object{"userid": ann.id, "token": ann.token}},
		"another's socket before": {object{"token": bob.token}, object{"token": ann.token}},
	} {
		p := h.connect(ann, c.auth)
		if answer, f := p.try("login", c.login); f != nil || answer["userId"] != string(ann.id) {
			t.Errorf("%s: %v, %+v", name, answer, f)
		}
	}
	for name, c := range map[string]struct {
		auth  object
		login any
		code  string
	}{
		"nothing":                {object{}, nil, "unauthenticated"},
		"a bare id":              {object{}, ann.id, "unauthenticated"},
		"a bare id in an object": {object{}, object{"userid": ann.id}, "unauthenticated"},
		"another's id":           {object{"token": bob.token}, ann.id, "forbidden"},
		"a bad token":            {object{}, object{"token": ann.token + "x"}, "unauthenticated"},
	} {
		p := h.connect(ann, c.auth)
		p.emit("login", c.login)
		var f failure
		if p.hear("unauthorized", &f); f.Code != c.code || f.Message == "" {
			t.Errorf("%s: %+v", name, f)
		}
		if _, again := p.try("login", c.login); again == nil || again.Code != c.code {
			t.Errorf("%s, with ack: %+v", name, again)
		}
	}
	p := h.connect(ann, object{"token": ann.token})
	for _, bad := range []any{7, []any{}, object{"token": 7}, object{"device": strings.Repeat("d", 65)}, object{"device": "a\x00b"}} {
		if _, f := p.try("login", bad); f == nil || f.Code != "invalid" {
			t.Errorf("login %v: %+v", bad, f)
		}
	}
	p.ask("login", nil)
}

func TestTokenInQueryOrHeader(t *testing.T) {
	h := open(t)
	ann := h.register("ann")
	// A proxy in front puts the token where clients that cannot send auth put it.
	for name, move := range map[string]func(*http.Request){
		"query":  func(r *http.Request) { r.URL.RawQuery += "&token=" + ann.token + "&device=old" },
		"header": func(r *http.Request) { r.Header.Set("Authorization", "bearer "+ann.token) },
	} {
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			move(r)
			h.door.ServeHTTP(w, r)
		}))
		t.Cleanup(front.Close)
		p := (&house{t: t, url: front.URL}).connect(ann, object{})
		if answer := p.ask("login", ann.id); answer["userId"] != string(ann.id) || name == "query" && answer["device"] != "old" {
			t.Errorf("%s: %v", name, answer)
		}
		p.conn.Close()
	}
}

func TestBadTokenGetsNoConnection(t *testing.T) {
	h := open(t)
	ann := h.register("ann")
	for _, auth := range []object{{"token": "nonsense"}, {"token": ann.token + "x"}, {"token": 7}} {
		if _, err := h.tryConnect(ann, auth); err == nil {
			t.Errorf("%v: connected", auth)
		} else if _, ok := err.(*sio.RefusedError); !ok {
			t.Errorf("%v: %v", auth, err)
		}
	}
}

func TestNobodyChatsUnproven(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	p := h.connect(ann, object{})
	for _, name := range []string{"chat", "message:since", "message:before"} {
		if _, f := p.try(name, object{"form_id": ann.id, "toUserid": bob.id, "message": "x"}); f == nil || f.Code != "unauthenticated" {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestTrustBelievesABareID(t *testing.T) {
	h := open(t, func(c *realtime.Config) { c.Trust = true })
	ann, bob := h.register("ann"), h.register("bob")
	a, b := h.connect(ann, object{}), h.connect(bob, object{})
	a.ask("login", ann.id)
	b.ask("login", bob.id)
	a.say(bob, "as in 2020")
	if m := b.hearMessage("newMessage"); m.From != string(ann.id) {
		t.Errorf("Bob heard %+v", m)
	}
	if _, f := h.connect(ann, object{}).try("login", strings.Repeat("0", 24)); f == nil || f.Code != "unauthenticated" {
		t.Errorf("an id of nobody: %+v", f)
	}
}

func TestNewPasswordEndsSockets(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	a, onlyConnected := h.join(ann, "phone"), h.connect(ann, object{"token": ann.token})
	b := h.join(bob, "phone")
	token, err := h.accounts.ChangePassword(t.Context(), ann.id, "secret of ann", "another")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*person{a, onlyConnected} {
		var kicked struct{ Reason string }
		if p.hear("kicked", &kicked); !strings.Contains(kicked.Reason, "log in again") {
			t.Errorf("kicked: %+v", kicked)
		}
		p.await("1") // DISCONNECT
	}
	if _, err := h.tryConnect(ann, object{"token": ann.token}); err == nil {
		t.Error("the old token still opens")
	}
	ann.token = token
	b.say(ann, "welcome back")
	if m := h.join(ann, "phone").hearMessage("newMessage"); m.Message != "welcome back" {
		t.Errorf("Ann heard %+v", m)
	}
}

func TestEventsArePaced(t *testing.T) {
	h := open(t, func(c *realtime.Config) {
		c.Events = limit.NewBucket(10, time.Hour)
		c.Bytes = limit.NewBucket(1<<20, time.Nanosecond)
	})
	ann, bob := h.register("ann"), h.register("bob")
	a := h.join(ann, "phone")
	for range 9 {
		a.say(bob, "x")
	}
	_, f := a.try("chat", object{"toUserid": bob.id, "message": "x"})
	if f == nil || f.Code != "too_many" || f.RetryAfter <= 0 || f.RetryAfter > time.Hour.Milliseconds() {
		t.Errorf("the eleventh event: %+v", f)
	}
	// Another socket has an allowance of its own, and the one for bytes is one too.
	b := h.join(bob, "phone")
	if _, f := b.try("chat", object{"toUserid": ann.id, "message": strings.Repeat("x", 600<<10), "more": strings.Repeat("y", 90<<10)}); f == nil || f.Code != "too_large" {
		t.Errorf("a long message: %+v", f)
	}
}

func TestShutdownFinishesWhatWasTaken(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	a, b := h.join(ann, "phone"), h.join(bob, "phone")
	const n = 500
	for i := range n {
		a.conn.Write([]byte(event("", "chat", object{"toUserid": bob.id, "message": i})))
	}
	a.send(event("99", "chat", object{"toUserid": bob.id, "message": "last"}))
	a.await("399[")
	end, cancel := context.WithTimeout(t.Context(), answerWait)
	defer cancel()
	if err := h.messages.Close(end); err != nil {
		t.Fatal(err)
	}
	if _, f := a.try("chat", object{"toUserid": bob.id, "message": "too late"}); f == nil || f.Code != "unavailable" {
		t.Errorf("after the committer closed: %+v", f)
	}
	go h.door.Shutdown(end)
	for i := range n + 1 {
		if m := b.hearMessage("newMessage"); m.Seq != uint64(i+1) {
			t.Fatalf("Bob heard number %d as the %d.", m.Seq, i+1)
		}
	}
	for _, p := range []*person{a, b} {
		var err error
		for err == nil {
			_, err = p.conn.Read()
		}
		if err != io.EOF {
			t.Errorf("%s saw %v, want the connection's end", p.name, err)
		}
	}
}

func TestEveryTokenIsADevice(t *testing.T) {
	h := open(t)
	ann := h.register("ann")
	_, other, err := h.accounts.Login(t.Context(), "ann", "secret of ann", "here")
	if err != nil {
		t.Fatal(err)
	}
	first := h.connect(ann, object{"token": ann.token}).ask("login", nil)
	again := h.connect(ann, object{"token": ann.token}).ask("login", nil)
	second := h.connect(ann, object{"token": other}).ask("login", nil)
	if first["device"] != again["device"] || first["device"] == second["device"] {
		t.Errorf("devices: %v, %v, %v", first["device"], again["device"], second["device"])
	}
	devices, err := h.engine.Devices(t.Context(), ann.id)
	if err != nil || len(devices) != 2 || devices[0].Address != "127.0.0.1" {
		t.Errorf("%+v, %v", devices, err)
	}
	if chat.DeviceID(first["device"].(string)) == "" {
		t.Error("a device without a name")
	}
}

// A second login that fails leaves the socket logged out, and not logged in and deaf; and it is still found when its
// user's tokens die.
func TestAFailedSecondLoginIsMade(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	a, b := h.join(ann, "phone"), h.join(bob, "phone")
	fail := func() {
		h.engine.away.Store(true)
		if _, f := a.try("login", object{"device": "tablet"}); f == nil || f.Code != "unavailable" {
			t.Errorf("while the engine is away: %+v", f)
		}
		h.engine.away.Store(false)
	}
	fail()
	seq := b.say(ann, "hello")
	a.ask("login", object{"device": "phone"})
	if m := a.hearMessage("newMessage"); m.Seq != seq {
		t.Errorf("Ann heard number %d, want %d", m.Seq, seq)
	}
	fail()
	h.door.Revoke(ann.id)
	var kicked object
	a.hear("kicked", &kicked)
}
