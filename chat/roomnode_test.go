package chat_test

import (
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

// Two processes on one engine, each with rules of its own.
func TestTwoProcessesSeeEachOthersRooms(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob", "Carl")
	ann, bob, carl := people[0], people[1], people[2]
	old := func(cfg *chat.RoomsConfig) { cfg.Reload = 30 * time.Second }
	here, there := openRooms(t, engine, old), openRooms(t, engine, old)
	room := here.found(ann, bob)
	wantCode(t, "Bob writes", here.MayWrite(t.Context(), bob, room), "")
	wantCode(t, "Bob renames", there.Rename(t.Context(), bob, room, "Dinner"), chat.Forbidden)
	if _, err := there.Invite(t.Context(), bob, room, []chat.UserID{carl}); err != nil {
		t.Fatal(err)
	}
	if err := there.SetRole(t.Context(), ann, room, carl, chat.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	if _, err := there.Kick(t.Context(), carl, room, []chat.UserID{bob}); err != nil {
		t.Fatal(err)
	}
	// A change goes by what the engine says, at once.
	_, err := here.Invite(t.Context(), bob, room, []chat.UserID{carl})
	wantCode(t, "Bob invites", err, chat.NotFound)
	wantCode(t, "Carl renames", here.Rename(t.Context(), carl, room, "Supper"), "")
	here.clock.pass(30 * time.Second)
	wantCode(t, "Bob writes", here.MayWrite(t.Context(), bob, room), chat.NotFound)
	wantCode(t, "Carl writes", here.MayWrite(t.Context(), carl, room), "")
	here.wantMembers(room, ann, carl)
	if err := there.Dissolve(t.Context(), ann, room); err != nil {
		t.Fatal(err)
	}
	here.clock.pass(30 * time.Second)
	wantCode(t, "Ann writes", here.MayWrite(t.Context(), ann, room), chat.NotFound)
}

// What another process does in the middle of a change here.
func TestTwoProcessesChangeARoomAtOnce(t *testing.T) {
	for name, story := range map[string]func(t *testing.T, here, there *roomHouse, w *watchedRooms, ann, bob, carl chat.UserID){
		"two rename": func(t *testing.T, here, there *roomHouse, w *watchedRooms, ann, bob, carl chat.UserID) {
			room := here.found(ann, bob)
			w.beforeNext("ChangeRoom", func() { wantCode(t, "there", there.Announce(t.Context(), ann, room, "at eight"), "") })
			wantCode(t, "here", here.Rename(t.Context(), ann, room, "Dinner"), "")
			r, err := here.engine.Room(t.Context(), room)
			if err != nil || r.Name != "Dinner" || r.Announcement != "at eight" {
				t.Errorf("the room is %+v, %v", r, err)
			}
		},
		"an admin is one no more": func(t *testing.T, here, there *roomHouse, w *watchedRooms, ann, bob, carl chat.UserID) {
			room := here.found(ann, bob)
			wantCode(t, "role", here.SetRole(t.Context(), ann, room, bob, chat.RoleAdmin), "")
			w.beforeNext("ChangeRoom", func() {
				wantCode(t, "announce", there.Announce(t.Context(), ann, room, "at eight"), "")
				wantCode(t, "role", there.SetRole(t.Context(), ann, room, bob, chat.RoleMember), "")
			})
			wantCode(t, "Bob renames", here.Rename(t.Context(), bob, room, "Dinner"), chat.Forbidden)
		},
		"kicked while joining": func(t *testing.T, here, there *roomHouse, w *watchedRooms, ann, bob, carl chat.UserID) {
			room := here.found(ann, bob)
			code, err := here.SetCode(t.Context(), ann, room, true)
			wantCode(t, "code", err, "")
			w.beforeNext("Member", func() {
				wantCode(t, "kick", second(there.Kick(t.Context(), ann, room, []chat.UserID{bob})), "")
			})
			_, err = here.Join(t.Context(), bob, 0, code)
			wantCode(t, "Bob comes back by the old code", err, chat.NotFound)
			here.wantMembers(room, ann)
		},
		"the code is taken back while joining": func(t *testing.T, here, there *roomHouse, w *watchedRooms, ann, bob, carl chat.UserID) {
			room := here.found(ann)
			code, err := here.SetCode(t.Context(), ann, room, true)
			wantCode(t, "code", err, "")
			w.beforeNext("PutMember", func() { wantCode(t, "code", second(there.SetCode(t.Context(), ann, room, false)), "") })
			_, err = here.Join(t.Context(), bob, 0, code)
			wantCode(t, "Bob joins", err, chat.NotFound)
			here.wantMembers(room, ann)
		},
		"the engine fails while joining": func(t *testing.T, here, there *roomHouse, w *watchedRooms, ann, bob, carl chat.UserID) {
			room := here.found(ann)
			code, err := here.SetCode(t.Context(), ann, room, true)
			wantCode(t, "code", err, "")
			w.beforeNext("PutMember", func() { w.away.Store(true) })
			_, err = here.Join(t.Context(), bob, 0, code)
			wantCode(t, "Bob joins", err, chat.Unavailable)
			w.away.Store(false)
			here.wantMembers(room, ann)
		},
		"dissolved while inviting": func(t *testing.T, here, there *roomHouse, w *watchedRooms, ann, bob, carl chat.UserID) {
			room := here.found(ann)
			w.beforeNext("PutMember", func() { wantCode(t, "dissolve", there.Dissolve(t.Context(), ann, room), "") })
			_, err := here.Invite(t.Context(), ann, room, []chat.UserID{bob})
			wantCode(t, "invite", err, chat.NotFound)
			if in, err := here.engine.Memberships(t.Context(), bob); err != nil || len(in) > 0 {
				t.Errorf("Bob is in %v, %v", in, err)
			}
		},
		"the heir leaves first": func(t *testing.T, here, there *roomHouse, w *watchedRooms, ann, bob, carl chat.UserID) {
			room := here.found(ann, bob)
			here.clock.pass(time.Second)
			wantCode(t, "invite", second(here.Invite(t.Context(), ann, room, []chat.UserID{carl})), "")
			w.beforeNext("ChangeRoom", func() { wantCode(t, "Bob leaves", there.Leave(t.Context(), bob, room), "") })
			wantCode(t, "Ann leaves", here.Leave(t.Context(), ann, room), "")
			r, err := here.engine.Room(t.Context(), room)
			if err != nil || r.Owner != carl {
				t.Errorf("the owner is %s, %v, want Carl", r.Owner, err)
			}
		},
		"the owner is kicked": func(t *testing.T, here, there *roomHouse, w *watchedRooms, ann, bob, carl chat.UserID) {
			room := here.found(ann, bob, carl)
			wantCode(t, "role", here.SetRole(t.Context(), ann, room, bob, chat.RoleAdmin), "")
			w.beforeNext("RemoveMember", func() { wantCode(t, "to Carl", there.Transfer(t.Context(), ann, room, carl), "") })
			wantCode(t, "Bob kicks Carl", second(here.Kick(t.Context(), bob, room, []chat.UserID{carl})), "")
			here.wantMembers(room, ann, bob)
			if r, err := here.engine.Room(t.Context(), room); err != nil || r.Owner == carl {
				t.Errorf("the owner is Carl, who is not there; %v", err)
			}
		},
		"the heir was leaving": func(t *testing.T, here, there *roomHouse, w *watchedRooms, ann, bob, carl chat.UserID) {
			room := here.found(ann, bob)
			w.beforeNext("RemoveMember", func() { wantCode(t, "Ann leaves", there.Leave(t.Context(), ann, room), "") })
			wantCode(t, "Bob leaves", here.Leave(t.Context(), bob, room), "")
			_, err := here.engine.Room(t.Context(), room)
			wantCode(t, "the room of nobody", err, chat.NotFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			engine := newEngine(t)
			people := settle(t, engine, "Ann", "Bob", "Carl")
			here, w := openWatched(t, engine, func(cfg *chat.RoomsConfig) { cfg.Reload = time.Nanosecond })
			story(t, here, openRooms(t, engine), w, people[0], people[1], people[2])
		})
	}
}
