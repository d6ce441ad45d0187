package chat

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

// Rooms are the rules of rooms. Make it with NewRooms. The owner may everything; admins may kick and mute members, rename,
// announce, and see and change code and history; everybody may invite. A room that the asker is not in is NotFound,
// whether it exists or not.
//
// A change goes by what the engine says at that moment, one after the other in a room. Reading and writing go by a roster
// in memory, which is as the room is, but that another process's changes are seen after RoomsConfig.Reload at the latest.
type Rooms struct {
	cfg      RoomsConfig
	turns    *turns // of changes
	rosters  *rosters
	audience []RoomAudience
}

// NewRooms returns the rules. Run keeps their memory small.
func NewRooms(cfg RoomsConfig) *Rooms {
	if cfg.Draw == nil {
		cfg.Draw = func() uint64 { return MinRoomNumber + rand.Uint64N(MaxRoomNumber-MinRoomNumber+1) }
	}
	s := &Rooms{cfg: cfg, turns: newTurns()}
	s.rosters = newRosters(&s.cfg)
	return s
}

// Tell says who hears what changes. It is called before the first change.
func (s *Rooms) Tell(to ...RoomAudience) { s.audience = to }

// Run forgets what was not asked for lately, until ctx ends.
func (s *Rooms) Run(ctx context.Context) { s.rosters.run(ctx) }

// Create makes a room of by, and adds users: see Invite for who is not added. An empty history is HistoryJoined.
//
// Errors: Invalid, TooLarge past MaxRooms of hers.
func (s *Rooms) Create(ctx context.Context, by UserID, name string, users []UserID, history History) (r Room, added []UserID, err error) {
	history = cmp.Or(history, HistoryJoined)
	if err := checkText("name", name, maxRoomName); err != nil {
		return Room{}, nil, err
	}
	if err := history.check(); err != nil {
		return Room{}, nil, err
	}
	if err := s.hasPlace(ctx, by); err != nil {
		return Room{}, nil, err
	}
	if users, err = namedOnce(users); err != nil {
		return Room{}, nil, err
	}
	if added, err = s.welcome(ctx, by, users); err != nil {
		return Room{}, nil, err
	}
	now := s.now()
	r = Room{ID: RoomID(newObjectID(now)), Name: name, Owner: by, Created: now, History: history, Version: 1}
	leave, err := s.turns.enter(ctx, RoomConv(r.ID))
	if err != nil {
		return Room{}, nil, err
	}
	defer leave()
	members := []RoomMember{{Room: r.ID, User: by, Role: RoleAdmin, Joined: now}}
	for _, user := range added {
		members = append(members, RoomMember{Room: r.ID, User: user, Role: RoleMember, Joined: now})
	}
	for tries := 1; ; tries++ {
		r.Number = s.cfg.Draw()
		if err = s.cfg.Store.CreateRoom(ctx, r, members); CodeOf(err) != Conflict || tries == numberTries {
			break
		}
	}
	if err != nil {
		return Room{}, nil, err
	}
	s.tell(ctx, &RoomChange{Room: r, What: RoomCreated, By: by, Users: added})
	return r, added, nil
}

// Invite adds users to a room. Left out are those who are there, do not exist, are in MaxRooms rooms, or block by.
//
// Errors: Invalid, NotFound, TooLarge past MaxMembers: then nobody is added. After Unavailable those who are returned are.
func (s *Rooms) Invite(ctx context.Context, by UserID, room RoomID, users []UserID) (added []UserID, err error) {
	if users, err = namedOnce(users); err != nil {
		return nil, err
	}
	// Before she has her turn, since it takes long, and for members alone, of those who are new: it costs the engine a lot.
	if _, err := s.actor(ctx, by, room, RoleMember); err != nil {
		return nil, err
	}
	if users, err = s.strangers(ctx, room, users); err != nil {
		return nil, err
	}
	if users, err = s.welcome(ctx, by, users); err != nil {
		return nil, err
	}
	a, leave, err := s.begin(ctx, by, room, RoleMember)
	if err != nil {
		return nil, err
	}
	defer leave()
	if users, err = s.strangers(ctx, room, users); err != nil {
		return nil, err
	}
	added, err = s.admit(ctx, &a.room, users)
	if len(added) > 0 {
		s.tell(ctx, &RoomChange{Room: a.room, What: RoomInvited, By: by, Users: added})
	}
	return added, err
}

