package realtime_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime"
)

// again logs a user in anew, for a token of another device.
func (h *house) again(u user) user {
	h.t.Helper()
	_, token, err := h.accounts.Login(h.t.Context(), u.name, "secret of "+u.name, "here")
	if err != nil {
		h.t.Fatal(err)
	}
	u.token = token
	return u
}

// devices asks for the list and returns the names in its order, with "+" for online and "*" for the asker's own.
func (p *person) devices() string {
	p.t.Helper()
	var names []string
	for _, d := range p.ask("device:list", object{})["devices"].([]any) {
		d := d.(object)
		name := d["device"].(string)
		if d["online"] == true {
			name += "+"
		}
		if d["current"] == true {
			name += "*"
		}
		if d["address"] != "127.0.0.1" || d["seen"].(float64) < 1e12 {
			p.t.Errorf("device %v", d)
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// kicked waits until the socket was told why and was ended.
func (p *person) kicked(reason string) {
	p.t.Helper()
	var kicked struct{ Reason string }
	if p.hear("kicked", &kicked); !strings.Contains(kicked.Reason, reason) {
		p.t.Errorf("%s was kicked: %+v", p.name, kicked)
	}
	p.await("1") // DISCONNECT
}

// refusedAt checks that a token opens nothing any more.
func (h *house) refusedAt(u user) {
	h.t.Helper()
	if _, err := h.tryConnect(u, object{"token": u.token}); err == nil {
		h.t.Errorf("a dead token of %s connects", u.name)
	}
	if _, _, err := h.accounts.Authenticate(h.t.Context(), u.token); chat.CodeOf(err) != chat.Unauthenticated {
		h.t.Errorf("a dead token of %s: %v", u.name, err)
	}
	p := h.connect(u, object{})
	if _, f := p.try("login", object{"token": u.token}); f == nil || f.Code != "unauthenticated" {
		h.t.Errorf("a dead token of %s logs in: %+v", u.name, f)
	}
}

// Ann lost her phone. From her laptop she finds it in the list and kicks it: both of its sockets end, and one that has
// only connected; its token is dead. Her laptop and Bob go on.
func TestAnnKicksHerLostPhone(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	onPhone := h.again(ann)
	first, second := h.join(onPhone, "phone"), h.join(onPhone, "phone")
	connected := h.connect(onPhone, object{"token": onPhone.token})
	laptop, b := h.join(ann, "laptop"), h.join(bob, "phone")
	if got := laptop.devices(); got != "laptop+* phone+" {
		t.Errorf("her devices are %s", got)
	}
	for request, code := range map[any]string{"phone": "invalid", 7: "invalid", nil: "invalid"} {
		if _, f := laptop.try("device:kick", request); f == nil || f.Code != code {
			t.Errorf("kicking %v: %+v", request, f)
		}
	}
	if _, f := laptop.try("device:kick", object{"device": "tablet"}); f == nil || f.Code != "not_found" {
		t.Errorf("kicking what she has not: %+v", f)
	}
	laptop.ask("device:kick", object{"device": "phone"})
	for _, p := range []*person{first, second, connected} {
		p.kicked("signed out")
	}
	h.refusedAt(onPhone)
	if got := laptop.devices(); got != "laptop+*" {
		t.Errorf("her devices are %s", got)
	}
	if got := b.devices(); got != "phone+*" {
		t.Errorf("Bob's devices are %s", got)
	}
	b.say(ann, "still there?")
	if m := laptop.hearMessage("newMessage"); m.Message != "still there?" {
		t.Errorf("she heard %+v", m)
	}
	// With her password she signs the phone in again.
	if got := h.join(h.again(ann), "phone").devices(); got != "phone+* laptop+" {
		t.Errorf("her devices are %s", got)
	}
}

// Ann signs out: her device kicks itself, is answered, and ends.
func TestAnnKicksHerself(t *testing.T) {
	h := open(t)
	ann := h.register("ann")
	p, other := h.join(ann, "phone"), h.join(ann, "phone")
	p.ask("device:kick", object{"device": "phone"})
	p.kicked("signed out")
	other.kicked("signed out")
	h.refusedAt(ann)
	if got := h.join(h.again(ann), "laptop").devices(); got != "laptop+*" {
		t.Errorf("her devices are %s", got)
	}
}

// A device that was given a fresh token dies with that, too; and the one before it stays dead.
func TestFreshTokenBelongsToItsDevice(t *testing.T) {
	h := open(t)
	ann := h.register("ann")
	p := h.join(ann, "phone")
	fresh := h.again(ann)
	p.ask("login", object{"token": fresh.token, "device": "phone"})
	laptop := h.join(h.again(ann), "laptop")
	laptop.ask("device:kick", object{"device": "phone"})
	p.kicked("signed out")
	h.refusedAt(ann)
	h.refusedAt(fresh)
}

func TestOneDeviceAtATime(t *testing.T) {
	h := open(t, func(c *realtime.Config) { c.Devices.One = true })
	ann, bob := h.register("ann"), h.register("bob")
	b := h.join(bob, "phone")
	onPhone := h.again(ann)
	phone := h.join(onPhone, "phone")
	tab := h.join(onPhone, "phone") // another tab of the same device is no other device
	phone.heardNothingElse("kicked")
	laptop := h.join(ann, "laptop")
	phone.kicked("another device")
	tab.kicked("another device")
	h.refusedAt(onPhone)
	if got := laptop.devices(); got != "laptop+* phone" {
		t.Errorf("her devices are %s", got)
	}
	// The phone comes back and has all that came meanwhile: it was not forgotten.
	b.say(ann, "while the phone was out")
	laptop.hearMessage("newMessage")
	h.proven(laptop, "laptop", convOf(ann, bob), 1)
	phone = h.join(h.again(ann), "phone")
	laptop.kicked("another device")
	if m := phone.hearMessage("newMessage"); m.Message != "while the phone was out" {
		t.Errorf("the phone heard %+v", m)
	}
	// A device of another name with the same token ends its sockets, but not the token.
	renamed := h.again(ann)
	before := h.join(renamed, "before")
	phone.kicked("another device")
	after := h.join(renamed, "after")
	before.kicked("another device")
	after.ask("login", nil)
}

// Ten devices log in at the same moment: one of them stays.
func TestOfManyAtOnceOneDeviceStays(t *testing.T) {
	h := open(t, func(c *realtime.Config) { c.Devices.One = true })
	ann := h.register("ann")
	people := make([]*person, 10)
	for i := range people {
		people[i] = h.connect(ann, object{"token": h.again(ann).token})
	}
	var all sync.WaitGroup
	for _, p := range people {
		all.Go(func() {
			p.conn.Write([]byte(event("1", "login", object{})))
			p.conn.Flush()
		})
	}
	all.Wait()
	heard := func(p *person, prefix string) bool {
		return slices.ContainsFunc(p.waiting, func(packet string) bool { return strings.HasPrefix(packet, prefix) })
	}
	for _, p := range people { // by then, all have ended whom they end
		h.until("a device is in or out", func() bool {
			p.drain()
			return heard(p, "31[") || heard(p, `2["kicked"`)
		})
	}
	stays := 0
	for _, p := range people {
		if p.drain(); !heard(p, `2["kicked"`) {
			stays++
		}
	}
	sockets, err := h.engine.Sockets(t.Context(), []chat.UserID{ann.id}, time.Now())
	if err != nil || len(sockets) != 1 {
		t.Errorf("the engine knows %+v, %v", sockets, err)
	}
	if stays != 1 {
		t.Errorf("%d stay", stays)
	}
}

// staleAccounts holds one reader back with what it has read, until told to go on.
type staleAccounts struct {
	chat.AccountStore
	hold  atomic.Bool
	holds chan struct{}
	goOn  chan struct{}
}

func (s *staleAccounts) Account(ctx context.Context, id chat.UserID) (chat.Account, error) {
	a, err := s.AccountStore.Account(ctx, id)
	if s.hold.CompareAndSwap(true, false) {
		s.holds <- struct{}{}
		<-s.goOn
	}
	return a, err
}

// A token dies while it opens a connection or logs in: it was good when it was looked at, and its socket is in the hub
// too late to be ended with the others. It is not let in all the same.
func TestKickMeetsConnectAndLogin(t *testing.T) {
	stale := &staleAccounts{holds: make(chan struct{}), goOn: make(chan struct{})}
	h := open(t, func(c *realtime.Config) {
		stale.AccountStore = c.Accounts.Store
		c.Accounts.Store = stale
	})
	ann := h.register("ann")
	laptop := h.join(ann, "laptop")
	for name, enter := range map[string]func(u user) bool{
		"connect": func(u user) bool {
			_, err := h.tryConnect(u, object{"token": u.token})
			return err == nil
		},
		"login": func(u user) bool {
			_, f := h.connect(u, object{}).try("login", object{"token": u.token})
			return f == nil
		},
	} {
		lost := h.again(ann)
		h.join(lost, "phone")
		entered := make(chan bool)
		stale.hold.Store(true)
		go func() { entered <- enter(lost) }()
		<-stale.holds
		laptop.ask("device:kick", object{"device": "phone"})
		stale.goOn <- struct{}{}
		if <-entered {
			t.Errorf("%s: the dead token is in", name)
		}
	}
}
