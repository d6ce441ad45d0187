package embedded

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/parley-chat/parley/chat"
)

// room is the value of a room. Its id is in the key.
type room struct {
	Number       uint64       `json:"number"`
	Name         string       `json:"name"`
	Owner        chat.UserID  `json:"owner"`
	Created      time.Time    `json:"created"`
	Code         string       `json:"code,omitempty"`
	Announcement string       `json:"announcement,omitempty"`
	AnnouncedBy  chat.UserID  `json:"announcedBy,omitempty"`
	AnnouncedAt  time.Time    `json:"announcedAt,omitzero"`
	History      chat.History `json:"history"`
	MutedUntil   time.Time    `json:"mutedUntil,omitzero"`
	Version      uint64       `json:"version"`
}

func (r *room) of(id chat.RoomID) chat.Room {
	return chat.Room{
		ID: id, Number: r.Number, Name: r.Name, Owner: r.Owner, Created: r.Created, Code: r.Code, Announcement: r.Announcement,
		AnnouncedBy: r.AnnouncedBy, AnnouncedAt: r.AnnouncedAt, History: r.History, MutedUntil: r.MutedUntil, Version: r.Version,
	}
}

func roomValue(r *chat.Room) room {
	return room{
		Number: r.Number, Name: r.Name, Owner: r.Owner, Created: r.Created, Code: r.Code, Announcement: r.Announcement,
		AnnouncedBy: r.AnnouncedBy, AnnouncedAt: r.AnnouncedAt, History: r.History, MutedUntil: r.MutedUntil, Version: r.Version,
	}
}

// roomKey begins a key with its kind and one room.
func roomKey(kind byte, id chat.RoomID) ([]byte, error) {
	if !id.Valid() {
		return nil, chat.Errorf(chat.Invalid, "not a room id")
	}
	return appendID([]byte{kind}, string(id)), nil
}

func roomOf(id []byte) chat.RoomID { return chat.RoomID(hex.EncodeToString(id)) }

func roomNumberKey(number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{kindNumbered}, number)
}

func noRoom() error { return chat.Errorf(chat.NotFound, "no such room") }

// CreateRoom implements chat.RoomStore.
func (s *Store) CreateRoom(ctx context.Context, r chat.Room, members []chat.RoomMember) error {
	k, err := roomKey(kindRoom, r.ID)
	if err != nil {
		return err
	}
	return s.update(ctx, func(c *change) error {
		if _, taken, err := s.get(k); err != nil {
			return err
		} else if taken {
			return chat.Errorf(chat.Conflict, "the room is there already")
		}
		if err := s.claim(c, roomNumberKey(r.Number), r.ID); err != nil {
			return err
		}
		if err := s.claimCode(c, r.Code, r.ID); err != nil {
			return err
		}
		for i := range members {
			if err := c.putMember(&members[i]); err != nil {
				return err
			}
		}
		return c.put(k, roomValue(&r))
	})
}

// claim makes a unique key a room's.
func (s *Store) claim(c *change, unique []byte, id chat.RoomID) error {
	if _, taken, err := s.get(unique); err != nil {
		return err
	} else if taken {
		return chat.Errorf(chat.Conflict, "the number or code is another room's")
	}
	return broken(c.Set(unique, appendID(nil, string(id)), nil))
}

func (s *Store) claimCode(c *change, code string, id chat.RoomID) error {
	if code == "" {
		return nil
	}
	return s.claim(c, named(kindOpens, code), id)
}

// Room implements chat.RoomStore.
func (s *Store) Room(ctx context.Context, id chat.RoomID) (chat.Room, error) {
	if err := s.enter(ctx); err != nil {
		return chat.Room{}, err
	}
	defer s.leave()
	return s.room(id)
}

func (s *Store) room(id chat.RoomID) (chat.Room, error) {
	k, err := roomKey(kindRoom, id)
	if err != nil {
		return chat.Room{}, noRoom()
	}
	var r room
	if ok, err := s.load(k, &r); err != nil {
		return chat.Room{}, err
	} else if !ok {
		return chat.Room{}, noRoom()
	}
	return r.of(id), nil
}

// RoomByNumber implements chat.RoomStore.
func (s *Store) RoomByNumber(ctx context.Context, number uint64) (chat.Room, error) {
	return s.roomBy(ctx, roomNumberKey(number))
}

// RoomByCode implements chat.RoomStore.
func (s *Store) RoomByCode(ctx context.Context, code string) (chat.Room, error) {
	return s.roomBy(ctx, named(kindOpens, code))
}

func (s *Store) roomBy(ctx context.Context, unique []byte) (chat.Room, error) {
	if err := s.enter(ctx); err != nil {
		return chat.Room{}, err
	}
	defer s.leave()
	id, ok, err := s.get(unique)
	if err != nil {
		return chat.Room{}, err
	}
	if !ok {
		return chat.Room{}, noRoom()
	}
	return s.room(roomOf(id))
}

// Rooms implements chat.RoomStore.
func (s *Store) Rooms(ctx context.Context, ids []chat.RoomID) ([]chat.Room, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	rooms := make([]chat.Room, 0, len(ids))
	for _, id := range ids {
		r, err := s.room(id)
		switch chat.CodeOf(err) {
		case "":
			rooms = append(rooms, r)
		case chat.NotFound:
		default:
			return nil, err
		}
	}
	return rooms, nil
}

// ChangeRoom implements chat.RoomStore.
func (s *Store) ChangeRoom(ctx context.Context, r chat.Room, was uint64) error {
	k, err := roomKey(kindRoom, r.ID)
	if err != nil {
		return noRoom()
	}
	return s.update(ctx, func(c *change) error {
		former, err := s.room(r.ID)
		switch {
		case err != nil:
			return err
		case former.Version != was:
			return chat.Errorf(chat.Conflict, "the room was changed meanwhile")
		}
		if r.Code != former.Code {
			if err := s.claimCode(c, r.Code, r.ID); err != nil {
				return err
			}
			if err := c.deleteKey(named(kindOpens, former.Code)); err != nil {
				return err
			}
		}
		value := roomValue(&r)
		value.Number, value.Created, value.Version = former.Number, former.Created, was+1
		return c.put(k, value)
	})
}

// DeleteRoom implements chat.RoomStore.
func (s *Store) DeleteRoom(ctx context.Context, id chat.RoomID) error {
	k, err := roomKey(kindRoom, id)
	if err != nil {
		return nil
	}
	members, _ := roomKey(kindMember, id) // valid, as it was above
	return s.update(ctx, func(c *change) error {
		switch r, err := s.room(id); chat.CodeOf(err) {
		case "":
			for _, key := range [][]byte{k, roomNumberKey(r.Number), named(kindOpens, r.Code)} {
				if err := c.deleteKey(key); err != nil {
					return err
				}
			}
		case chat.NotFound:
		default:
			return err
		}
		return s.each(members, func(user, _ []byte) error { return c.deleteMember(id, userOf(user)) })
	})
}

func (c *change) deleteKey(key []byte) error { return broken(c.Delete(key, nil)) }
