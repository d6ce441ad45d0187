package mongo

import (
	"context"

	"github.com/parley-chat/parley/chat"
)

func noRoomsYet() error { return chat.Errorf(chat.Unavailable, "rooms are being built") }

// CreateRoom implements chat.RoomStore.
func (s *Store) CreateRoom(ctx context.Context, r chat.Room, members []chat.RoomMember) error {
	return noRoomsYet()
}

// Room implements chat.RoomStore.
func (s *Store) Room(ctx context.Context, id chat.RoomID) (chat.Room, error) {
	return chat.Room{}, noRoomsYet()
}

// RoomByNumber implements chat.RoomStore.
func (s *Store) RoomByNumber(ctx context.Context, number uint64) (chat.Room, error) {
	return chat.Room{}, noRoomsYet()
}

// RoomByCode implements chat.RoomStore.
func (s *Store) RoomByCode(ctx context.Context, code string) (chat.Room, error) {
	return chat.Room{}, noRoomsYet()
}

// Rooms implements chat.RoomStore.
func (s *Store) Rooms(ctx context.Context, ids []chat.RoomID) ([]chat.Room, error) {
	return nil, noRoomsYet()
}

// ChangeRoom implements chat.RoomStore.
func (s *Store) ChangeRoom(ctx context.Context, r chat.Room, was uint64) error { return noRoomsYet() }

// DeleteRoom implements chat.RoomStore.
func (s *Store) DeleteRoom(ctx context.Context, id chat.RoomID) error { return noRoomsYet() }

// PutMember implements chat.RoomStore.
func (s *Store) PutMember(ctx context.Context, m chat.RoomMember) (bool, error) {
	return false, noRoomsYet()
}

// ChangeMember implements chat.RoomStore.
func (s *Store) ChangeMember(ctx context.Context, m chat.RoomMember) error { return noRoomsYet() }

// RemoveMember implements chat.RoomStore.
func (s *Store) RemoveMember(ctx context.Context, room chat.RoomID, user chat.UserID) (bool, error) {
	return false, noRoomsYet()
}

// Member implements chat.RoomStore.
func (s *Store) Member(ctx context.Context, room chat.RoomID, user chat.UserID) (chat.RoomMember, error) {
	return chat.RoomMember{}, noRoomsYet()
}

// Members implements chat.RoomStore.
func (s *Store) Members(ctx context.Context, room chat.RoomID, after chat.UserID, limit int) ([]chat.RoomMember, error) {
	return nil, noRoomsYet()
}

// Memberships implements chat.RoomStore.
func (s *Store) Memberships(ctx context.Context, user chat.UserID) ([]chat.RoomMember, error) {
	return nil, noRoomsYet()
}

// CountMembers implements chat.RoomStore.
func (s *Store) CountMembers(ctx context.Context, rooms []chat.RoomID) ([]int, error) {
	return nil, noRoomsYet()
}
