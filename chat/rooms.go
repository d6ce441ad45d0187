package chat

import (
	"context"
	"time"
)

// Rooms are the rules of rooms. Make it with NewRooms. The owner may everything; admins may kick and mute members, rename,
// announce, and see and change code and history; everybody may invite. A room that the asker is not in is NotFound,
// whether it exists or not.
type Rooms struct {
	cfg RoomsConfig
}

// NewRooms returns the rules. Run keeps their memory small.
func NewRooms(cfg RoomsConfig) *Rooms { return &Rooms{cfg: cfg} }

// Tell adds to those who hear what changes. It is called before the first change.
func (s *Rooms) Tell(to ...RoomAudience) { s.cfg.Tell = append(s.cfg.Tell, to...) }

// Run forgets what was not asked for lately, until ctx ends.
func (s *Rooms) Run(ctx context.Context) { <-ctx.Done() }

// Create makes a room of by, and adds users: see Invite for who is not added. An empty history is HistoryJoined.
//
// Errors: Invalid, NotFound for by herself, TooLarge past MaxRooms of hers.
func (s *Rooms) Create(ctx context.Context, by UserID, name string, users []UserID, history History) (r Room, added []UserID, err error) {
	return Room{}, nil, errNoRooms()
}

// Invite adds users to a room. Left out are those who are there, do not exist, are in MaxRooms rooms, or block by.
//
// Errors: Invalid, NotFound, TooLarge past MaxMembers: then nobody is added.
func (s *Rooms) Invite(ctx context.Context, by UserID, room RoomID, users []UserID) (added []UserID, err error) {
	return nil, errNoRooms()
}

// Join brings a user into the room that a code opens; she may be there already. A number other than 0 must be the room's.
//
// Errors: NotFound for a code that opens nothing, TooLarge past MaxMembers or MaxRooms.
func (s *Rooms) Join(ctx context.Context, user UserID, number uint64, code string) (Room, error) {
	return Room{}, errNoRooms()
}

// Leave takes a user out of a room. An owner's room goes to the admin who is there longest, or else to the member who is; with
// the last one it is dissolved.
//
// Errors: NotFound.
func (s *Rooms) Leave(ctx context.Context, user UserID, room RoomID) error { return errNoRooms() }

// LeaveAll takes a user out of all her rooms. After an error it can be called again.
func (s *Rooms) LeaveAll(ctx context.Context, user UserID) error { return errNoRooms() }

// Kick removes users from a room; those who are not there are left out. A room with a code gets another one, so that they
// do not come back by it.
//
// Errors: Invalid, NotFound, Forbidden when by may not remove one of them: then nobody is.
func (s *Rooms) Kick(ctx context.Context, by UserID, room RoomID, users []UserID) (kicked []UserID, err error) {
	return nil, errNoRooms()
}

// Dissolve ends a room. Only its owner may.
//
// Errors: NotFound, Forbidden.
func (s *Rooms) Dissolve(ctx context.Context, by UserID, room RoomID) error { return errNoRooms() }

// Rename gives a room another name. Its owner and admins may.
//
// Errors: Invalid, NotFound, Forbidden.
func (s *Rooms) Rename(ctx context.Context, by UserID, room RoomID, name string) error {
	return errNoRooms()
}

// Announce replaces a room's announcement; "" takes it away. Its owner and admins may.
//
// Errors: Invalid, NotFound, Forbidden.
func (s *Rooms) Announce(ctx context.Context, by UserID, room RoomID, text string) error {
	return errNoRooms()
}

// SetCode gives a room a fresh code, or with on false none, and returns it. Its owner and admins may.
//
// Errors: NotFound, Forbidden.
func (s *Rooms) SetCode(ctx context.Context, by UserID, room RoomID, on bool) (code string, err error) {
	return "", errNoRooms()
}

// SetHistory says from where on members may read. Its owner and admins may.
//
// Errors: Invalid, NotFound, Forbidden.
func (s *Rooms) SetHistory(ctx context.Context, by UserID, room RoomID, history History) error {
	return errNoRooms()
}

// SetRole makes a member an admin, or an admin a member. Only the owner may.
//
// Errors: Invalid, NotFound, also for a user who is not in the room, Forbidden.
func (s *Rooms) SetRole(ctx context.Context, by UserID, room RoomID, user UserID, role Role) error {
	return errNoRooms()
}

// Transfer makes another member the owner. Only the owner may, and stays as an admin.
//
// Errors: NotFound, also for a user who is not in the room, Forbidden.
func (s *Rooms) Transfer(ctx context.Context, by UserID, room RoomID, to UserID) error {
	return errNoRooms()
}

// Mute keeps a member from writing, or with user "" all but owner and admins, for a time from now on; 0 ends it. The owner
// may mute everybody else, an admin members.
//
// Errors: Invalid, NotFound, also for a user who is not in the room, Forbidden.
func (s *Rooms) Mute(ctx context.Context, by UserID, room RoomID, user UserID, length time.Duration) (until time.Time, err error) {
	return time.Time{}, errNoRooms()
}

// RoomView is a room as one of its members sees it.
type RoomView struct {
	Room    // Code is "" for those who may not know it
	Self    RoomMember
	Role    Role // hers, RoleOwner included
	Members int
}

// Info returns a room as the asker sees it.
//
// Errors: NotFound.
func (s *Rooms) Info(ctx context.Context, asker UserID, room RoomID) (RoomView, error) {
	return RoomView{}, errNoRooms()
}

// ByNumber returns the id of the room with this number.
//
// Errors: NotFound, also when the asker is not in it.
func (s *Rooms) ByNumber(ctx context.Context, asker UserID, number uint64) (RoomID, error) {
	return "", errNoRooms()
}

// List returns a user's rooms as she sees them, in the order of their ids.
func (s *Rooms) List(ctx context.Context, user UserID) ([]RoomView, error) { return nil, nil }

// Seat is a member as another one sees her.
type Seat struct {
	RoomMember
	Role    Role // RoleOwner included
	Account Account
	Online  bool // at this node, and does not block the asker
}

// Members returns the members of a room whose ids are above after, in the order of their ids, at most limit (0: MaxSeats);
// more says that there are more.
//
// Errors: Invalid, NotFound.
func (s *Rooms) Members(ctx context.Context, asker UserID, room RoomID, after UserID, limit int) (page []Seat, more bool, err error) {
	return nil, false, errNoRooms()
}

// Conversations returns the conversations of a user's rooms, and for each the number above which she may read.
func (s *Rooms) Conversations(ctx context.Context, user UserID) (convs []ConvID, floors []uint64, err error) {
	return nil, nil, nil
}

// Online is how many members of a room have a socket at this node.
func (s *Rooms) Online(room RoomID) int { return 0 }

// MayWrite tells whether a user may write in a room. It asks the engine only about a room that was not asked for lately.
//
// Errors: NotFound when there is no such room or she is not in it; Forbidden with RetryAfter while she is muted.
func (s *Rooms) MayWrite(ctx context.Context, user UserID, room RoomID) error { return errNoRooms() }

// Floor returns the number above which a user may read in a conversation, direct ones included. A nil Rooms knows those
// alone.
//
// Errors: Invalid for what is no conversation, Forbidden when she has no part in it, NotFound for a room without Rooms.
func (s *Rooms) Floor(ctx context.Context, user UserID, conv ConvID) (uint64, error) {
	if _, ok := conv.Room(); ok {
		return 0, errNoRooms()
	}
	return 0, mayEnter(user, conv)
}

// errNoRooms is the one answer to a stranger, whether the room exists or not.
func errNoRooms() error { return Errorf(NotFound, "room: no such room") }
