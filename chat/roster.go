package chat

import "context"

// Roster is a room and its members at one moment. It does not change.
type Roster struct {
	room  Room
	users []UserID
}

// Room returns the room.
func (r *Roster) Room() Room { return r.room }

// Users returns the members, in no order. The caller must not change the slice.
func (r *Roster) Users() []UserID { return r.users }

// Member returns a member; ok is false for whoever is none.
func (r *Roster) Member(user UserID) (m RoomMember, ok bool) { return RoomMember{}, false }

// Role returns the role of a member, RoleOwner included; "" for whoever is none.
func (r *Roster) Role(user UserID) Role { return "" }

// Roster returns a room and its members.
//
// Errors: NotFound, Unavailable. It does not ask who is asking.
func (s *Rooms) Roster(ctx context.Context, room RoomID) (*Roster, error) { return nil, errNoRooms() }

// Hearers returns the members of a room, for a door that has something for them; nil when there is no such room, or the
// engine does not say in time who they are, which is logged. The caller must not change the slice.
func (s *Rooms) Hearers(room RoomID) []UserID { return nil }
