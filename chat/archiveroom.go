package chat

import "unicode/utf8"

type roomLine struct {
	ID           RoomID  `json:"id"`
	Number       uint64  `json:"number"`
	Name         string  `json:"name"`
	Owner        UserID  `json:"owner"`
	Created      millis  `json:"created,omitempty"`
	Code         string  `json:"code,omitempty"`
	Announcement string  `json:"announcement,omitempty"`
	AnnouncedBy  UserID  `json:"announcedBy,omitempty"`
	AnnouncedAt  millis  `json:"announcedAt,omitempty"`
	History      History `json:"history"`
	MutedUntil   millis  `json:"mutedUntil,omitempty"`
	Version      uint64  `json:"version"`
}

func lineOfRoom(r *Room) archiveLine {
	return archiveLine{Room: &roomLine{
		r.ID, r.Number, r.Name, r.Owner, millisOf(r.Created), r.Code, r.Announcement, r.AnnouncedBy, millisOf(r.AnnouncedAt),
		r.History, millisOf(r.MutedUntil), r.Version,
	}}
}

func (l *roomLine) room() Room {
	return Room{
		ID: l.ID, Number: l.Number, Name: l.Name, Owner: l.Owner, Created: l.Created.time(), Code: l.Code,
		Announcement: l.Announcement, AnnouncedBy: l.AnnouncedBy, AnnouncedAt: l.AnnouncedAt.time(), History: l.History,
		MutedUntil: l.MutedUntil.time(), Version: l.Version,
	}
}

// SameRoom tells whether two rooms are the same, whatever became of them since.
func SameRoom(a, b *Room) bool {
	return a.ID == b.ID && a.Number == b.Number && millisOf(a.Created) == millisOf(b.Created)
}

func (r *Room) check() error {
	if !r.ID.Valid() || !r.Owner.Valid() || r.Number == 0 || r.Number > MaxRoomNumber || r.Version > maxSeq || r.History.check() != nil ||
		len(r.Name) > maxRoomName*utf8.UTFMax || len(r.Code) > maxCode || len(r.Announcement) > maxAnnouncement*utf8.UTFMax ||
		r.AnnouncedBy != "" && !r.AnnouncedBy.Valid() {
		return Errorf(Invalid, "room: no room or user, or a field is out of bounds")
	}
	return nil
}

type memberLine struct {
	Room       RoomID `json:"room"`
	User       UserID `json:"user"`
	Role       Role   `json:"role"`
	Joined     millis `json:"joined,omitempty"`
	From       uint64 `json:"from,omitempty"`
	MutedUntil millis `json:"mutedUntil,omitempty"`
}

func lineOfMember(m *RoomMember) archiveLine {
	return archiveLine{Member: &memberLine{m.Room, m.User, m.Role, millisOf(m.Joined), m.From, millisOf(m.MutedUntil)}}
}

func (l *memberLine) member() RoomMember {
	return RoomMember{
		Room: l.Room, User: l.User, Role: l.Role, Joined: l.Joined.time(), From: l.From, MutedUntil: l.MutedUntil.time(),
	}
}

func (m *RoomMember) check() error {
	if !m.Room.Valid() || !m.User.Valid() || m.From > maxSeq || m.Role != RoleMember && m.Role != RoleAdmin {
		return Errorf(Invalid, "member: no room, user, role or number")
	}
	return nil
}