// strangers returns those of users who are not in a room, as far as is remembered.
func (s *Rooms) strangers(ctx context.Context, room RoomID, users []UserID) (strangers []UserID, err error) {
	err = s.rosters.ask(ctx, room, func(e *rosterEntry) {
		strangers = slices.DeleteFunc(slices.Clone(users), func(user UserID) bool { return e.now.Role(user) != "" })
	})
	return strangers, err
}

// Join brings a user into the room that a code opens; she may be there already. A number other than 0 must be the room's.
//
// Errors: NotFound for a code that opens nothing, TooLarge past MaxMembers or MaxRooms.
func (s *Rooms) Join(ctx context.Context, user UserID, number uint64, code string) (Room, error) {
	if code == "" || len(code) > maxCode {
		return Room{}, errNoCode()
	}
	r, err := s.cfg.Store.RoomByCode(ctx, code)
	if err != nil {
		return Room{}, instead(err, errNoCode())
	}
	id := r.ID
	leave, err := s.turns.enter(ctx, RoomConv(id))
	if err != nil {
		return Room{}, err
	}
	defer leave()
	opens := func() (bool, error) { // before, and once more when she is in: another process may have changed it
		r, err = s.cfg.Store.Room(ctx, id)
		if err != nil {
			return false, instead(err, nil)
		}
		return r.Code == code && (number == 0 || r.Number == number), nil
	}
	if ok, err := opens(); err != nil || !ok {
		return Room{}, cmp.Or(err, errNoCode())
	}
	switch _, err := s.cfg.Store.Member(ctx, id, user); CodeOf(err) {
	case "":
		return r.withoutCode(), nil
	case NotFound:
	default:
		return Room{}, err
	}
	if err := s.hasPlace(ctx, user); err != nil {
		return Room{}, err
	}
	added, err := s.admit(ctx, &r, []UserID{user})
	if err != nil || len(added) == 0 {
		return r.withoutCode(), err
	}
	if ok, err := opens(); err != nil || !ok {
		return Room{}, cmp.Or(s.remove(ctx, id, added), err, errNoCode())
	}
	s.tell(ctx, &RoomChange{Room: r, What: RoomJoined, By: user})
	return r.withoutCode(), nil
}

func errNoCode() error { return Errorf(NotFound, "code: it opens no room") }

// instead returns other in place of NotFound.
func instead(err, other error) error {
	if CodeOf(err) == NotFound {
		return other
	}
	return err
}

// hasPlace tells whether a user may be in one more room.
func (s *Rooms) hasPlace(ctx context.Context, user UserID) error {
	in, err := s.cfg.Store.Memberships(ctx, user)
	if err == nil && len(in) >= MaxRooms {
		err = Errorf(TooLarge, "room: at most %d of a user", MaxRooms)
	}
	return err
}

// namedOnce returns the users of a request in the order of their ids, each once.
func namedOnce(users []UserID) ([]UserID, error) {
	if len(users) > MaxInvited {
		return nil, Errorf(Invalid, "users: at most %d at once", MaxInvited)
	}
	for _, user := range users {
		if !user.Valid() {
			return nil, Errorf(Invalid, "users: not all are user ids")
		}
	}
	users = slices.Clone(users)
	slices.Sort(users)
	return slices.Compact(users), nil
}

