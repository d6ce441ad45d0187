package chat

import (
	"context"
	"time"
	"unicode/utf8"
)

// Rename gives a room another name. Its owner and admins may.
//
// Errors: Invalid, NotFound, Forbidden.
func (s *Rooms) Rename(ctx context.Context, by UserID, room RoomID, name string) error {
	if err := checkText("name", name, maxRoomName); err != nil {
		return err
	}
	return s.alter(ctx, by, room, &RoomChange{What: RoomRenamed}, func(r *Room) (changed bool) {
		changed, r.Name = r.Name != name, name
		return changed
	})
}

// Announce replaces a room's announcement; "" takes it away. Its owner and admins may.
//
// Errors: Invalid, NotFound, Forbidden.
func (s *Rooms) Announce(ctx context.Context, by UserID, room RoomID, text string) error {
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxAnnouncement {
		return Errorf(Invalid, "text: at most %d characters", maxAnnouncement)
	}
	return s.alter(ctx, by, room, &RoomChange{What: RoomAnnounced}, func(r *Room) (changed bool) {
		changed, r.Announcement = r.Announcement != text, text
		r.AnnouncedBy, r.AnnouncedAt = by, s.now()
		return changed
	})
}

// SetCode gives a room a fresh code, or with on false none, and returns it. Its owner and admins may.
//
// Errors: NotFound, Forbidden.
func (s *Rooms) SetCode(ctx context.Context, by UserID, room RoomID, on bool) (code string, err error) {
	err = s.alter(ctx, by, room, &RoomChange{What: RoomRecoded}, func(r *Room) (changed bool) {
		if code = ""; on {
			code = RandomID(codeBytes)
		}
		changed, r.Code = r.Code != code, code
		return changed
	})
	if err != nil {
		return "", err
	}
	return code, nil
}

func (h History) check() error {
	if h != HistoryJoined && h != HistoryStart {
		return Errorf(Invalid, "history: %s or %s", HistoryJoined, HistoryStart)
	}
	return nil
}

// SetHistory says from where on members may read. Its owner and admins may.
//
// Errors: Invalid, NotFound, Forbidden.
func (s *Rooms) SetHistory(ctx context.Context, by UserID, room RoomID, history History) error {
	if err := history.check(); err != nil {
		return err
	}
	return s.alter(ctx, by, room, &RoomChange{What: RoomHistory}, func(r *Room) (changed bool) {
		changed, r.History = r.History != history, history
		return changed
	})
}

// SetRole makes a member an admin, or an admin a member. Only the owner may.
//
// Errors: Invalid, NotFound, also for a user who is not in the room, Forbidden.
func (s *Rooms) SetRole(ctx context.Context, by UserID, room RoomID, user UserID, role Role) error {
	if role != RoleMember && role != RoleAdmin {
		return Errorf(Invalid, "role: %s or %s", RoleMember, RoleAdmin)
	}
	a, leave, err := s.begin(ctx, by, room, RoleOwner)
	if err != nil {
		return err
	}
	defer leave()
	if user == by {
		return Errorf(Invalid, "user: the owner has no other role; transfer the room first")
	}
	changed, err := s.changeMember(ctx, room, user, func(m *RoomMember) error { m.Role = role; return nil })
	if err != nil || !changed {
		return instead(err, errNoMember())
	}
	s.tell(ctx, &RoomChange{Room: a.room, What: RoomRole, By: by, Users: []UserID{user}, Role: role})
	return nil
}

// Transfer makes another member the owner. Only the owner may, and stays as an admin.
//
// Errors: NotFound, also for a user who is not in the room, Forbidden.
func (s *Rooms) Transfer(ctx context.Context, by UserID, room RoomID, to UserID) error {
	a, leave, err := s.begin(ctx, by, room, RoleOwner)
	if err != nil {
		return err
	}
	defer leave()
	if to == by {
		return nil
	}
	for tries := 1; ; tries++ {
		err := s.crown(ctx, &a.room, to)
		if err == nil {
			break
		}
		if CodeOf(err) != Conflict || tries == changeTries {
			return instead(err, errNoMember())
		}
		if a, err = s.actor(ctx, by, room, RoleOwner); err != nil {
			return err
		}
	}
	s.tell(ctx, &RoomChange{Room: a.room, What: RoomOwner, By: by, Users: []UserID{to}})
	return nil
}

