package chat

import (
	"cmp"
	"context"
	"slices"
)

// Leave takes a user out of a room. An owner's room goes to the admin who is there longest, or else to the member who is; with
// the last one it is dissolved. When she is muted, a room with a code gets another one, so that she does not come back by it
// with a voice.
//
// Errors: NotFound.
func (s *Rooms) Leave(ctx context.Context, user UserID, room RoomID) error {
	a, leave, err := s.begin(ctx, user, room, RoleMember)
	if err != nil {
		return err
	}
	defer leave()
	if a.role == RoleOwner {
		handed, err := s.handOn(ctx, &a)
		if err != nil {
			return err
		}
		if !handed {
			return s.dissolve(ctx, &a, []UserID{user})
		}
	} else if a.muted.After(s.cfg.Now()) {
		if err := s.recode(ctx, &a, RoleMember); err != nil {
			return err
		}
	}
	if err := s.remove(ctx, room, []UserID{user}); err != nil {
		return err
	}
	s.tell(ctx, &RoomChange{Room: a.room, What: RoomLeft, By: user}, user)
	return s.handOnAfter(ctx, room, []UserID{user})
}

// handOnAfter hands a room on whose owner is among those who are gone: another process may have made her that while she
// went.
func (s *Rooms) handOnAfter(ctx context.Context, room RoomID, gone []UserID) error {
	r, err := s.cfg.Store.Room(ctx, room)
	if err != nil || !slices.Contains(gone, r.Owner) {
		return instead(err, nil)
	}
	a := actor{room: r, user: r.Owner, role: RoleOwner}
	handed, err := s.handOn(ctx, &a)
	if err != nil || handed {
		return err
	}
	return s.dissolve(ctx, &a, nil)
}

// handOn makes somebody else the owner; handed is false when there is nobody else.
func (s *Rooms) handOn(ctx context.Context, a *actor) (handed bool, err error) {
	for tries := 1; tries <= changeTries; tries++ {
		members, err := allMembers(ctx, s.cfg.Store, a.room.ID)
		if err != nil {
			return false, err
		}
		members = slices.DeleteFunc(members, func(m RoomMember) bool { return m.User == a.user })
		if len(members) == 0 {
			return false, nil
		}
		heir := slices.MinFunc(members, func(x, y RoomMember) int {
			return cmp.Or(y.Role.rank()-x.Role.rank(), x.Joined.Compare(y.Joined), cmp.Compare(x.User, y.User))
		})
		err = s.crown(ctx, &a.room, heir.User)
		if err == nil {
			s.tell(ctx, &RoomChange{Room: a.room, What: RoomOwner, By: a.user, Users: []UserID{heir.User}})
			// An heir who leaves by another process meanwhile sees that she is it, or is seen to be gone.
			if _, err = s.cfg.Store.Member(ctx, a.room.ID, heir.User); err == nil {
				return true, nil
			}
		}
		if code := CodeOf(err); code != Conflict && code != NotFound {
			return false, err
		}
		if a.room, err = s.cfg.Store.Room(ctx, a.room.ID); err != nil {
			return false, instead(err, errNoRooms())
		}
		if a.room.Owner != a.user && a.room.Owner != heir.User {
			return true, nil // another process did it
		}
	}
	return false, errBusy()
}

// crown makes a member the owner. The rows of owners are those of admins, which they are when they hand the room on.
//
// Errors: NotFound when she is no member, Conflict when another process changed the room.
func (s *Rooms) crown(ctx context.Context, r *Room, user UserID) error {
	if _, err := s.changeMember(ctx, r.ID, user, func(m *RoomMember) error { m.Role = RoleAdmin; return nil }); err != nil {
		return err
	}
	r.Owner = user
	return s.changeRoom(ctx, r)
}

// LeaveAll takes a user out of all her rooms. After an error it can be called again.
func (s *Rooms) LeaveAll(ctx context.Context, user UserID) error {
	memberships, err := s.cfg.Store.Memberships(ctx, user)
	for _, m := range memberships {
		err := s.Leave(ctx, user, m.Room)
		if CodeOf(err) == NotFound {
			err = s.remove(ctx, m.Room, []UserID{user}) // of a room that is gone
		}
		if err != nil {
			return err
		}
	}
	return err
}

// Kick removes users from a room; those who are not there are left out. A room with a code gets another one, so that they
// do not come back by it.
//
// Errors: Invalid, NotFound, Forbidden when by may not remove one of them: then nobody is.
func (s *Rooms) Kick(ctx context.Context, by UserID, room RoomID, users []UserID) (kicked []UserID, err error) {
	if users, err = namedOnce(users); err != nil {
		return nil, err
	}
	a, leave, err := s.begin(ctx, by, room, RoleAdmin)
	if err != nil {
		return nil, err
	}
	defer leave()
	for _, user := range users {
		m, err := s.cfg.Store.Member(ctx, room, user)
		switch code := CodeOf(err); {
		case code == NotFound:
			continue
		case code != "":
			return nil, err
		case !a.above(&m):
			return nil, errAbove()
		}
		kicked = append(kicked, user)
	}
	if len(kicked) == 0 {
		return nil, nil
	}
	// The code goes first: who joins by another process looks at it once more when she is in.
	if err := s.recode(ctx, &a, RoleAdmin); err != nil {
		return nil, err
	}
	if err := s.remove(ctx, room, kicked); err != nil {
		return nil, err
	}
	s.tell(ctx, &RoomChange{Room: a.room, What: RoomKicked, By: by, Users: kicked}, kicked...)
	return kicked, s.handOnAfter(ctx, room, kicked)
}

// recode gives a room that has a code another one. The actor must be least or above, also when another process changes the
// room meanwhile.
func (s *Rooms) recode(ctx context.Context, a *actor, least Role) error {
	for tries := 1; a.room.Code != ""; tries++ {
		a.room.Code = RandomID(codeBytes)
		err := s.changeRoom(ctx, &a.room)
		if err == nil {
			return nil
		}
		if CodeOf(err) != Conflict || tries == changeTries {
			return err
		}
		if *a, err = s.actor(ctx, a.user, a.room.ID, least); err != nil {
			return err
		}
	}
	return nil
}

// above tells whether the actor may kick and mute a member.
func (a *actor) above(m *RoomMember) bool { return a.role.rank() > a.room.roleOf(m).rank() }

func errAbove() error { return Errorf(Forbidden, "user: only members, and by the owner admins") }

// Dissolve ends a room. Only its owner may.
//
// Errors: NotFound, Forbidden.
func (s *Rooms) Dissolve(ctx context.Context, by UserID, room RoomID) error {
	a, leave, err := s.begin(ctx, by, room, RoleOwner)
	if err != nil {
		return err
	}
	defer leave()
	return s.dissolve(ctx, &a, s.Hearers(room))
}

// dissolve ends a room and tells those who were in it. Its messages stay as long as others do, and nobody may read them.
func (s *Rooms) dissolve(ctx context.Context, a *actor, members []UserID) error {
	err := s.cfg.Store.DeleteRoom(ctx, a.room.ID)
	s.rosters.forget(a.room.ID)
	if err != nil {
		return err
	}
	s.tell(ctx, &RoomChange{Room: a.room, What: RoomDissolved, By: a.user, Hearers: members})
	return nil
}
