package chat_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func TestMuting(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob", "Carl", "Dora")
	ann, bob, carl, dora := people[0], people[1], people[2], people[3]
	h := openRooms(t, engine)
	room := h.found(ann, bob, carl)
	if err := h.SetRole(t.Context(), ann, room, bob, chat.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	writes := func(want ...chat.UserID) {
		t.Helper()
		for _, user := range []chat.UserID{ann, bob, carl} {
			code := cmpCode(slices.Contains(want, user), "", chat.Forbidden)
			wantCode(t, "writing", h.MayWrite(t.Context(), user, room), code)
		}
	}
	mute := func(by, user chat.UserID, length time.Duration) {
		t.Helper()
		until, err := h.Mute(t.Context(), by, room, user, length)
		if err != nil || length > 0 && !until.Equal(h.clock.Now().Add(length)) || length == 0 && !until.IsZero() {
			t.Errorf("muted until %v, %v", until, err)
		}
	}
	writes(ann, bob, carl)
	mute(bob, carl, time.Minute)
	writes(ann, bob)
	err := chat.AsError(h.MayWrite(t.Context(), carl, room))
	if err.RetryAfter != time.Minute || !strings.Contains(err.Message, "2026-03-04T12:01:00Z") {
		t.Errorf("Carl hears %q, and to come back in %v", err.Message, err.RetryAfter)
	}
	h.clock.pass(time.Minute - time.Millisecond)
	writes(ann, bob)
	h.clock.pass(time.Millisecond)
	writes(ann, bob, carl)
	mute(ann, bob, time.Hour)
	writes(ann, carl)
	mute(ann, bob, 0)
	writes(ann, bob, carl)
	mute(bob, "", time.Hour)
	writes(ann, bob)
	mute(bob, carl, time.Minute) // ends before that of all
	h.clock.pass(2 * time.Minute)
	writes(ann, bob)
	h.clock.pass(time.Hour)
	writes(ann, bob, carl)
	mute(bob, "", time.Hour)
	mute(ann, "", 0)
	writes(ann, bob, carl)
	for _, length := range []time.Duration{-1, 367 * 24 * time.Hour} {
		_, err := h.Mute(t.Context(), ann, room, bob, length)
		wantCode(t, "for so long", err, chat.Invalid)
	}
	_, stranger := h.Mute(t.Context(), ann, room, dora, time.Hour)
	wantCode(t, "a stranger", stranger, chat.NotFound)
	var told []chat.RoomWhat
	for _, c := range h.told() {
		told = append(told, c.What)
	}
	m, u := chat.RoomMuted, chat.RoomUnmuted
	if want := []chat.RoomWhat{chat.RoomRole, m, m, u, m, m, m, u}; !slices.Equal(told, want) {
		t.Errorf("told was %v, want %v", told, want)
	}
}

func TestWhatIsSaidOfChanges(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob")
	ann, bob := people[0], people[1]
	h := openRooms(t, engine)
	r, _, err := h.Create(t.Context(), ann, "Lunch", []chat.UserID{bob}, "")
	if err != nil {
		t.Fatal(err)
	}
	_, codeErr := h.SetCode(t.Context(), ann, r.ID, true)
	_, muteErr := h.Mute(t.Context(), ann, r.ID, bob, time.Hour)
	for what, err := range map[string]error{
		"code": codeErr, "mute": muteErr,
		"name":          h.Rename(t.Context(), ann, r.ID, "Dinner <3"),
		"the same name": h.Rename(t.Context(), ann, r.ID, "Dinner <3"),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, text := range []string{"at\neight", ""} {
		if err := h.Announce(t.Context(), ann, r.ID, text); err != nil {
			t.Error(err)
		}
	}
	wantCode(t, "a long text", h.Announce(t.Context(), ann, r.ID, strings.Repeat("安", 2001)), chat.Invalid)
	page, err := engine.Since(t.Context(), chat.RoomConv(r.ID), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for i, m := range page {
		if m.Type != "system" || m.Sender != ann || m.Room != r.ID || m.Seq != uint64(i+1) || !json.Valid(m.Body) {
			t.Errorf("a message is %+v", m)
		}
		said = append(said, string(m.Body))
	}
	slices.Sort(said[1:3]) // mute and name are of no order
	want := []string{
		`{"what":"created","users":["` + string(bob) + `"],"name":"Lunch"}`,
		fmt.Sprintf(`{"what":"muted","users":["%s"],"until":%d}`, bob, noon().Add(time.Hour).UnixMilli()),
		`{"what":"renamed","name":"Dinner \u003c3"}`,
		`{"what":"announced","text":"at\neight"}`,
		`{"what":"announced","text":""}`,
	}
	if !slices.Equal(said, want) {
		t.Errorf("said was\n%s, want\n%s", strings.Join(said, "\n"), strings.Join(want, "\n"))
	}
	for _, c := range h.told() {
		if c.Room.Code != "" || (c.Seq == 0) != (c.What == chat.RoomRecoded) || c.Hearers == nil {
			t.Errorf("told was %+v", c)
		}
	}
}
