package gateway

import (
	"context"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/recent"
)

// person is what frames say of a user beside her profile. Neither changes.
type person struct {
	id     chat.UserID
	number uint64
	name   string
}

// peopleMost bounds what is remembered: 2 × 20,000 people, by id and by number, are 10 MB at the most.
const peopleMost = 20_000

// people remembers users by id and by number, so that a message costs the engine no question.
type people struct {
	byID     *recent.Map[chat.UserID, person]
	byNumber *recent.Map[uint64, person]
}

func newPeople() people {
	return people{recent.New[chat.UserID, person](peopleMost), recent.New[uint64, person](peopleMost)}
}

// forget drops what is remembered of a user.
func (p people) forget(user chat.UserID) {
	if one, known := p.byID.Get(user); known {
		p.byNumber.Forget(one.number)
	}
	p.byID.Forget(user)
}

// know gives an account its number, if it has none yet, and remembers whose it is.
func (d *Server) know(ctx context.Context, a chat.Account) (chat.Account, error) {
	if a.Number == 0 {
		var err error
		if a, err = d.cfg.Accounts.WithNumber(ctx, a); err != nil {
			return a, err
		}
	}
	p := person{a.ID, a.Number, a.Username}
	d.people.byID.Put(p.id, p)
	d.people.byNumber.Put(p.number, p)
	return a, nil
}

// person returns who a user is. One who erased her account has number 0, which is nobody's.
func (d *Server) person(ctx context.Context, id chat.UserID) (person, error) {
	all, err := d.persons(ctx, []chat.UserID{id})
	return all[0], err
}

// persons is person for many, in the order of ids.
func (d *Server) persons(ctx context.Context, ids []chat.UserID) ([]person, error) {
	all := make([]person, len(ids))
	var unknown []chat.UserID
	for i, id := range ids {
		p, ok := d.people.byID.Get(id)
		if all[i] = p; !ok {
			all[i].id = id
			unknown = append(unknown, id)
		}
	}
	if len(unknown) == 0 {
		return all, nil
	}
	accounts, err := d.cfg.Accounts.Store.Accounts(ctx, unknown)
	if err != nil {
		return all, err
	}
	found := make(map[chat.UserID]person, len(accounts))
	for _, a := range accounts {
		if a, err = d.know(ctx, a); err != nil {
			return all, err
		}
		found[a.ID] = person{a.ID, a.Number, a.Username}
	}
	for i := range all {
		if p, ok := found[all[i].id]; ok {
			all[i] = p
		}
	}
	return all, nil
}

// numbered returns the user with a number, for the session's. One who is not remembered is searched for, and paced like that:
// numbers are not to be tried out. Over that limit all are paced, or it would tell who is remembered, and so exists.
//
// Errors: NotFound, TooMany.
func (s *session) numbered(ctx context.Context, number uint64) (person, error) {
	d := s.door
	if p, ok := d.people.byNumber.Get(number); ok && !d.cfg.Now().Before(s.searchAgain) {
		return p, nil
	}
	a, err := d.cfg.Accounts.SearchNumber(ctx, s.user, number)
	if err == nil {
		a, err = d.know(ctx, a)
	}
	if chat.CodeOf(err) == chat.TooMany {
		s.searchAgain = d.cfg.Now().Add(chat.AsError(err).RetryAfter)
	}
	return person{a.ID, a.Number, a.Username}, err
}
