package embedded

import (
	"context"
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"

	"github.com/parley-chat/parley/chat"
)

// encodeMember returns what the key does not say: role (behind its length as uvarint), joined in milliseconds since 1970
// (varint), from (uvarint), muted until (varint).
func encodeMember(m *chat.RoomMember) []byte {
	value := appendText(nil, string(m.Role))
	value = binary.AppendVarint(value, m.Joined.UnixMilli())
	value = binary.AppendUvarint(value, m.From)
	return binary.AppendVarint(value, m.MutedUntil.UnixMilli())
}

func decodeMember(room chat.RoomID, user chat.UserID, value []byte) (chat.RoomMember, error) {
	r := reader{rest: value, ok: true}
	m := chat.RoomMember{Room: room, User: user, Role: roleOf(r.text()), Joined: r.time(), From: r.uvarint(), MutedUntil: r.time()}
	if !r.ok {
		return m, unreadable("member")
	}
	return m, nil
}

// roleOf makes no new text for the roles that there are: a large room has thousands.
func roleOf(text []byte) chat.Role {
	for _, role := range []chat.Role{chat.RoleMember, chat.RoleAdmin} {
		if string(role) == string(text) {
			return role
		}
	}
	return chat.Role(text)
}

// memberKeys are the two keys of a member.
func memberKeys(room chat.RoomID, user chat.UserID) (member, membered []byte, err error) {
	if member, err = roomKey(kindMember, room); err != nil {
		return nil, nil, err
	}
	if membered, err = key(kindMembered, user); err != nil {
		return nil, nil, err
	}
	return appendID(member, string(user)), appendID(membered, string(room)), nil
}

// PutMember implements chat.RoomStore.
func (s *Store) PutMember(ctx context.Context, m chat.RoomMember) (added bool, err error) {
	k, _, err := memberKeys(m.Room, m.User)
	if err != nil {
		return false, err
	}
	return s.updateIf(ctx, k, false, func(c *change) error { return c.putMember(&m) })
}

func (c *change) putMember(m *chat.RoomMember) error { return putMember(c.Batch, m) }

func putMember(batch *pebble.Batch, m *chat.RoomMember) error {
	k, membered, err := memberKeys(m.Room, m.User)
	if err != nil {
		return err
	}
	if err := batch.Set(k, encodeMember(m), nil); err != nil {
		return broken(err)
	}
	return broken(batch.Set(membered, nil, nil))
}

func (c *change) deleteMember(room chat.RoomID, user chat.UserID) error {
	k, membered, err := memberKeys(room, user)
	if err != nil {
		return err
	}
	if err := c.deleteKey(k); err != nil {
		return err
	}
	return c.deleteKey(membered)
}

// ChangeMember implements chat.RoomStore.
func (s *Store) ChangeMember(ctx context.Context, m, was chat.RoomMember) error {
	return s.update(ctx, func(c *change) error {
		there, err := s.member(m.Room, m.User)
		switch {
		case err != nil:
			return err
		case there.Role != was.Role || !there.MutedUntil.Equal(was.MutedUntil):
			return chat.Errorf(chat.Conflict, "the member was changed meanwhile")
		}
		there.Role, there.MutedUntil = m.Role, m.MutedUntil
		return c.putMember(&there)
	})
}

// RemoveMember implements chat.RoomStore.
func (s *Store) RemoveMember(ctx context.Context, room chat.RoomID, user chat.UserID) (removed bool, err error) {
	k, _, err := memberKeys(room, user)
	if err != nil {
		return false, err
	}
	return s.updateIf(ctx, k, true, func(c *change) error { return c.deleteMember(room, user) })
}

// Member implements chat.RoomStore.
func (s *Store) Member(ctx context.Context, room chat.RoomID, user chat.UserID) (chat.RoomMember, error) {
	if err := s.enter(ctx); err != nil {
		return chat.RoomMember{}, err
	}
	defer s.leave()
	return s.member(room, user)
}

func (s *Store) member(room chat.RoomID, user chat.UserID) (chat.RoomMember, error) {
	k, _, err := memberKeys(room, user)
	if err != nil {
		return chat.RoomMember{}, noMember()
	}
	value, ok, err := s.get(k)
	if err != nil {
		return chat.RoomMember{}, err
	}
	if !ok {
		return chat.RoomMember{}, noMember()
	}
	return decodeMember(room, user, value)
}

func noMember() error { return chat.Errorf(chat.NotFound, "no such member") }

// Members implements chat.RoomStore.
func (s *Store) Members(ctx context.Context, room chat.RoomID, after chat.UserID, limit int) ([]chat.RoomMember, error) {
	of, err := roomKey(kindMember, room)
	if err != nil {
		return nil, nil
	}
	from := of
	if after != "" {
		if !after.Valid() {
			return nil, chat.Errorf(chat.Invalid, "not a user id")
		}
		from = append(appendID(of[:len(of):len(of)], string(after)), 0)
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: behind(of)})
	if err != nil {
		return nil, broken(err)
	}
	var members []chat.RoomMember
	for ok := it.First(); ok && len(members) < limit; ok = it.Next() {
		m, err := decodeMember(room, userOf(it.Key()[len(of):]), it.Value())
		if err != nil {
			it.Close()
			return nil, err
		}
		members = append(members, m)
	}
	return members, broken(it.Close())
}

// Memberships implements chat.RoomStore.
func (s *Store) Memberships(ctx context.Context, user chat.UserID) ([]chat.RoomMember, error) {
	k, err := key(kindMembered, user)
	if err != nil {
		return nil, err
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	var memberships []chat.RoomMember
	err = s.each(k, func(id, _ []byte) error {
		m, err := s.member(roomOf(id), user)
		switch chat.CodeOf(err) {
		case "":
			memberships = append(memberships, m)
		case chat.NotFound: // removed since this began
		default:
			return err
		}
		return nil
	})
	return memberships, err
}

// CountMembers implements chat.RoomStore.
func (s *Store) CountMembers(ctx context.Context, rooms []chat.RoomID) ([]int, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	counts := make([]int, len(rooms))
	for i, room := range rooms {
		k, err := roomKey(kindMember, room)
		if err != nil {
			continue // there is none
		}
		err = s.each(k, func(_, _ []byte) error {
			counts[i]++
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return counts, nil
}