// welcome returns those of users whom by may bring into a room. Who is left out, and why, nobody is told.
func (s *Rooms) welcome(ctx context.Context, by UserID, users []UserID) (welcome []UserID, err error) {
	if len(users) == 0 {
		return nil, nil
	}
	accounts, err := s.cfg.Accounts.Accounts(ctx, users)
	if err != nil {
		return nil, err
	}
	var pairs [][2]UserID
	for i := range accounts {
		if user := accounts[i].ID; user != by {
			pairs = append(pairs, [2]UserID{user, by})
		}
	}
	blocks, err := s.blocks(ctx, pairs)
	if err != nil {
		return nil, err
	}
	unknown, err := s.unbefriended(ctx, pairs)
	if err != nil {
		return nil, err
	}
	for i, pair := range pairs {
		if blocks[i] || unknown[i] {
			continue
		}
		switch err := s.hasPlace(ctx, pair[0]); CodeOf(err) {
		case "":
			welcome = append(welcome, pair[0])
		case TooLarge:
		default:
			return nil, err
		}
	}
	return welcome, nil
}

func (s *Rooms) blocks(ctx context.Context, pairs [][2]UserID) ([]bool, error) {
	if s.cfg.Blocks == nil || len(pairs) == 0 {
		return make([]bool, len(pairs)), nil
	}
	return s.cfg.Blocks(ctx, pairs)
}

// unbefriended tells of which pairs the second may not bring the first into a room, for the first does not count her as a friend.
// The second is the same in all.
func (s *Rooms) unbefriended(ctx context.Context, pairs [][2]UserID) ([]bool, error) {
	if s.cfg.Befriended == nil || len(pairs) == 0 {
		return make([]bool, len(pairs)), nil
	}
	owners := make([]UserID, len(pairs))
	for i, pair := range pairs {
		owners[i] = pair[0]
	}
	befriended, err := s.cfg.Befriended(ctx, owners, pairs[0][1])
	for i := range befriended {
		befriended[i] = !befriended[i]
	}
	return befriended, err
}

// admit makes users members who may read what comes from now on. It is the caller's turn. On an error, those who are
// returned are in.
func (s *Rooms) admit(ctx context.Context, room *Room, users []UserID) (added []UserID, err error) {
	if len(users) == 0 {
		return nil, nil
	}
	there, err := s.cfg.Store.CountMembers(ctx, []RoomID{room.ID})
	if err != nil {
		return nil, err
	}
	if there[0]+len(users) > MaxMembers {
		return nil, Errorf(TooLarge, "room: at most %d members", MaxMembers)
	}
	last, err := s.cfg.Messages.Last(ctx, []ConvID{RoomConv(room.ID)})
	if err != nil {
		return nil, err
	}
	now := s.now()
	var members []RoomMember
	for _, user := range users {
		m := RoomMember{Room: room.ID, User: user, Role: RoleMember, Joined: now, From: last[0]}
		ok, putErr := s.cfg.Store.PutMember(ctx, m)
		if putErr != nil {
			err = s.inDoubt(room.ID, putErr)
			break
		}
		if ok {
			members, added = append(members, m), append(added, user)
		}
	}
	s.rosters.change(room.ID, func(r *Roster) { r.put(members) })
	if len(added) == 0 {
		return nil, err
	}
	// A room that another process dissolved meanwhile has no members.
	if _, gone := s.cfg.Store.Room(ctx, room.ID); CodeOf(gone) == NotFound {
		return nil, cmp.Or(s.remove(ctx, room.ID, added), errNoRooms())
	}
	return added, err
}

// remove takes members out of a room.
func (s *Rooms) remove(ctx context.Context, room RoomID, users []UserID) error {
	for _, user := range users {
		if _, err := s.cfg.Store.RemoveMember(ctx, room, user); err != nil {
			return s.inDoubt(room, err)
		}
	}
	s.rosters.change(room, func(r *Roster) { r.remove(users) })
	return nil
}

// inDoubt passes on an error of the engine which leaves open what became of a change: what is remembered of the room is
// to be read again.
func (s *Rooms) inDoubt(room RoomID, err error) error {
	if code := CodeOf(err); code != "" && code != Conflict && code != NotFound {
		s.rosters.forget(room)
	}
	return err
}

// now is the time as engines keep it.
func (s *Rooms) now() time.Time { return s.cfg.Now().Truncate(time.Millisecond) }

// errNoRooms is the one answer to a stranger, whether the room exists or not.
func errNoRooms() error { return Errorf(NotFound, "room: no such room") }
