package chat

import (
	"context"
	"log/slog"
	"time"
)

// Room is a group of users who talk in one conversation, RoomConv(ID).
type Room struct {
	ID           RoomID
	Number       uint64 // public and unique, see MinRoomNumber
	Name         string
	Owner        UserID // a member
	Created      time.Time
	Code         string // lets whoever knows it join; unique; "" for none
	Announcement string
	AnnouncedBy  UserID
	AnnouncedAt  time.Time
	History      History
	MutedUntil   time.Time // till then only its owner and admins write
	Version      uint64    // grows with each change of the fields above
}

// RoomMember is a user in a room.
type RoomMember struct {
	Room       RoomID
	User       UserID
	Role       Role // RoleMember or RoleAdmin: that she owns the room is said by the room alone
	Joined     time.Time
	From       uint64    // the conversation's last number before she joined
	MutedUntil time.Time // till then she does not write
}

// Role says what a member may do.
type Role string

// The roles, each of which may what the one before may.
const (
	RoleMember Role = "member"
	RoleAdmin  Role = "admin"
	RoleOwner  Role = "owner"
)

// History says from where on members of a room may read.
type History string

// The histories.
const (
	HistoryJoined History = "joined" // from when they joined
	HistoryStart  History = "start"  // everything
)

// RoomStore keeps rooms and who is in them. Times are kept to the millisecond.
type RoomStore interface {
	// CreateRoom stores a new room and its members. Conflict when its id, number or code is taken: then nothing is stored.
	// Unavailable leaves open how much of it is.
	CreateRoom(ctx context.Context, r Room, members []RoomMember) error
	// Room returns the room with this id, or NotFound.
	Room(ctx context.Context, id RoomID) (Room, error)
	// RoomByNumber returns the room with this number, or NotFound.
	RoomByNumber(ctx context.Context, number uint64) (Room, error)
	// RoomByCode returns the room that this code opens, or NotFound; none is opened by "".
	RoomByCode(ctx context.Context, code string) (Room, error)
	// Rooms returns those of ids that exist, in the order of ids.
	Rooms(ctx context.Context, ids []RoomID) ([]Room, error)
	// ChangeRoom replaces a room, but for its number and birth, if its version still is was, by one with the next version.
	// Conflict when it is not, or the code is another room's; NotFound without such a room.
	ChangeRoom(ctx context.Context, r Room, was uint64) error
	// DeleteRoom forgets a room and its members. Its messages stay. A missing one is no error, and what a call that failed
	// left of its members goes with the next.
	DeleteRoom(ctx context.Context, id RoomID) error

	// PutMember stores a member who is not there yet; added is false, and nothing changes, when she is. It does not ask
	// for the room.
	PutMember(ctx context.Context, m RoomMember) (added bool, err error)
	// ChangeMember replaces role and mute of a member if they still are those of was. Conflict when they are not, NotFound
	// when she is not there.
	ChangeMember(ctx context.Context, m, was RoomMember) error
	// RemoveMember forgets a member; removed is false when she was not there.
	RemoveMember(ctx context.Context, room RoomID, user UserID) (removed bool, err error)
	// Member returns a member, or NotFound.
	Member(ctx context.Context, room RoomID, user UserID) (RoomMember, error)
	// Members returns at most limit members of a room whose ids are above after, in the order of their ids.
	Members(ctx context.Context, room RoomID, after UserID, limit int) ([]RoomMember, error)
	// Memberships lists the rooms of a user, in the order of their ids. A room that is being deleted may be among them
	// when it is gone already.
	Memberships(ctx context.Context, user UserID) ([]RoomMember, error)
	// CountMembers returns how many members each room has, in the order asked, 0 for a missing one.
	CountMembers(ctx context.Context, rooms []RoomID) ([]int, error)
}

// Bounds of rooms.
const (
	MaxMembers = 5000 // of a room
	MaxRooms   = 1000 // of a user; of several joined at once a few more may get in
	MaxInvited = 500  // users named at once
	MaxSeats   = 200  // members in one answer

	maxRoomName     = 64   // runes
	maxAnnouncement = 2000 // runes
	maxMute         = 366 * 24 * time.Hour
	codeBytes       = 12 // random bytes of a code
	maxCode         = 64 // bytes of what may be one

	// MinRoomNumber and MaxRoomNumber bound the numbers of rooms: above those of users, and what 31 bits hold, as clients of
	// UsChat keep them.
	MinRoomNumber = 1_000_000_000
	MaxRoomNumber = 1<<31 - 1
)

// RoomsConfig is what rooms stand on. Store, Messages, Accounts, Now and Log are needed.
type RoomsConfig struct {
	Store    RoomStore
	Messages MessageStore
	Accounts AccountStore
	// Say stores a message of the system in a room's conversation, and returns it when it is on its way to the members.
	// Nil stands for none.
	Say func(ctx context.Context, room RoomID, by UserID, body []byte) (Message, error)
	// Here tells which of users have a socket at this node. Nil stands for nobody.
	Here func(users []UserID) []bool
	// Blocks tells, for each pair, whether the first blocks the second. Nil stands for no.
	Blocks func(ctx context.Context, pairs [][2]UserID) ([]bool, error)
	// Befriended tells, for each owner, whether she counts friend as a friend, where nobody else may bring her into a room.
	// Nil stands for anybody may.
	Befriended func(ctx context.Context, owners []UserID, friend UserID) ([]bool, error)
	// Reload is how old what is known of a room may be, where another process changes rooms as well; 0 for any age.
	Reload time.Duration
	// Draw draws a number for a new room. Nil draws at random.
	Draw func() uint64
	Now  func() time.Time
	Log  *slog.Logger
}
