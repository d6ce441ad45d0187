package realtime

import (
	"encoding/json"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime/engineio"
	"github.com/parley-chat/parley/realtime/socketio"
)

// roomChanged is the event `room:changed`. That a room has another code, not which, is all that it says of codes: not
// everyone who hears it may know.
type roomChanged struct {
	Room         chat.RoomID   `json:"room"`
	Conv         chat.ConvID   `json:"conv"`
	What         chat.RoomWhat `json:"what"`
	By           chat.UserID   `json:"by"`
	Users        []chat.UserID `json:"users,omitempty"`
	Name         string        `json:"name"`
	Role         chat.Role     `json:"role,omitempty"`
	Until        int64         `json:"until,omitempty"`
	Announcement *string       `json:"announcement,omitempty"`
	History      chat.History  `json:"history,omitempty"`
	Seq          uint64        `json:"seq,omitempty"`
	At           int64         `json:"at"`
}

func newRoomChanged(c *chat.RoomChange) roomChanged {
	w := roomChanged{
		Room: c.Room.ID, Conv: chat.RoomConv(c.Room.ID), What: c.What, By: c.By, Users: c.Users, Name: c.Room.Name, Role: c.Role,
		Seq: c.Seq, At: c.At.UnixMilli(),
	}
	switch c.What {
	case chat.RoomMuted:
		w.Until = untilAfter(c.Until, time.Time{})
	case chat.RoomAnnounced:
		w.Announcement = &c.Room.Announcement
	case chat.RoomHistory:
		w.History = c.Room.History
	}
	return w
}

// RoomChanged implements chat.RoomAudience: it tells those who are here, members and those who left by it.
func (d *Server) RoomChanged(c *chat.RoomChange) {
	d.comeAndGo(c)
	var frame *engineio.Frame
	dirty := d.takeBatch()
	for _, user := range c.Hearers {
		for _, s := range d.hub.Of(user) {
			if frame == nil {
				payload, _ := json.Marshal(newRoomChanged(c)) // numbers and strings always marshal
				frame = socketio.EventFrame("/", "room:changed", payload)
			}
			if s.tell(frame) {
				*dirty = append(*dirty, s.conn)
			}
		}
	}
	d.flush(dirty)
}

// comeAndGo has sessions hear a room that their users came into, and no more of one that they are out of. It comes before
// what they are told: behind that, they hear nothing.
func (d *Server) comeAndGo(c *chat.RoomChange) {
	users, change := c.Users, d.joinedRoom
	switch c.What {
	case chat.RoomCreated:
		d.joinedRoom(c.By, c.Room.ID)
	case chat.RoomInvited:
	case chat.RoomJoined:
		users = []chat.UserID{c.By}
	case chat.RoomLeft:
		users, change = []chat.UserID{c.By}, d.leftRoom
	case chat.RoomKicked:
		change = d.leftRoom
	case chat.RoomDissolved:
		users, change = c.Hearers, d.leftRoom
	default:
		return
	}
	for _, user := range users {
		change(user, c.Room.ID)
	}
}
