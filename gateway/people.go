package gateway

import (
	"context"
	"sync"

	"github.com/parley-chat/parley/chat"
)

// person is what frames say of a user beside her profile. Neither changes.
type person struct {
	id     chat.UserID
	number uint64
	name   string
}

// peopleMost bounds one generation of what is remembered: 2 × 20,000 people twice are 10 MB at the most.
const peopleMost = 20_000

// people remembers users by id and by number, so that a message costs the engine no question. It forgets whom nobody asked
// for lately. Its zero value is empty and ready.
type people struct {
	mu       sync.Mutex
	byID     generations[chat.UserID]
	byNumber generations[uint64]
}

// generations holds two maps: what is asked for moves to new; when new is full, old is dropped and new becomes old.
type generations[K comparable] struct{ new, old map[K]person }

func (g *generations[K]) get(key K) (person, bool) {
	p, ok := g.new[key]
	if !ok {
		if p, ok = g.old[key]; ok {
			g.put(key, p)
		}
	}
	return p, ok
}

func (g *generations[K]) put(key K, p person) {
	if len(g.new) >= peopleMost {
		g.old, g.new = g.new, nil
	}
	if g.new == nil {
		g.new = make(map[K]person)
	}
	g.new[key] = p
}

func (s *people) get(id chat.UserID) (person, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID.get(id)
}

func (s *people) numbered(number uint64) (person, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byNumber.get(number)
}

func (s *people) put(p person) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byID.put(p.id, p)
	s.byNumber.put(p.number, p)
}

// know gives an account its number, if it has none yet, and remembers whose it is.
func (d *Server) know(ctx context.Context, a chat.Account) (chat.Account, error) {
	if a.Number == 0 {
		var err error
		if a, err = d.cfg.Accounts.WithNumber(ctx, a); err != nil {
			return a, err
		}
	}
	d.people.put(person{a.ID, a.Number, a.Username})
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
		p, ok := d.people.get(id)
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

// numbered returns the user with a number, for another. One who is not remembered is searched for, and paced like that: numbers
// are not to be tried out.
//
// Errors: NotFound, TooMany.
func (d *Server) numbered(ctx context.Context, asker chat.UserID, number uint64) (person, error) {
	if p, ok := d.people.numbered(number); ok {
		return p, nil
	}
	a, err := d.cfg.Accounts.SearchNumber(ctx, asker, number)
	if err == nil {
		a, err = d.know(ctx, a)
	}
	return person{a.ID, a.Number, a.Username}, err
}
