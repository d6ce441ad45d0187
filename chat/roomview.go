package chat

import "context"

// RoomView is a room as one of its members sees it.
type RoomView struct {
	Room    // Code is "" for those who may not know it
	Self    RoomMember
	Role    Role // hers, RoleOwner included
	Members int
}

// view shows a room to one of its members.
func (r Room) view(self RoomMember, members int) RoomView {
	v := RoomView{Room: r, Self: self, Role: r.roleOf(&self), Members: members}
	if v.Role == RoleMember {
		v.Room = r.withoutCode()
	}
	return v
}

// Info returns a room as the asker sees it.
//
// Errors: NotFound.
func (s *Rooms) Info(ctx context.Context, asker UserID, room RoomID) (v RoomView, err error) {
	if s == nil {
		return v, errNoRooms()
	}
	err = s.rosters.ask(ctx, room, func(e *rosterEntry) {
		if self, ok := e.now.Member(asker); ok {
			v = e.now.room.view(self, len(e.now.users))
		}
	})
	if err == nil && v.Role == "" {
		err = errNoRooms()
	}
	return v, err
}

// ByNumber returns the id of the room with this number.
//
// Errors: NotFound, also when the asker is not in it.
func (s *Rooms) ByNumber(ctx context.Context, asker UserID, number uint64) (RoomID, error) {
	if s == nil {
		return "", errNoRooms()
	}
	id, known := s.rosters.idOf(number)
	if !known {
		r, err := s.cfg.Store.RoomByNumber(ctx, number)
		if err != nil {
			return "", instead(err, errNoRooms())
		}
		id = r.ID
	}
	ok := false
	err := s.rosters.ask(ctx, id, func(e *rosterEntry) { _, ok = e.now.seats[asker] })
	if err == nil && !ok {
		err = errNoRooms()
	}
	if err != nil {
		return "", err
	}
	return id, nil
}

// List returns a user's rooms as she sees them, in the order of their ids.
func (s *Rooms) List(ctx context.Context, user UserID) ([]RoomView, error) {
	parts, err := s.parts(ctx, user)
	if err != nil {
		return nil, err
	}
	ids := make([]RoomID, len(parts))
	for i := range parts {
		ids[i] = parts[i].room.ID
	}
	counts, err := s.cfg.Store.CountMembers(ctx, ids)
	if err != nil {
		return nil, err
	}
	views := make([]RoomView, len(parts))
	for i := range parts {
		views[i] = parts[i].room.view(parts[i].self, counts[i])
	}
	return views, nil
}

// Seat is a member as another one sees her.
type Seat struct {
	RoomMember
	Role    Role    // RoleOwner included
	Account Account // empty when it is gone
	Online  bool    // at this node, and she does not block the asker
}

// Members returns the members of a room whose ids are above after, in the order of their ids, at most limit (0: MaxSeats);
// more says that there are more. To be in a room is consent to be seen there.
//
// Errors: Invalid, NotFound.
func (s *Rooms) Members(ctx context.Context, asker UserID, room RoomID, after UserID, limit int) (page []Seat, more bool, err error) {
	if limit == 0 {
		limit = MaxSeats
	}
	if limit < 0 || limit > MaxSeats {
		return nil, false, Errorf(Invalid, "limit: 1 to %d", MaxSeats)
	}
	if after != "" && !after.Valid() {
		return nil, false, Errorf(Invalid, "after: not a user id")
	}
	view, err := s.Info(ctx, asker, room)
	if err != nil {
		return nil, false, err
	}
	members, err := s.cfg.Store.Members(ctx, room, after, limit+1)
	if err != nil {
		return nil, false, err
	}
	if more = len(members) > limit; more {
		members = members[:limit]
	}
	page, err = s.seats(ctx, asker, &view.Room, members)
	return page, more, err
}

func (s *Rooms) seats(ctx context.Context, asker UserID, r *Room, members []RoomMember) ([]Seat, error) {
	users, pairs := make([]UserID, len(members)), make([][2]UserID, len(members))
	for i, m := range members {
		users[i], pairs[i] = m.User, [2]UserID{m.User, asker}
	}
	accounts, err := s.cfg.Accounts.Accounts(ctx, users)
	if err != nil {
		return nil, err
	}
	blocks, err := s.blocks(ctx, pairs)
	if err != nil {
		return nil, err
	}
	here := s.here(users)
	page := make([]Seat, len(members))
	for i, m := range members {
		page[i] = Seat{RoomMember: m, Role: r.roleOf(&m), Online: here[i] && !blocks[i]}
		if len(accounts) > 0 && accounts[0].ID == m.User {
			page[i].Account, accounts = accounts[0], accounts[1:]
		}
	}
	return page, nil
}

func (s *Rooms) here(users []UserID) []bool {
	if s.cfg.Here == nil {
		return make([]bool, len(users))
	}
	return s.cfg.Here(users)
}

// Online is how many members of a room have a socket at this node.
func (s *Rooms) Online(room RoomID) (n int) {
	if s == nil {
		return 0
	}
	for _, here := range s.here(s.Hearers(room)) {
		if here {
			n++
		}
	}
	return n
}
