package gateway

import (
	"cmp"
	"context"
	"slices"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/uschat"
)

// idGroup is the notice of a group that someone is in from now on.
const idGroup uint16 = 1120

func groupRequests() map[uint16]request {
	return map[uint16]request{1101: {reply: 1102, handle: rule(createGroup)}}
}

// createRequest names its maker in the body (uid), which is not read. UsChat's client gives no name.
type createRequest struct {
	Others []uschat.Number `json:"other_member"`
	Name   uschat.Text     `json:"group_name"`
}

// groupReply is a group as its members see it.
type groupReply struct {
	answer
	Thread  uint64   `json:"thread_id"`
	Name    string   `json:"group_name"`
	Count   int      `json:"member_count"`
	Members []member `json:"members"`
	To      uint64   `json:"touid,omitempty"` // in the notice
}

// member is one in a group. Lists of members show some of a large group's; the count is of all.
type member struct {
	UID       uint64 `json:"uid"`
	Name      string `json:"name"`
	Role      int    `json:"role"`
	MuteUntil string `json:"mute_until"`
	Nick      string `json:"group_nick"`
}

// The roles of UsChat.
func roleNumber(r chat.Role) int {
	switch r {
	case chat.RoleOwner:
		return 2
	case chat.RoleAdmin:
		return 1
	default:
		return 0
	}
}

// createGroup makes a room. Numbers that are nobody's are passed over; who blocks its maker is not in it.
func createGroup(ctx context.Context, s *session, q createRequest) (groupReply, error) {
	if len(q.Others) > chat.MaxInvited {
		return groupReply{}, chat.Errorf(chat.Invalid, "other_member: at most %d", chat.MaxInvited)
	}
	me, err := s.door.person(ctx, s.user)
	if err != nil {
		return groupReply{}, err
	}
	var others []chat.UserID
	for _, number := range q.Others {
		p, err := s.numbered(ctx, uint64(number))
		switch {
		case chat.CodeOf(err) == chat.NotFound:
		case err != nil:
			return groupReply{}, err
		default:
			others = append(others, p.id)
		}
	}
	name := cmp.Or(string(q.Name), groupName(me.name))
	s.creating.Store(true)
	room, _, err := s.door.cfg.Rooms.Create(ctx, s.user, name, others, "")
	s.creating.Store(false)
	if err != nil {
		return groupReply{}, err
	}
	return s.door.group(ctx, room)
}

// groupName is what UsChat calls a group by its maker, within the bound of names.
func groupName(maker string) string {
	name := []rune(maker)
	return string(name[:min(len(name), 50)]) + "创建的群"
}

func (d *Server) group(ctx context.Context, room chat.Room) (groupReply, error) {
	members, count, err := d.members(ctx, room.ID)
	return groupReply{Thread: room.Number, Name: room.Name, Count: count, Members: members}, err
}

// Of a group at most so many members are listed, and in so many bytes that two groups fit into one frame.
const (
	shownMembers = 64
	shownSize    = 7 << 10
)

// members lists members of a room, its owner first, and says how many there are.
func (d *Server) members(ctx context.Context, room chat.RoomID) (shown []member, count int, err error) {
	roster, err := d.cfg.Rooms.Roster(ctx, room)
	if err != nil {
		return nil, 0, err
	}
	owner := roster.Room().Owner
	ids := []chat.UserID{owner}
	for _, id := range roster.Users() {
		if id != owner && len(ids) < shownMembers {
			ids = append(ids, id)
		}
	}
	people, err := d.persons(ctx, ids)
	if err != nil {
		return nil, 0, err
	}
	now, left := d.cfg.Now(), shownSize
	for _, p := range people {
		m := member{UID: p.number, Name: p.name, Role: roleNumber(roster.Role(p.id)), Nick: p.name}
		if seat, _ := roster.Member(p.id); seat.MutedUntil.After(now) {
			m.MuteUntil = timeText(seat.MutedUntil)
		}
		if left -= sizeOf(m); left < 0 {
			break
		}
		shown = append(shown, m)
	}
	return shown, len(roster.Users()), nil
}

// RoomChanged implements chat.RoomAudience: who came into a room hears of it. All else is told by the room's own messages.
func (d *Server) RoomChanged(c *chat.RoomChange) {
	came := c.Users
	switch c.What {
	case chat.RoomCreated:
		came = append(slices.Clip(came), c.By) // who made it here is answered with it
	case chat.RoomInvited:
	case chat.RoomJoined:
		came = []chat.UserID{c.By}
	default:
		return
	}
	var reply *groupReply
	for _, user := range came {
		for _, s := range d.hub.Of(user) {
			if !s.isLive() || s.creating.Load() && user == c.By && c.What == chat.RoomCreated {
				continue
			}
			if reply == nil {
				ctx, cancel := context.WithTimeout(context.Background(), lookTime)
				defer cancel()
				g, err := d.group(ctx, c.Room)
				if err != nil {
					d.cfg.Log.Warn("a group was not told, and shows at the next login", "error", err)
					return
				}
				reply = &g
			}
			reply.To = s.number
			s.send(encode(idGroup, *reply))
		}
	}
}
