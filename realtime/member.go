package realtime

import (
	"context"

	"github.com/parley-chat/parley/chat"
)

// What a session knows of the rooms of its user. At login it is told of each room from which number it goes on, and from
// then on every number has to follow the last one: what does not is fetched, with what is missing before it. Of a room
// that its user comes into later it learns by the first message of it, or by joinedRoom: there it goes on from where she
// came in. A room without a track is one that the session hears nothing of. So one that she is put out of is silent from
// the moment at which its track is dropped, also for a message that is just being delivered, and for a replay.

// meet makes sure that a session knows the room of a message; false says that its user is not in it.
func (s *Server) meet(of *session, user chat.UserID, m *chat.Message) bool {
	for {
		known, parted := of.knows(m.Conv)
		if known {
			return true
		}
		from, in := s.joinedAt(m.Room, user)
		if !in {
			return false
		}
		if of.enterRoom(m.Conv, user, from, parted) {
			return true
		}
	}
}

// joinedAt returns the number above which a room is news to a member; ok is false for whoever is none.
func (s *Server) joinedAt(room chat.RoomID, user chat.UserID) (from uint64, ok bool) {
	ctx, cancel := context.WithTimeout(context.Background(), rosterWait)
	defer cancel()
	from, err := s.cfg.Rooms.From(ctx, user, room)
	if err != nil && chat.CodeOf(err) != chat.NotFound {
		s.cfg.Log.Warn("a member is not told something", "room", room, "user", user, "error", err)
	}
	return from, err == nil
}

// knows tells whether a session hears of a conversation, and how often its user was put out of rooms before.
func (s *session) knows(conv chat.ConvID) (known bool, parted int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.convs[conv] != nil, s.parted
}

// enterRoom has a session hear of a room from behind a number; false when its user was put out of a room meanwhile.
func (s *session) enterRoom(conv chat.ConvID, user chat.UserID, from uint64, parted int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.parted != parted:
		return false
	case s.user == user && s.convs[conv] == nil && (s.phase == live || s.phase == replaying):
		s.goOn(conv, from)
	}
	return true
}

// goOn notes that the next message of a room's conversation is the one behind a number. The caller holds s.mu.
func (s *session) goOn(conv chat.ConvID, from uint64) {
	t := s.track(conv)
	t.sent, t.exact = from, true
}

// joinedRoom has a user's sessions hear of a room that she has come into. It is called when the room's roster has her.
// Mostly they have met it already, by the message that says so.
func (s *Server) joinedRoom(user chat.UserID, room chat.RoomID) {
	conv := chat.RoomConv(room)
	for _, session := range s.hub.Of(user) {
		known, parted := session.knows(conv)
		if known {
			continue
		}
		if from, in := s.joinedAt(room, user); in && session.enterRoom(conv, user, from, parted) {
			session.catchUp(conv)
		}
	}
}

// catchUp fetches what a room holds past what the session was sent of it.
func (s *session) catchUp(conv chat.ConvID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.convs[conv]
	switch {
	case t == nil:
	case s.phase == live:
		s.replay(map[chat.ConvID]uint64{conv: t.sent})
	case s.phase == replaying:
		s.missAbove(conv, t.sent)
	}
}

// leftRoom has a user's sessions hear nothing more of a room that she is no longer in. It is called when the room's roster is
// without her.
func (s *Server) leftRoom(user chat.UserID, room chat.RoomID) {
	conv := chat.RoomConv(room)
	for _, session := range s.hub.Of(user) {
		session.hearNoMore(conv)
	}
}

func (s *session) hearNoMore(conv chat.ConvID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parted++
	if s.phase == replaying { // a login may be about to say from where it goes on
		if s.convs == nil {
			s.convs = make(map[chat.ConvID]*track)
		}
		s.convs[conv] = nil
	} else {
		delete(s.convs, conv)
	}
	delete(s.missed, conv)
	delete(s.changes, conv)
}