// Mute keeps a member from writing, or with user "" all but owner and admins, for a time from now on; 0 ends it. The owner
// may mute everybody else, an admin members.
//
// Errors: Invalid, NotFound, also for a user who is not in the room, Forbidden.
func (s *Rooms) Mute(ctx context.Context, by UserID, room RoomID, user UserID, length time.Duration) (until time.Time, err error) {
	c := &RoomChange{What: RoomUnmuted}
	switch {
	case length < 0 || length > maxMute:
		return time.Time{}, Errorf(Invalid, "for: at most %d days", maxMute/(24*time.Hour))
	case length > 0:
		c.What, c.Until = RoomMuted, s.now().Add(length.Truncate(time.Millisecond))
	}
	if user == "" {
		err = s.alter(ctx, by, room, c, func(r *Room) (changed bool) {
			changed, r.MutedUntil = !r.MutedUntil.Equal(c.Until), c.Until
			return changed
		})
		return c.Until, err
	}
	a, leave, err := s.begin(ctx, by, room, RoleAdmin)
	if err != nil {
		return time.Time{}, err
	}
	defer leave()
	changed, err := s.changeMember(ctx, room, user, func(m *RoomMember) error {
		if !a.above(m) {
			return errAbove()
		}
		m.MutedUntil = c.Until
		return nil
	})
	if err != nil {
		return time.Time{}, instead(err, errNoMember())
	}
	if changed {
		c.Room, c.By, c.Users = a.room, by, []UserID{user}
		s.tell(ctx, c)
	}
	return c.Until, nil
}

// alter changes a room's own fields for its owner or an admin. change says whether there is anything to change; it is called
// again when another process came first. c says what happened.
func (s *Rooms) alter(ctx context.Context, by UserID, room RoomID, c *RoomChange, change func(r *Room) (changed bool)) error {
	a, leave, err := s.begin(ctx, by, room, RoleAdmin)
	if err != nil {
		return err
	}
	defer leave()
	for tries := 1; ; tries++ {
		if !change(&a.room) {
			return nil
		}
		err := s.changeRoom(ctx, &a.room)
		if err == nil {
			break
		}
		if CodeOf(err) != Conflict || tries == changeTries {
			return instead(err, errNoRooms())
		}
		if a, err = s.actor(ctx, by, room, RoleAdmin); err != nil {
			return err
		}
	}
	c.Room, c.By = a.room, by
	s.tell(ctx, c)
	return nil
}

// changeRoom stores a room that was read as its version says, and remembers it.
//
// Errors: Conflict, NotFound, Unavailable.
func (s *Rooms) changeRoom(ctx context.Context, r *Room) error {
	if err := s.cfg.Store.ChangeRoom(ctx, *r, r.Version); err != nil {
		return s.inDoubt(r.ID, err)
	}
	r.Version++
	s.rosters.change(r.ID, func(there *Roster) { there.room = *r })
	return nil
}

// changeMember reads a member, has her changed, stores and remembers her; changed is false when she was so already.
//
// Errors: NotFound, what change says, Conflict, Unavailable.
func (s *Rooms) changeMember(ctx context.Context, room RoomID, user UserID, change func(m *RoomMember) error) (changed bool, err error) {
	for tries := 1; ; tries++ {
		was, err := s.cfg.Store.Member(ctx, room, user)
		if err != nil {
			return false, err
		}
		m := was
		if err := change(&m); err != nil {
			return false, err
		}
		if m.Role == was.Role && m.MutedUntil.Equal(was.MutedUntil) {
			return false, nil
		}
		err = s.cfg.Store.ChangeMember(ctx, m, was)
		if err == nil {
			s.rosters.change(room, func(r *Roster) { r.put([]RoomMember{m}) })
			return true, nil
		}
		if CodeOf(err) != Conflict || tries == changeTries {
			return false, s.inDoubt(room, err)
		}
	}
}

func errNoMember() error { return Errorf(NotFound, "user: not in the room") }

func errBusy() error { return Errorf(Unavailable, "room: others are changing it; try again") }
