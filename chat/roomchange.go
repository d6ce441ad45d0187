package chat

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"
)

// RoomWhat says what happened to a room.
type RoomWhat string

// What happens to rooms. The words are those of the wire.
const (
	RoomCreated   RoomWhat = "created"   // Users were added with it
	RoomInvited   RoomWhat = "invited"   // Users were added
	RoomJoined    RoomWhat = "joined"    // By came by the code
	RoomLeft      RoomWhat = "left"      // By went
	RoomKicked    RoomWhat = "kicked"    // Users were removed
	RoomRenamed   RoomWhat = "renamed"   // see Room.Name
	RoomRole      RoomWhat = "role"      // Users have Role now
	RoomOwner     RoomWhat = "owner"     // Users own it now, one
	RoomMuted     RoomWhat = "muted"     // Users, or with none all but owner and admins, until Until
	RoomUnmuted   RoomWhat = "unmuted"   // Users, or with none all
	RoomAnnounced RoomWhat = "announced" // see Room.Announcement
	RoomRecoded   RoomWhat = "code"      // the code is another one, or none
	RoomHistory   RoomWhat = "history"   // see Room.History
	RoomDissolved RoomWhat = "dissolved" // there is no such room any more
)

// RoomChange says what happened to a room.
type RoomChange struct {
	Room    Room // as it is now, without its code
	What    RoomWhat
	By      UserID
	Users   []UserID
	Role    Role
	Until   time.Time
	Seq     uint64    // the number of the system message that says so; 0 when there is none
	At      time.Time // when it happened
	Hearers []UserID  // its members now, and those who left by this
}

// RoomAudience hears what happens to rooms. RoomChanged is called when the change is durable, one after the other for
// each room, behind the system message. It changes nothing of c and should not wait for a client.
type RoomAudience interface {
	RoomChanged(c *RoomChange)
}

// sayWait bounds the storing of a system message. The change that it tells of is made, whoever still waits for it.
const sayWait = 10 * time.Second

// tell ends a change: it puts the system message into the room and tells the audience. gone are those who left by it.
// It is the caller's turn. No message says that a code was changed, which is not all members' to know, and none that a
// room was dissolved, since nobody could read it.
func (s *Rooms) tell(ctx context.Context, c *RoomChange, gone ...UserID) {
	c.At, c.Room = s.now(), c.Room.withoutCode()
	if s.cfg.Say != nil && c.What != RoomRecoded && c.What != RoomDissolved {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sayWait)
		defer cancel()
		m, err := s.cfg.Say(ctx, c.Room.ID, c.By, c.body())
		if err == nil {
			c.Seq, c.At = m.Seq, m.At
		} else {
			s.cfg.Log.Warn("a room's change is in no message", "room", c.Room.ID, "what", c.What, "error", err)
		}
	}
	if len(s.audience) == 0 {
		return
	}
	if c.What != RoomDissolved {
		c.Hearers = s.Hearers(c.Room.ID)
	}
	c.Hearers = append(slices.Clip(c.Hearers), gone...)
	for _, to := range s.audience {
		to.RoomChanged(c)
	}
}

// body is what the system message says: the change in the words of the wire, times in milliseconds since 1970.
func (c *RoomChange) body() []byte {
	said := struct {
		What    RoomWhat `json:"what"`
		Users   []UserID `json:"users,omitempty"`
		Name    string   `json:"name,omitempty"`
		Role    Role     `json:"role,omitempty"`
		Until   int64    `json:"until,omitempty"`
		Text    *string  `json:"text,omitempty"` // of the announcement; "" takes it away
		History History  `json:"history,omitempty"`
	}{What: c.What, Users: c.Users, Role: c.Role}
	switch c.What {
	case RoomCreated, RoomRenamed:
		said.Name = c.Room.Name
	case RoomMuted:
		said.Until = c.Until.UnixMilli()
	case RoomAnnounced:
		said.Text = &c.Room.Announcement
	case RoomHistory:
		said.History = c.Room.History
	}
	body, _ := json.Marshal(said) // of texts and numbers it cannot fail
	return body
}

// actor is who changes a room, and the room.
type actor struct {
	room  Room
	user  UserID
	role  Role
	muted time.Time // until when she is; may be over
}

// begin waits for the turn to change a room, and asks the engine for the room and for who by is in it. By's role must be
// least or above.
//
// Errors: NotFound, Forbidden, Unavailable.
func (s *Rooms) begin(ctx context.Context, by UserID, room RoomID, least Role) (a actor, leave func(), err error) {
	if !room.Valid() {
		return a, nil, errNoRooms()
	}
	leave, err = s.turns.enter(ctx, RoomConv(room))
	if err != nil {
		return a, nil, err
	}
	if a, err = s.actor(ctx, by, room, least); err != nil {
		leave()
		return a, nil, err
	}
	return a, leave, nil
}

func (s *Rooms) actor(ctx context.Context, by UserID, room RoomID, least Role) (actor, error) {
	m, err := s.cfg.Store.Member(ctx, room, by)
	if err != nil {
		return actor{}, instead(err, errNoRooms())
	}
	r, err := s.cfg.Store.Room(ctx, room)
	if CodeOf(err) == NotFound { // a failure kept its members from going with it
		return actor{}, cmp.Or(s.cfg.Store.DeleteRoom(ctx, room), errNoRooms())
	}
	if err != nil {
		return actor{}, err
	}
	a := actor{r, by, r.roleOf(&m), m.MutedUntil}
	if a.role.rank() < least.rank() {
		return actor{}, Errorf(Forbidden, "room: that takes its %s", least)
	}
	return a, nil
}

func (r *Room) roleOf(m *RoomMember) Role {
	if r.Owner == m.User {
		return RoleOwner
	}
	return m.Role
}

// rank orders roles by what they may.
func (r Role) rank() int { return slices.Index([]Role{RoleMember, RoleAdmin, RoleOwner}, r) }

func (r Room) withoutCode() Room {
	r.Code = ""
	return r
}
