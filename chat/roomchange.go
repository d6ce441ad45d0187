package chat

import "time"

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
	RoomRecoded   RoomWhat = "code"      // Room.Code is another one, or none
	RoomHistory   RoomWhat = "history"   // see Room.History
	RoomDissolved RoomWhat = "dissolved" // there is no such room any more
)

// RoomChange says what happened to a room.
type RoomChange struct {
	Room    Room // as it is now. Its Code is for its owner and admins alone
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
