package realtime

import (
	"context"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime/socketio"
)

func roomEvents() map[string]event {
	return map[string]event{
		"room:create":   {known, rule(createRoom)},
		"room:invite":   {known, rule(inviteToRoom)},
		"room:join":     {known, rule(joinRoom)},
		"room:leave":    {known, rule(leaveRoom)},
		"room:kick":     {known, rule(kickFromRoom)},
		"room:rename":   {known, rule(renameRoom)},
		"room:role":     {known, rule(setRole)},
		"room:mute":     {known, rule(muteRoom)},
		"room:announce": {known, rule(announceInRoom)},
		"room:code":     {known, rule(setRoomCode)},
		"room:history":  {known, rule(setRoomHistory)},
		"room:dissolve": {known, rule(dissolveRoom)},
		"room:info":     {known, rule(roomInfo)},
		"room:members":  {known, rule(roomMembers)},
		"room:list":     {known, (*session).listRooms},
	}
}

// roomState is a room as one of its members sees it. Times are milliseconds since 1970, left out where there is none.
type roomState struct {
	Room     chat.RoomID  `json:"room"`
	Conv     chat.ConvID  `json:"conv"`
	Number   uint64       `json:"number"`
	Name     string       `json:"name"`
	Owner    chat.UserID  `json:"owner"`
	Role     chat.Role    `json:"role"` // the asker's
	Members  int          `json:"members"`
	Created  int64        `json:"created"`
	Joined   int64        `json:"joined"`
	History  chat.History `json:"history"`
	Code     string       `json:"code,omitempty"` // for the owner and admins
	Muted    int64        `json:"muted,omitempty"`
	MutedAll int64        `json:"mutedAll,omitempty"` // all but the owner and admins

	Announcement string      `json:"announcement,omitempty"`
	AnnouncedBy  chat.UserID `json:"announcedBy,omitempty"`
	AnnouncedAt  int64       `json:"announcedAt,omitempty"`
}

func (d *Server) roomState(v *chat.RoomView) roomState {
	now := d.cfg.Now()
	r := roomState{
		Room: v.Room.ID, Conv: chat.RoomConv(v.Room.ID), Number: v.Number, Name: v.Name, Owner: v.Owner, Role: v.Role,
		Members: v.Members, Created: v.Created.UnixMilli(), Joined: v.Self.Joined.UnixMilli(), History: v.History, Code: v.Code,
		Muted: untilAfter(v.Self.MutedUntil, now), MutedAll: untilAfter(v.Room.MutedUntil, now),
	}
	if v.Announcement != "" {
		r.Announcement, r.AnnouncedBy, r.AnnouncedAt = v.Announcement, v.AnnouncedBy, v.AnnouncedAt.UnixMilli()
	}
	return r
}

// untilAfter is the time at which something ends, 0 when that is over.
func untilAfter(end, now time.Time) int64 {
	if !end.After(now) {
		return 0
	}
	return end.UnixMilli()
}

// roomRequest is what nearly every event about a room begins with.
type roomRequest struct {
	Room chat.RoomID `json:"room"`
}

// nothing is a reply that says no more than ok.
type nothing struct{}

type createRequest struct {
	Name    string        `json:"name"`
	Members []chat.UserID `json:"members"`
	History chat.History  `json:"history"`
}

type createReply struct {
	roomState
	Added []chat.UserID `json:"added"`
}

func createRoom(ctx context.Context, s *session, r createRequest) (createReply, error) {
	room, added, err := s.door.cfg.Rooms.Create(ctx, s.userID(), r.Name, r.Members, r.History)
	if err != nil {
		return createReply{}, err
	}
	view := chat.RoomView{
		Room: room, Self: chat.RoomMember{Joined: room.Created}, Role: chat.RoleOwner, Members: 1 + len(added),
	}
	return createReply{s.door.roomState(&view), list(added)}, nil
}

// list is never null on the wire.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

type usersRequest struct {
	roomRequest
	Users []chat.UserID `json:"users"`
	User  chat.UserID   `json:"user"` // one of them, where there is one
}

func (r *usersRequest) all() []chat.UserID {
	if r.User == "" {
		return r.Users
	}
	return append(r.Users, r.User)
}

type addedReply struct {
	Added []chat.UserID `json:"added"`
}

func inviteToRoom(ctx context.Context, s *session, r usersRequest) (addedReply, error) {
	added, err := s.door.cfg.Rooms.Invite(ctx, s.userID(), r.Room, r.all())
	return addedReply{list(added)}, err
}

type kickedReply struct {
	Kicked []chat.UserID `json:"kicked"`
}

func kickFromRoom(ctx context.Context, s *session, r usersRequest) (kickedReply, error) {
	kicked, err := s.door.cfg.Rooms.Kick(ctx, s.userID(), r.Room, r.all())
	return kickedReply{list(kicked)}, err
}

type joinRequest struct {
	Code   string `json:"code"`
	Number uint64 `json:"number"` // 0 for any
}

func joinRoom(ctx context.Context, s *session, r joinRequest) (infoReply, error) {
	room, err := s.door.cfg.Rooms.Join(ctx, s.userID(), r.Number, r.Code)
	if err != nil {
		return infoReply{}, err
	}
	return roomInfo(ctx, s, roomRequest{room.ID})
}

func leaveRoom(ctx context.Context, s *session, r roomRequest) (nothing, error) {
	return nothing{}, s.door.cfg.Rooms.Leave(ctx, s.userID(), r.Room)
}

func dissolveRoom(ctx context.Context, s *session, r roomRequest) (nothing, error) {
	return nothing{}, s.door.cfg.Rooms.Dissolve(ctx, s.userID(), r.Room)
}

