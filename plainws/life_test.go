package plainws_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/limit"
	"github.com/parley-chat/parley/plainws"
)

// The path names whose connection it is, by account, id or number, and the token proves it, in the query or the header.
func TestOnlyOnesOwnConnectionIsOpened(t *testing.T) {
	h := open(t)
	ann, bob, odd := h.register("ann"), h.register("bob"), h.register("a/b c?安")
	a, err := h.accounts.Store.Account(t.Context(), ann.id)
	if err == nil {
		a, err = h.accounts.WithNumber(t.Context(), a)
	}
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Authorization": {"Bearer " + ann.token}}
	garden := h.gather("garden", ann, odd)
	in := []*person{
		h.join(ann), h.joinAs(ann, "/ws/ann", header), h.join(odd),
		h.joinAs(ann, "/ws/"+string(ann.id)+"?token="+ann.token, nil),
		h.joinAs(ann, fmt.Sprint("/ws/", a.Number, "?device=phone&token=", ann.token), nil),
	}
	in[0].say(garden, "hello")
	for _, p := range in {
		p.hears(ann, garden, "hello")
	}
	for path, want := range map[string]int{
		"/ws/ann":                                       http.StatusUnauthorized,
		"/ws/ann?token=":                                http.StatusUnauthorized,
		"/ws/ann?token=x" + ann.token:                   http.StatusUnauthorized,
		"/ws/bob?token=" + ann.token:                    http.StatusForbidden,
		"/ws/nobody?token=" + ann.token:                 http.StatusForbidden,
		"/ws/ANN?token=" + ann.token:                    http.StatusForbidden,
		"/ws/0?token=" + ann.token:                      http.StatusForbidden,
		"/ws/" + string(bob.id) + "?token=" + ann.token: http.StatusForbidden,
	} {
		if p, status := h.try(ann, path, nil); p != nil || status != want {
			t.Errorf("%s gets %d, not %d", path, status, want)
		}
	}
	res, err := http.Get("http://" + h.address + "/ws/ann?token=" + ann.token)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode < 400 || res.StatusCode >= 500 {
		t.Errorf("without an upgrade: %d", res.StatusCode)
	}
	h.until("nobody else is counted", func() bool { return h.door.Connections() == len(in) })
}

// A room's online count rises with the first connection of a member, and falls with the last.
func TestOnlineCountRisesAndFalls(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	garden := h.gather("garden", ann, bob)
	online := func(want int) {
		t.Helper()
		h.until(fmt.Sprint(want, " are online"), func() bool { return h.rooms.Online(garden.ID) == want })
	}
	online(0)
	phone := h.join(ann)
	online(1)
	laptop := h.join(ann)
	bobs := h.join(bob)
	online(2)
	phone.conn.Close()
	h.until("Ann's phone is gone", func() bool { return h.door.Connections() == 2 })
	online(2)
	laptop.send(ws.NewCloseFrame(nil))
	laptop.closed(ws.StatusNormalClosure)
	online(1)
	bobs.conn.Close()
	online(0)
	sockets, err := h.engine.Sockets(t.Context(), []chat.UserID{ann.id, bob.id}, time.Now())
	if err != nil || len(sockets) != 0 {
		t.Errorf("the registry has %+v, %v", sockets, err)
	}
}

// A connection ends with its token: when the password is changed, when its device is kicked.
func TestConnectionsEndWithTheirTokens(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	anns, phone, laptop := h.join(ann), h.joinAs(bob, "/ws/bob?device=phone&token="+bob.token, nil), h.joinAs(bob, "/ws/bob?device=laptop&token="+h.login(bob), nil)
	token, err := h.accounts.ChangePassword(t.Context(), ann.id, "secret of ann", "another secret")
	if err != nil {
		t.Fatal(err)
	}
	if reason := anns.closed(ws.StatusPolicyViolation); !strings.Contains(reason, "token") {
		t.Errorf("closed because %q", reason)
	}
	if p, status := h.try(ann, "/ws/ann?token="+ann.token, nil); p != nil || status != http.StatusUnauthorized {
		t.Errorf("the dead token gets %d", status)
	}
	ann.token = token
	h.join(ann)

	if _, err := h.devices.Kick(t.Context(), bob.id, "phone", nil); err != nil {
		t.Fatal(err)
	}
	if reason := phone.closed(ws.StatusPolicyViolation); !strings.Contains(reason, "signed out") {
		t.Errorf("closed because %q", reason)
	}
	garden := h.gather("garden", bob)
	laptop.say(garden, "still here")
	laptop.hears(bob, garden, "still here")
}

// login makes another token.
func (h *house) login(u user) string {
	h.t.Helper()
	_, token, err := h.accounts.Login(h.t.Context(), u.name, "secret of "+u.name, "")
	if err != nil {
		h.t.Fatal(err)
	}
	return token
}

func TestOneDeviceAtATime(t *testing.T) {
	h := open(t, func(cfg *plainws.Config) { cfg.Devices.One = true })
	ann := h.register("ann")
	phone := h.joinAs(ann, "/ws/ann?device=phone&token="+ann.token, nil)
	laptop := h.joinAs(ann, "/ws/ann?device=laptop&token="+h.login(ann), nil)
	if reason := phone.closed(ws.StatusPolicyViolation); !strings.Contains(reason, "another device") {
		t.Errorf("closed because %q", reason)
	}
	garden := h.gather("garden", ann)
	laptop.say(garden, "still here")
	laptop.hears(ann, garden, "still here")
}

