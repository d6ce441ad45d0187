package gateway

import (
	"cmp"
	"context"
	"slices"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/uschat"
)

func threadRequests() map[uint16]request {
	return map[uint16]request{
		1025: {reply: 1026, handle: rule(loadThreads)},
		1027: {reply: 1028, handle: rule(openThread)},
		1029: {reply: 1030, handle: rule(loadHistory)},
	}
}

// thread is a conversation as one of its users names it: a private one by the other's number, a group by the room's. The
// two kinds of numbers have ranges of their own, so there is no table of threads.
type thread struct {
	number uint64
	conv   chat.ConvID
	user   person      // the other one of a private thread
	room   chat.RoomID // of a group
}

// thread finds a thread of the session's user.
//
// Errors: NotFound when nobody has the number, and for a group that she is not in.
func (s *session) thread(ctx context.Context, number uint64) (thread, error) {
	if number < chat.MinRoomNumber {
		p, err := s.numbered(ctx, number)
		return thread{number: number, conv: chat.DirectConv(s.user, p.id), user: p}, err
	}
	room, err := s.door.cfg.Rooms.ByNumber(ctx, s.user, number)
	return thread{number: number, conv: chat.RoomConv(room), room: room}, err
}

type threadsRequest struct {
	After uschat.Number `json:"thread_id"` // where the last page ended
}

type threadsReply struct {
	answer
	UID     uint64      `json:"uid"`
	More    bool        `json:"load_more"`
	Next    uint64      `json:"next_last_id"`
	Threads []oneThread `json:"threads"`
}

type oneThread struct {
	ID      uint64   `json:"thread_id"`
	Type    string   `json:"type"` // private or group
	User1   uint64   `json:"user1_id,omitempty"`
	User2   uint64   `json:"user2_id,omitempty"`
	Name    string   `json:"group_name,omitempty"`
	Count   int      `json:"member_count,omitempty"`
	Members []member `json:"members,omitempty"`

	room chat.RoomID
}

// loadThreads lists the threads with numbers above the one given, as many as fit: private ones with anybody to whom or by
// whom something was written, then groups.
func loadThreads(ctx context.Context, s *session, q threadsRequest) (threadsReply, error) {
	all, err := s.threads(ctx)
	if err != nil {
		return threadsReply{}, err
	}
	reply := threadsReply{UID: s.number, Next: uint64(q.After), Threads: []oneThread{}}
	left := MaxBody - sizeOf(reply) - len("18446744073709551615")
	for _, t := range all {
		if t.ID <= uint64(q.After) {
			continue
		}
		if t.room != "" {
			t.Members, t.Count, err = s.door.members(ctx, t.room)
			if chat.CodeOf(err) == chat.NotFound { // dissolved meanwhile
				continue
			} else if err != nil {
				return threadsReply{}, err
			}
		}
		size := sizeOf(t)
		if size > left {
			reply.More = true
			break
		}
		reply.Threads, reply.Next, left = append(reply.Threads, t), t.ID, left-size
	}
	return reply, nil
}

// threads returns all threads of the session's user in the order of their numbers, groups without members.
func (s *session) threads(ctx context.Context) ([]oneThread, error) {
	convs, err := s.door.cfg.Conversations.Conversations(ctx, s.user)
	if err != nil {
		return nil, err
	}
	others := make([]chat.UserID, 0, len(convs))
	for _, conv := range convs {
		if other, ok := conv.Other(s.user); ok {
			others = append(others, other)
		}
	}
	people, err := s.door.persons(ctx, others)
	if err != nil {
		return nil, err
	}
	rooms, err := s.door.cfg.Rooms.List(ctx, s.user)
	if err != nil {
		return nil, err
	}
	all := make([]oneThread, 0, len(people)+len(rooms))
	for _, p := range people {
		if p.number != 0 { // one who erased her account has no number any more
			all = append(all, oneThread{
				ID: p.number, Type: "private", User1: min(s.number, p.number), User2: max(s.number, p.number),
			})
		}
	}
	for _, r := range rooms {
		all = append(all, oneThread{ID: r.Number, Type: "group", Name: r.Name, room: r.ID})
	}
	slices.SortFunc(all, func(a, b oneThread) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

type openRequest struct {
	Other uschat.Number `json:"other_id"`
}

type openReply struct {
	answer
	UID    uint64 `json:"uid"`
	Other  uint64 `json:"other_id"`
	Thread uint64 `json:"thread_id"`
}

// openThread names the private thread with a user: there is nothing to create.
func openThread(ctx context.Context, s *session, q openRequest) (openReply, error) {
	p, err := s.numbered(ctx, uint64(q.Other))
	return openReply{UID: s.number, Other: p.number, Thread: p.number}, err
}

type historyRequest struct {
	Thread uschat.Number `json:"thread_id"`
	After  uschat.Number `json:"message_id"` // the last that the client has
}

type historyReply struct {
	answer
	Thread uint64     `json:"thread_id"`
	Last   uint64     `json:"last_message_id"`
	More   bool       `json:"load_more"`
	Chats  []pastText `json:"chat_datas"`
}

type pastText struct {
	Sender   uint64 `json:"sender"`
	ID       uint64 `json:"msg_id"`
	Thread   uint64 `json:"thread_id"`
	Unique   int    `json:"unique_id"` // 0, as UsChat has it
	Content  string `json:"msg_content"`
	Time     string `json:"chat_time"`
	Status   int    `json:"status"`
	Type     int    `json:"msg_type"` // 0: text
	Receiver uint64 `json:"receiver"`
}

// loadHistory returns the messages behind the last one that the client has, oldest first, as many as fit.
func loadHistory(ctx context.Context, s *session, q historyRequest) (historyReply, error) {
	t, err := s.thread(ctx, uint64(q.Thread))
	if err != nil {
		return historyReply{}, err
	}
	page, more, err := s.door.cfg.Messages.Since(ctx, s.user, t.conv, uint64(q.After), 0)
	if err != nil {
		return historyReply{}, err
	}
	reply := historyReply{Thread: t.number, Last: uint64(q.After), More: more, Chats: []pastText{}}
	left := MaxBody - sizeOf(reply) - len("18446744073709551615")
	for i := range page {
		m := &page[i]
		if m.State == chat.Expired { // a number whose message is gone
			reply.Last = m.Seq
			continue
		}
		one, err := s.past(ctx, t, m)
		if err != nil {
			return historyReply{}, err
		}
		size := sizeOf(one)
		if size > left {
			reply.More = true
			break
		}
		reply.Chats, reply.Last, left = append(reply.Chats, one), m.Seq, left-size
	}
	return reply, nil
}

// past is a message as history has it.
func (s *session) past(ctx context.Context, t thread, m *chat.Message) (pastText, error) {
	sender, err := s.door.person(ctx, m.Sender)
	if err != nil {
		return pastText{}, err
	}
	content, err := s.door.readable(ctx, m)
	one := pastText{Sender: sender.number, ID: m.Seq, Thread: t.number, Content: content, Time: timeText(m.At), Status: statusSent}
	switch {
	case t.room != "":
	case m.Sender == s.user:
		one.Receiver = t.number
	default:
		one.Receiver = s.number
	}
	return one, err
}
