package chat_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func TestRolesOfRooms(t *testing.T) {
	const f, n = chat.Forbidden, chat.NotFound
	type person struct{ owner, admin, admin2, member, member2, stranger chat.UserID }
	actions := []struct {
		name string
		do   func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error
		// the codes for stranger, member, admin, owner
		want [4]chat.Code
	}{
		{"info", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, err := h.Info(t.Context(), by, room)
			return err
		}, [4]chat.Code{n}},
		{"members", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, _, err := h.Members(t.Context(), by, room, "", 0)
			return err
		}, [4]chat.Code{n}},
		{"write", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			return h.MayWrite(t.Context(), by, room)
		}, [4]chat.Code{n}},
		{"read", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, err := h.Floor(t.Context(), by, chat.RoomConv(room))
			return err
		}, [4]chat.Code{f}},
		{"invite", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, err := h.Invite(t.Context(), by, room, []chat.UserID{p.stranger})
			return err
		}, [4]chat.Code{n}},
		{"leave", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			return h.Leave(t.Context(), by, room)
		}, [4]chat.Code{n}},
		{"rename", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			return h.Rename(t.Context(), by, room, "Dinner")
		}, [4]chat.Code{n, f}},
		{"announce", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			return h.Announce(t.Context(), by, room, "at\neight")
		}, [4]chat.Code{n, f}},
		{"code", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, err := h.SetCode(t.Context(), by, room, true)
			return err
		}, [4]chat.Code{n, f}},
		{"history", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			return h.SetHistory(t.Context(), by, room, chat.HistoryStart)
		}, [4]chat.Code{n, f}},
		{"kick a member", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, err := h.Kick(t.Context(), by, room, []chat.UserID{p.member2})
			return err
		}, [4]chat.Code{n, f}},
		{"kick an admin", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, err := h.Kick(t.Context(), by, room, []chat.UserID{p.member2, p.admin2})
			return err
		}, [4]chat.Code{n, f, f}},
		{"kick the owner", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, err := h.Kick(t.Context(), by, room, []chat.UserID{p.owner})
			return err
		}, [4]chat.Code{n, f, f, f}},
		{"mute a member", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, err := h.Mute(t.Context(), by, room, p.member2, time.Hour)
			return err
		}, [4]chat.Code{n, f}},
		{"mute an admin", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, err := h.Mute(t.Context(), by, room, p.admin2, time.Hour)
			return err
		}, [4]chat.Code{n, f, f}},
		{"mute the owner", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, err := h.Mute(t.Context(), by, room, p.owner, time.Hour)
			return err
		}, [4]chat.Code{n, f, f, f}},
		{"mute all", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, err := h.Mute(t.Context(), by, room, "", time.Hour)
			return err
		}, [4]chat.Code{n, f}},
		{"make an admin", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			return h.SetRole(t.Context(), by, room, p.member2, chat.RoleAdmin)
		}, [4]chat.Code{n, f, f}},
		{"transfer", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			return h.Transfer(t.Context(), by, room, p.member2)
		}, [4]chat.Code{n, f, f}},
		{"dissolve", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			return h.Dissolve(t.Context(), by, room)
		}, [4]chat.Code{n, f, f}},
	}
	engine := newEngine(t)
	people := settle(t, engine, "Owner", "Admin", "Admin2", "Member", "Member2", "Stranger")
	p := person{people[0], people[1], people[2], people[3], people[4], people[5]}
	h := openRooms(t, engine)
	for _, action := range actions {
		for i, by := range []chat.UserID{p.stranger, p.member, p.admin, p.owner} {
			room := h.found(p.owner, p.admin, p.admin2, p.member, p.member2)
			for _, admin := range []chat.UserID{p.admin, p.admin2} {
				if err := h.SetRole(t.Context(), p.owner, room, admin, chat.RoleAdmin); err != nil {
					t.Fatal(err)
				}
			}
			h.told()
			what := fmt.Sprintf("%s by number %d", action.name, i)
			wantCode(t, what, action.do(h, p, by, room), action.want[i])
			if action.want[i] != "" {
				h.wantMembers(room, p.owner, p.admin, p.admin2, p.member, p.member2)
				if told := h.told(); len(told) > 0 {
					t.Errorf("%s: told was %+v", what, told)
				}
			}
			// A room that is not there is the same to everybody as one that she is not in.
			nowhere := chat.RoomID(chat.NewUserID(noon()))
			wantCode(t, action.name+" nowhere", action.do(h, p, by, nowhere), action.want[0])
			wantCode(t, action.name+" at no room", action.do(h, p, by, "nonsense"), cmpCode(action.name == "read", chat.Invalid, chat.NotFound))
		}
	}
}

func cmpCode(is bool, then, otherwise chat.Code) chat.Code {
	if is {
		return then
	}
	return otherwise
}
