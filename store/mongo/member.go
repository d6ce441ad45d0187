package mongo

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// memberDoc is a document of members; its _id is "room/user".
type memberDoc struct {
	ID         string      `bson:"_id"`
	Room       chat.RoomID `bson:"room"`
	User       chat.UserID `bson:"user"`
	Role       chat.Role   `bson:"role"`
	Joined     time.Time   `bson:"joined"`
	From       int64       `bson:"from"`
	MutedUntil time.Time   `bson:"mutedUntil"`
}

func memberID(room chat.RoomID, user chat.UserID) string { return string(room) + "/" + string(user) }

func newMemberDoc(m *chat.RoomMember) memberDoc {
	return memberDoc{ID: memberID(m.Room, m.User), Room: m.Room, User: m.User, Role: m.Role, Joined: m.Joined,
		From: int64(m.From), MutedUntil: m.MutedUntil}
}

func (d *memberDoc) member() chat.RoomMember {
	return chat.RoomMember{Room: d.Room, User: d.User, Role: d.Role, Joined: d.Joined, From: uint64(d.From), MutedUntil: d.MutedUntil}
}

func membersOf(docs []memberDoc) []chat.RoomMember {
	members := make([]chat.RoomMember, len(docs))
	for i := range docs {
		members[i] = docs[i].member()
	}
	return members
}

func noSuchMember() error { return chat.Errorf(chat.NotFound, "no such member") }

// PutMember stores a member who is not there yet: see chat.RoomStore. The insert decides.
func (s *Store) PutMember(ctx context.Context, m chat.RoomMember) (added bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	if !m.Room.Valid() || !m.User.Valid() {
		return false, chat.Errorf(chat.Invalid, "not a room and a user id")
	}
	_, err = s.members.InsertOne(ctx, newMemberDoc(&m))
	if duplicate(err) {
		return false, nil
	}
	return err == nil, failure(err)
}

// ChangeMember replaces role and mute of a member if they still are those of was: see chat.RoomStore, and stripe for
// FerretDB.
func (s *Store) ChangeMember(ctx context.Context, m, was chat.RoomMember) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	lock := s.stripe(string(m.Room))
	lock.Lock()
	defer lock.Unlock()
	as := func(m *chat.RoomMember) bson.D {
		return bson.D{{Key: "role", Value: m.Role}, {Key: "mutedUntil", Value: m.MutedUntil}}
	}
	result, err := s.members.UpdateOne(ctx, append(byID(memberID(m.Room, m.User)), as(&was)...), set(as(&m)))
	if err != nil || result.MatchedCount > 0 {
		return failure(err)
	}
	if _, err := s.Member(ctx, m.Room, m.User); err != nil {
		return err
	}
	return chat.Errorf(chat.Conflict, "the member was changed meanwhile")
}

// RemoveMember forgets a member; removed is false when she was not there.
func (s *Store) RemoveMember(ctx context.Context, room chat.RoomID, user chat.UserID) (removed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	result, err := s.members.DeleteOne(ctx, byID(memberID(room, user)))
	if err != nil {
		return false, failure(err)
	}
	return result.DeletedCount > 0, nil
}

// Member returns a member, or NotFound.
func (s *Store) Member(ctx context.Context, room chat.RoomID, user chat.UserID) (chat.RoomMember, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var d memberDoc
	err := s.members.FindOne(ctx, byID(memberID(room, user))).Decode(&d)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return chat.RoomMember{}, noSuchMember()
	}
	return d.member(), failure(err)
}

// Members returns members of a room above after, in the order of their ids.
func (s *Store) Members(ctx context.Context, room chat.RoomID, after chat.UserID, limit int) ([]chat.RoomMember, error) {
	if limit <= 0 {
		return nil, nil // MongoDB takes 0 for no limit
	}
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var docs []memberDoc
	err := find(ctx, s.members, between(memberID(room, after), string(room)+"0"), &docs,
		options.Find().SetSort(byID(1)).SetLimit(int64(limit)).SetBatchSize(int32(min(limit, 1<<16)+1)))
	return membersOf(docs), err
}

// Memberships lists the rooms of a user, in the order of their ids.
func (s *Store) Memberships(ctx context.Context, user chat.UserID) ([]chat.RoomMember, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var docs []memberDoc
	if err := find(ctx, s.members, bson.D{{Key: "user", Value: user}}, &docs); err != nil {
		return nil, err
	}
	// Sorted here: the index is of users alone.
	slices.SortFunc(docs, func(a, b memberDoc) int { return strings.Compare(a.ID, b.ID) })
	return membersOf(docs), nil
}

// CountMembers returns how many members each room has. It is a count each, over the index of _id alone.
func (s *Store) CountMembers(ctx context.Context, rooms []chat.RoomID) ([]int, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	return ofEach(ctx, rooms, func(ctx context.Context, room chat.RoomID) (int, error) {
		n, err := s.members.CountDocuments(ctx, under(string(room)))
		return int(n), failure(err)
	})
}
