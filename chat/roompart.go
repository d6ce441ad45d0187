package chat

import "context"

// part is a user's part in a room.
type part struct {
	room Room
	self RoomMember
}

// parts returns a user's part in each of her rooms, as the engine has them.
func (s *Rooms) parts(ctx context.Context, user UserID) ([]part, error) {
	if s == nil {
		return nil, nil
	}
	memberships, err := s.cfg.Store.Memberships(ctx, user)
	if err != nil || len(memberships) == 0 {
		return nil, err
	}
	ids := make([]RoomID, len(memberships))
	for i := range memberships {
		ids[i] = memberships[i].Room
	}
	rooms, err := s.cfg.Store.Rooms(ctx, ids)
	if err != nil {
		return nil, err
	}
	parts := make([]part, 0, len(rooms))
	for i := range rooms { // both in the order of ids; a room that is being deleted may be missing
		for memberships[0].Room != rooms[i].ID {
			memberships = memberships[1:]
		}
		parts = append(parts, part{rooms[i], memberships[0]})
	}
	return parts, nil
}

// floor is the number above which she may read.
func (p *part) floor() uint64 {
	if p.room.History == HistoryStart {
		return 0
	}
	return p.self.From
}

// role is hers, RoleOwner included.
func (p *part) role() Role {
	return p.room.roleOf(&p.self)
}
