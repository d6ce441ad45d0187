package ferrettest

import (
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	parley "github.com/parley-chat/parley/store/mongo"
)

// roomsOver is the rules of rooms of one process, whose clock the story moves by seconds.
func roomsOver(s *parley.Store, passed *atomic.Int64) *chat.Rooms {
	return chat.NewRooms(chat.RoomsConfig{
		Store: s, Messages: s, Accounts: s, Reload: 30 * time.Second, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return noon().Add(time.Duration(passed.Load()) * time.Second) },
	})
}

func wantCode(t *testing.T, what string, err error, code chat.Code) {
	t.Helper()
	if got := chat.CodeOf(err); got != code {
		t.Errorf("%s: %v with code %q, want %q", what, err, got, code)
	}
}

// Ann's process and Bob's share one database. What is done by the one goes at once for changes by the other, and after
// half a minute for messages; till then a message asks for nothing.
func TestRoomsOfTwoProcesses(t *testing.T) {
	p := newProxy(t)
	s, other := opened(t, p.uri), opened(t, p.uri)
	ctx := t.Context()
	var users []chat.UserID
	for _, name := range []string{"Ann", "Bob", "Carl"} {
		a := chat.Account{ID: newUser(), Username: name, Password: "x", Created: noon()}
		noError(t, s.CreateAccount(ctx, a))
		users = append(users, a.ID)
	}
	ann, bob, carl := users[0], users[1], users[2]
	var passed atomic.Int64
	here, there := roomsOver(s, &passed), roomsOver(other, &passed)

	r, added, err := here.Create(ctx, ann, "Lunch", []chat.UserID{bob}, "")
	noError(t, err)
	if !slices.Equal(added, []chat.UserID{bob}) {
		t.Errorf("added are %v", added)
	}
	wantCode(t, "Bob writes", here.MayWrite(ctx, bob, r.ID), "")
	wantCode(t, "Bob writes by the other", there.MayWrite(ctx, bob, r.ID), "")
	p.counted()
	for range 100 {
		wantCode(t, "Bob writes", here.MayWrite(ctx, bob, r.ID), "")
	}
	if got := p.counted(); len(got) > 0 {
		t.Errorf("a hundred messages cost %v", got)
	}

	code, err := there.SetCode(ctx, ann, r.ID, true)
	noError(t, err)
	_, err = here.Join(ctx, carl, r.Number, code)
	noError(t, err)
	noError(t, there.SetRole(ctx, ann, r.ID, carl, chat.RoleAdmin))
	if kicked, err := here.Kick(ctx, carl, r.ID, []chat.UserID{bob}); err != nil || len(kicked) != 1 {
		t.Errorf("Carl kicks %v, %v", kicked, err)
	}
	_, err = there.Join(ctx, bob, 0, code)
	wantCode(t, "Bob comes back by the old code", err, chat.NotFound)
	_, err = there.Invite(ctx, bob, r.ID, []chat.UserID{carl})
	wantCode(t, "Bob invites", err, chat.NotFound)
	passed.Add(30)
	wantCode(t, "Bob writes by the other", there.MayWrite(ctx, bob, r.ID), chat.NotFound)
	wantCode(t, "Carl writes by the other", there.MayWrite(ctx, carl, r.ID), "")

	// Ann's room goes to Carl, and with him.
	noError(t, there.Leave(ctx, ann, r.ID))
	view, err := there.Info(ctx, carl, r.ID)
	if err != nil || view.Role != chat.RoleOwner || view.Members != 1 {
		t.Errorf("Carl has %+v, %v", view, err)
	}
	noError(t, here.Leave(ctx, carl, r.ID))
	_, err = s.Room(ctx, r.ID)
	wantCode(t, "the room of nobody", err, chat.NotFound)
	passed.Add(30)
	wantCode(t, "Carl writes by the other", there.MayWrite(ctx, carl, r.ID), chat.NotFound)
}