func TestConnectionsOfAnAddressAreBounded(t *testing.T) {
	h := open(t, func(cfg *plainws.Config) {
		cfg.Connections, cfg.Handshakes = limit.NewCount(2), limit.New(6, time.Hour, time.Now)
	})
	ann := h.register("ann")
	first := h.join(ann)
	h.join(ann)
	if p, status := h.try(ann, "/ws/ann?token="+ann.token, nil); p != nil || status != http.StatusTooManyRequests {
		t.Errorf("a third gets %d", status)
	}
	if _, status := h.try(ann, "/ws/bob?token="+ann.token, nil); status != http.StatusTooManyRequests {
		t.Errorf("whoever is refused later gets %d", status)
	}
	first.conn.Close()
	h.until("it is gone", func() bool { return h.door.Connections() == 1 })
	if _, status := h.try(ann, "/ws/bob?token="+ann.token, nil); status != http.StatusForbidden {
		t.Errorf("with room again, another's gets %d", status)
	}
	h.join(ann)
	if p, status := h.try(ann, "/ws/ann?token="+ann.token, nil); p != nil || status != http.StatusTooManyRequests {
		t.Errorf("a seventh handshake gets %d", status)
	}
}

// A client that is silent is pinged; while it answers, it stays.
func TestSilentClientIsPinged(t *testing.T) {
	h := open(t, func(cfg *plainws.Config) { cfg.PingInterval = 5 * time.Millisecond })
	anns := h.join(h.register("ann"))
	for range 3 {
		if f := anns.frame(); f.Header.OpCode != ws.OpPing {
			t.Fatalf("Ann hears %d", f.Header.OpCode)
		}
		anns.send(ws.NewPongFrame(nil))
	}
	if h.door.Connections() != 1 {
		t.Error("a client that answers was closed")
	}
}

func TestClientWithoutALifeIsClosed(t *testing.T) {
	h := open(t, func(cfg *plainws.Config) {
		cfg.PingInterval, cfg.PingTimeout = 20*time.Millisecond, 20*time.Millisecond
	})
	if reason := h.join(h.register("ann")).closed(ws.StatusPolicyViolation); !strings.Contains(reason, "ping") {
		t.Errorf("closed because %q", reason)
	}
}

// Bob does not read. What waits for him is bounded: he is closed, and Ann goes on.
func TestSlowReaderIsClosed(t *testing.T) {
	h := open(t, func(cfg *plainws.Config) { cfg.MaxQueued = 1 << 20 })
	ann, bob := h.register("ann"), h.register("bob")
	garden := h.gather("garden", ann, bob)
	anns, bobs := h.join(ann), h.join(bob)
	text := strings.Repeat("x", 200_000)
	anns.say(garden, "first")
	anns.hears(ann, garden, "first")
	said := 1
	for ; h.rooms.Online(garden.ID) == 2; said++ {
		if said == 1000 {
			t.Fatal("200 MB wait for Bob")
		}
		anns.say(garden, text)
		for f := anns.frame(); f.Header.OpCode != ws.OpText; f = anns.frame() {
		}
	}
	heard := 0
	for {
		f, err := ws.ReadFrame(bobs.in)
		if err != nil { // where this takes long, the close frame was not waited for
			break
		}
		if f.Header.OpCode == ws.OpClose {
			if code, reason := ws.ParseCloseFrameData(f.Payload); code != ws.StatusPolicyViolation || !strings.Contains(reason, "read faster") {
				t.Errorf("closed with %d %q", code, reason)
			}
			break
		}
		heard++
	}
	if heard > said { // that the room was made, he heard too
		t.Errorf("all of %d messages waited for Bob", said)
	}
	bobs.conn.Close()
	h.until("Bob is gone", func() bool { return h.door.Connections() == 1 })
	anns.say(garden, "over")
	anns.hears(ann, garden, "over")
}

// At the shutdown what was said is stored, heard by all, and followed by a goodbye.
func TestShutdownSaysGoodbye(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	garden := h.gather("garden", ann, bob)
	anns, bobs := h.join(ann), h.join(bob)
	const said = 50
	for i := range said {
		anns.say(garden, fmt.Sprint(i))
	}
	heard := bobs.hears(ann, garden, "0").Seq
	end, cancel := context.WithTimeout(t.Context(), answerWait)
	defer cancel()
	if err := h.messages.Close(end); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		h.door.Shutdown(end)
		close(gone)
	}()
	last, err := h.engine.Last(t.Context(), []chat.ConvID{chat.RoomConv(garden.ID)})
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; heard < last[0]; i++ { // of what was said, the server may have read only some
		heard = bobs.hears(ann, garden, fmt.Sprint(i)).Seq
	}
	for _, p := range []*person{bobs, anns} {
		if reason := p.closed(ws.StatusGoingAway); reason == "" {
			t.Error("closed for no reason")
		}
	}
	<-gone
	if p, status := h.try(ann, "/ws/ann?token="+ann.token, nil); p != nil || status != http.StatusServiceUnavailable {
		t.Errorf("after the shutdown: %d", status)
	}
}

// An idle connection costs one goroutine, and little memory.
func TestIdleConnectionIsCheap(t *testing.T) {
	h := open(t)
	ann := h.register("ann")
	const many = 300
	measure := func() (goroutines int, bytes uint64) {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return runtime.NumGoroutine(), m.HeapInuse + m.StackInuse
	}
	h.join(ann) // what is made once
	_, before := measure()
	for range many {
		h.join(ann)
	}
	h.until("all are in, and nobody writes", func() bool {
		n, _ := measure()
		return h.door.Connections() == many+1 && n < many+100
	})
	n, after := measure()
	t.Logf("%d goroutines; %d bytes each, the client's included", n, (after-before)/many)
}
