package chat

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Roster is a room and its members at one moment. It does not change.
type Roster struct {
	room  Room
	users []UserID
	seats map[UserID]seat
}

// seat is what a Roster keeps of a member: a large room has thousands.
type seat struct {
	joined, muted int64 // milliseconds since 1970
	from          uint64
	admin         bool
}

func seatOf(m *RoomMember) seat {
	return seat{m.Joined.UnixMilli(), m.MutedUntil.UnixMilli(), m.From, m.Role == RoleAdmin}
}

// newRoster takes the members over.
func newRoster(room Room, members []RoomMember) *Roster {
	r := &Roster{room: room, users: make([]UserID, len(members)), seats: make(map[UserID]seat, len(members))}
	for i := range members {
		r.users[i], r.seats[members[i].User] = members[i].User, seatOf(&members[i])
	}
	return r
}

// Room returns the room.
func (r *Roster) Room() Room { return r.room }

// Users returns the members, in no order. The caller must not change the slice.
func (r *Roster) Users() []UserID { return r.users }

// Member returns a member; ok is false for whoever is none.
func (r *Roster) Member(user UserID) (m RoomMember, ok bool) {
	at, ok := r.seats[user]
	if !ok {
		return m, false
	}
	m = RoomMember{Room: r.room.ID, User: user, Role: RoleMember, From: at.from,
		Joined: time.UnixMilli(at.joined).UTC(), MutedUntil: time.UnixMilli(at.muted).UTC()}
	if at.admin {
		m.Role = RoleAdmin
	}
	return m, true
}

// Role returns the role of a member, RoleOwner included; "" for whoever is none.
func (r *Roster) Role(user UserID) Role {
	at, ok := r.seats[user]
	switch {
	case !ok:
		return ""
	case r.room.Owner == user:
		return RoleOwner
	case at.admin:
		return RoleAdmin
	}
	return RoleMember
}

// Floor returns the number above which a member may read; ok is false for whoever is none.
func (r *Roster) Floor(user UserID) (from uint64, ok bool) {
	at, ok := r.seats[user]
	if r.room.History == HistoryStart {
		return 0, ok
	}
	return at.from, ok
}

// mutedUntil returns till when a member does not write, a time that may be over. Nobody mutes the owner.
func (r *Roster) mutedUntil(user UserID) (until time.Time, ok bool) {
	at, ok := r.seats[user]
	if !ok || r.room.Owner == user {
		return until, ok
	}
	until = time.UnixMilli(at.muted)
	if !at.admin && until.Before(r.room.MutedUntil) {
		until = r.room.MutedUntil
	}
	return until, true
}

// put adds members, or changes those who are there. Older slices of users stay as they are: what is appended stands
// behind their ends.
func (r *Roster) put(members []RoomMember) {
	for i := range members {
		user := members[i].User
		if _, there := r.seats[user]; !there {
			r.users = append(r.users, user)
		}
		r.seats[user] = seatOf(&members[i])
	}
}

func (r *Roster) remove(users []UserID) {
	for _, user := range users {
		delete(r.seats, user)
	}
	r.users = slices.DeleteFunc(slices.Clone(r.users), func(user UserID) bool {
		_, there := r.seats[user]
		return !there
	})
}

// size is what a roster weighs, see rosterEntry.
func (r *Roster) size() int { return len(r.users) + (roomBytes+len(r.room.Announcement))/seatBytes }

func (r *Roster) clone() *Roster {
	return &Roster{room: r.room, users: r.users, seats: maps.Clone(r.seats)}
}

// Roster returns a room and its members.
//
// Errors: NotFound, Unavailable. It does not ask who is asking.
func (s *Rooms) Roster(ctx context.Context, room RoomID) (r *Roster, err error) {
	if s == nil {
		return nil, errNoRooms()
	}
	err = s.rosters.ask(ctx, room, func(e *rosterEntry) {
		e.lent.Store(true)
		r = e.now
	})
	return r, err
}

// From returns the number above which a room is news to a member: its last one before she came. Unlike a Roster, which is kept,
// it leaves the next change nothing to copy.
//
// Errors: NotFound, also for whoever is no member, Unavailable.
func (s *Rooms) From(ctx context.Context, user UserID, room RoomID) (from uint64, err error) {
	if s == nil {
		return 0, errNoRooms()
	}
	in := false
	err = s.rosters.ask(ctx, room, func(e *rosterEntry) {
		var at seat
		at, in = e.now.seats[user]
		from = at.from
	})
	if err == nil && !in {
		err = errNoRooms()
	}
	return from, err
}

// Hearers returns the members of a room, for a door that has something for them; nil when there is no such room, or the
// engine does not say in time who they are, which is logged. The caller must not change the slice.
func (s *Rooms) Hearers(room RoomID) []UserID {
	if s == nil {
		return nil
	}
	users, known := s.rosters.users(room)
	if known {
		return users
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerWait)
	defer cancel()
	err := s.rosters.ask(ctx, room, func(e *rosterEntry) { users = e.now.users })
	if err != nil && CodeOf(err) != NotFound {
		s.cfg.Log.Warn("a room's message reaches nobody yet", "room", room, "error", err)
	}
	return users
}

// MayWrite tells whether a user may write in a room. It asks the engine only about a room that was not asked for lately.
//
// Errors: NotFound when there is no such room or she is not in it; Forbidden with RetryAfter while she is muted.
func (s *Rooms) MayWrite(ctx context.Context, user UserID, room RoomID) error {
	if s == nil {
		return errNoRooms()
	}
	var until time.Time
	var ok bool
	err := s.rosters.ask(ctx, room, func(e *rosterEntry) { until, ok = e.now.mutedUntil(user) })
	switch {
	case err != nil:
		return err
	case !ok:
		return errNoRooms()
	case until.Unix() <= 0: // never muted: no clock is asked
		return nil
	}
	if left := until.Sub(s.cfg.Now()); left > 0 {
		return &Error{Code: Forbidden, Message: "room: muted until " + until.UTC().Format(time.RFC3339), RetryAfter: left}
	}
	return nil
}

// Floor returns the number above which a user may read in a conversation, direct ones included. A nil Rooms knows those
// alone.
//
// Errors: Invalid for what is no conversation, Forbidden when she has no part in it, NotFound for a room without Rooms.
func (s *Rooms) Floor(ctx context.Context, user UserID, conv ConvID) (uint64, error) {
	room, isRoom := conv.Room()
	switch {
	case !isRoom:
		return 0, mayEnter(user, conv)
	case s == nil:
		return 0, errNoRooms()
	}
	var from uint64
	var ok bool
	err := s.rosters.ask(ctx, room, func(e *rosterEntry) { from, ok = e.now.Floor(user) })
	switch code := CodeOf(err); {
	case code == NotFound || code == "" && !ok:
		return 0, Errorf(Forbidden, "conv: not one of yours")
	case code != "":
		return 0, err
	}
	return from, nil
}

// Conversations returns the conversations of a user's rooms, and for each the number above which she may read.
func (s *Rooms) Conversations(ctx context.Context, user UserID) (convs []ConvID, floors []uint64, err error) {
	parts, err := s.parts(ctx, user)
	for i := range parts {
		convs, floors = append(convs, RoomConv(parts[i].room.ID)), append(floors, parts[i].floor())
	}
	return convs, floors, err
}