type renameRequest struct {
	roomRequest
	Name string `json:"name"`
}

func renameRoom(ctx context.Context, s *session, r renameRequest) (nothing, error) {
	return nothing{}, s.door.cfg.Rooms.Rename(ctx, s.userID(), r.Room, r.Name)
}

type announceRequest struct {
	roomRequest
	Text string `json:"text"`
}

func announceInRoom(ctx context.Context, s *session, r announceRequest) (nothing, error) {
	return nothing{}, s.door.cfg.Rooms.Announce(ctx, s.userID(), r.Room, r.Text)
}

type roleRequest struct {
	roomRequest
	User chat.UserID `json:"user"`
	Role chat.Role   `json:"role"`
}

// setRole makes somebody a member or an admin, or hands the room over to her.
func setRole(ctx context.Context, s *session, r roleRequest) (nothing, error) {
	if r.Role == chat.RoleOwner {
		return nothing{}, s.door.cfg.Rooms.Transfer(ctx, s.userID(), r.Room, r.User)
	}
	return nothing{}, s.door.cfg.Rooms.SetRole(ctx, s.userID(), r.Room, r.User, r.Role)
}

type muteRequest struct {
	roomRequest
	User chat.UserID `json:"user"`
	All  bool        `json:"all"`
	For  int64       `json:"for"` // seconds; 0 ends it
}

type muteReply struct {
	Until int64 `json:"until"` // 0 when it has ended
}

// maxMuteSeconds keeps what a client sends within a time.Duration. What is allowed, the rule says.
const maxMuteSeconds = 1 << 32

func muteRoom(ctx context.Context, s *session, r muteRequest) (muteReply, error) {
	if r.For < 0 || r.For > maxMuteSeconds {
		return muteReply{}, chat.Errorf(chat.Invalid, "for: seconds, up to a year")
	}
	if r.All == (r.User != "") {
		return muteReply{}, chat.Errorf(chat.Invalid, "user, or all: true")
	}
	until, err := s.door.cfg.Rooms.Mute(ctx, s.userID(), r.Room, r.User, time.Duration(r.For)*time.Second)
	return muteReply{untilAfter(until, s.door.cfg.Now())}, err
}

type onRequest struct {
	roomRequest
	On bool `json:"on"`
}

type codeReply struct {
	Code string `json:"code,omitempty"`
}

func setRoomCode(ctx context.Context, s *session, r onRequest) (codeReply, error) {
	code, err := s.door.cfg.Rooms.SetCode(ctx, s.userID(), r.Room, r.On)
	return codeReply{code}, err
}

type historyRequest struct {
	roomRequest
	From chat.History `json:"from"`
}

func setRoomHistory(ctx context.Context, s *session, r historyRequest) (nothing, error) {
	return nothing{}, s.door.cfg.Rooms.SetHistory(ctx, s.userID(), r.Room, r.From)
}

type infoReply struct {
	roomState
	Online int `json:"online"`
}

func roomInfo(ctx context.Context, s *session, r roomRequest) (infoReply, error) {
	view, err := s.door.cfg.Rooms.Info(ctx, s.userID(), r.Room)
	if err != nil {
		return infoReply{}, err
	}
	return infoReply{s.door.roomState(&view), s.door.cfg.Rooms.Online(r.Room)}, nil
}

// listRooms takes no argument, or any. Announcements are not in the answer, but when they were made: a thousand of them might
// not fit into what may wait for a client.
func (s *session) listRooms(e *socketio.Event) {
	ctx, cancel := context.WithTimeout(context.Background(), eventTime)
	defer cancel()
	views, err := s.door.cfg.Rooms.List(ctx, s.userID())
	if err != nil {
		s.refuse(answerOf(e), err)
		return
	}
	reply := struct {
		Rooms []roomState `json:"rooms"`
	}{make([]roomState, len(views))}
	for i := range views {
		reply.Rooms[i] = s.door.roomState(&views[i])
		reply.Rooms[i].Announcement = ""
	}
	s.answer(answerOf(e), reply)
}

type membersRequest struct {
	roomRequest
	After chat.UserID `json:"after"` // next of a former answer
	Limit int         `json:"limit"`
}

// seat is one member of a room.
type seat struct {
	User     chat.UserID `json:"user"`
	Name     string      `json:"name"`
	Nickname string      `json:"nickname,omitempty"`
	Img      string      `json:"img"`
	Role     chat.Role   `json:"role"`
	Joined   int64       `json:"joined"`
	Muted    int64       `json:"muted,omitempty"`
	Online   bool        `json:"online"`
}

type membersReply struct {
	Members []seat      `json:"members"`
	More    bool        `json:"more"`
	Next    chat.UserID `json:"next,omitempty"`
}

func roomMembers(ctx context.Context, s *session, r membersRequest) (membersReply, error) {
	seats, more, err := s.door.cfg.Rooms.Members(ctx, s.userID(), r.Room, r.After, r.Limit)
	if err != nil {
		return membersReply{}, err
	}
	now := s.door.cfg.Now()
	reply := membersReply{Members: make([]seat, len(seats)), More: more}
	for i := range seats {
		m := &seats[i]
		reply.Members[i] = seat{
			User: m.User, Name: m.Account.Username, Nickname: m.Account.Nickname, Img: s.door.picture(m.Account.Picture), Role: m.Role,
			Joined: m.Joined.UnixMilli(), Muted: untilAfter(m.MutedUntil, now), Online: m.Online,
		}
	}
	if more {
		reply.Next = seats[len(seats)-1].User
	}
	return reply, nil
}
