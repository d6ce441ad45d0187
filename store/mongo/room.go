package mongo

import (
	"context"
	"errors"
	"time"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
)

// roomDoc is a document of rooms.
type roomDoc struct {
	ID           chat.RoomID  `bson:"_id"`
	Number       int64        `bson:"number"`
	Name         string       `bson:"name"`
	Owner        chat.UserID  `bson:"owner"`
	Created      time.Time    `bson:"created"`
	Code         string       `bson:"code,omitempty"` // what is not there is in no unique index
	Announcement string       `bson:"announcement"`
	AnnouncedBy  chat.UserID  `bson:"announcedBy"`
	AnnouncedAt  time.Time    `bson:"announcedAt"`
	History      chat.History `bson:"history"`
	MutedUntil   time.Time    `bson:"mutedUntil"`
	Version      int64        `bson:"version"`
}

func newRoomDoc(r *chat.Room) roomDoc {
	return roomDoc{
		ID: r.ID, Number: int64(r.Number), Name: r.Name, Owner: r.Owner, Created: r.Created, Code: r.Code,
		Announcement: r.Announcement, AnnouncedBy: r.AnnouncedBy, AnnouncedAt: r.AnnouncedAt, History: r.History,
		MutedUntil: r.MutedUntil, Version: int64(r.Version),
	}
}

func (d *roomDoc) room() chat.Room {
	return chat.Room{
		ID: d.ID, Number: uint64(d.Number), Name: d.Name, Owner: d.Owner, Created: d.Created, Code: d.Code,
		Announcement: d.Announcement, AnnouncedBy: d.AnnouncedBy, AnnouncedAt: d.AnnouncedAt, History: d.History,
		MutedUntil: d.MutedUntil, Version: uint64(d.Version),
	}
}

func noSuchRoom() error { return chat.Errorf(chat.NotFound, "no such room") }

// CreateRoom stores a new room and its members: see chat.RoomStore. The room comes first, so that members without one are
// always what a deletion left.
func (s *Store) CreateRoom(ctx context.Context, r chat.Room, members []chat.RoomMember) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	if !r.ID.Valid() {
		return chat.Errorf(chat.Invalid, "not a room id")
	}
	docs := make([]memberDoc, len(members))
	for i := range members {
		if !members[i].Room.Valid() || !members[i].User.Valid() {
			return chat.Errorf(chat.Invalid, "not a room and a user id")
		}
		docs[i] = newMemberDoc(&members[i])
	}
	_, err := s.rooms.InsertOne(ctx, newRoomDoc(&r))
	if duplicate(err) {
		return chat.Wrap(chat.Conflict, "the room, its number or its code is taken", err)
	}
	if err != nil {
		return failure(err)
	}
	_, err = insertNew(ctx, s, s.members, docs, func(d *memberDoc) any { return d.ID }, keep)
	return failure(err)
}

// Room returns the room with this id, or NotFound.
func (s *Store) Room(ctx context.Context, id chat.RoomID) (chat.Room, error) {
	return s.room(ctx, "_id", id)
}

// RoomByNumber returns the room with this number, or NotFound.
func (s *Store) RoomByNumber(ctx context.Context, number uint64) (chat.Room, error) {
	return s.room(ctx, "number", int64(number))
}

// RoomByCode returns the room that this code opens, or NotFound.
func (s *Store) RoomByCode(ctx context.Context, code string) (chat.Room, error) {
	return s.room(ctx, "code", code)
}

func (s *Store) room(ctx context.Context, field string, value any) (chat.Room, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var d roomDoc
	err := s.rooms.FindOne(ctx, bson.D{{Key: field, Value: value}}).Decode(&d)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return chat.Room{}, noSuchRoom()
	}
	return d.room(), failure(err)
}

// Rooms returns those of ids that exist, in the order of ids.
func (s *Store) Rooms(ctx context.Context, ids []chat.RoomID) ([]chat.Room, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var docs []roomDoc
	if err := find(ctx, s.rooms, byID(bson.D{{Key: "$in", Value: ids}}), &docs); err != nil {
		return nil, err
	}
	found := make(map[chat.RoomID]*roomDoc, len(docs))
	for i := range docs {
		found[docs[i].ID] = &docs[i]
	}
	rooms := make([]chat.Room, 0, len(docs))
	for _, id := range ids {
		if d := found[id]; d != nil {
			rooms = append(rooms, d.room())
		}
	}
	return rooms, nil
}

// ChangeRoom replaces a room if its version still is was: see chat.RoomStore. MongoDB compares and swaps in one atomic
// step, whoever else tries; see stripe for FerretDB.
func (s *Store) ChangeRoom(ctx context.Context, r chat.Room, was uint64) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	lock := s.stripe(string(r.ID))
	lock.Lock()
	defer lock.Unlock()
	fields := bson.D{
		{Key: "name", Value: r.Name}, {Key: "owner", Value: r.Owner}, {Key: "announcement", Value: r.Announcement},
		{Key: "announcedBy", Value: r.AnnouncedBy}, {Key: "announcedAt", Value: r.AnnouncedAt}, {Key: "history", Value: r.History},
		{Key: "mutedUntil", Value: r.MutedUntil}, {Key: "version", Value: int64(was + 1)},
	}
	update := bson.D{{Key: "$unset", Value: bson.D{{Key: "code", Value: ""}}}}
	if r.Code != "" {
		fields, update = append(fields, bson.E{Key: "code", Value: r.Code}), nil
	}
	update = append(update, bson.E{Key: "$set", Value: fields})
	result, err := s.rooms.UpdateOne(ctx, append(byID(r.ID), bson.E{Key: "version", Value: int64(was)}), update)
	switch {
	case duplicate(err):
		return chat.Wrap(chat.Conflict, "the code is another room's", err)
	case err != nil:
		// FerretDB keeps the unique index too, and does not say that this was the reason.
		if r.Code != "" && chat.CodeOf(failure(err)) == chat.Internal {
			if other, _ := s.RoomByCode(ctx, r.Code); other.ID != "" && other.ID != r.ID {
				return chat.Wrap(chat.Conflict, "the code is another room's", nil)
			}
		}
		return failure(err)
	case result.MatchedCount > 0:
		return nil
	}
	if _, err := s.Room(ctx, r.ID); err != nil {
		return err
	}
	return chat.Errorf(chat.Conflict, "the room was changed meanwhile")
}

// DeleteRoom forgets a room and its members: see chat.RoomStore. The room goes first: without one, members mean nothing.
func (s *Store) DeleteRoom(ctx context.Context, id chat.RoomID) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	if _, err := s.rooms.DeleteOne(ctx, byID(id)); err != nil {
		return failure(err)
	}
	_, err := s.members.DeleteMany(ctx, under(string(id)))
	return failure(err)
}
