package chat

import (
	"context"
	"slices"
	"time"
)

// maxWaiting is how many requests are told at a login.
const maxWaiting = 100

// FriendRequest is a question that waits for its answer: does To want to be friends with From?
type FriendRequest struct {
	From, To UserID
	Note     string // what From says to it; "" for nothing
	At       time.Time
}

// RequestStore keeps requests, at most one in each direction between two users.
type RequestStore interface {
	// PutRequest stores a request; added is false when there is one in that direction already, which stays as it is.
	PutRequest(ctx context.Context, r FriendRequest) (added bool, err error)
	// TakeRequest removes a request and returns it; NotFound when there is none. Of several takers one gets it.
	TakeRequest(ctx context.Context, from, to UserID) (FriendRequest, error)
	// Requests lists those that wait for a user's answer, oldest first.
	Requests(ctx context.Context, to UserID) ([]FriendRequest, error)
	// Awaited tells, for each user, whether any request waits for her answer.
	Awaited(ctx context.Context, users []UserID) ([]bool, error)
	// Asked lists those that a user has made, oldest first.
	Asked(ctx context.Context, from UserID) ([]FriendRequest, error)
}

// Asking is a request with the account of the other one: of who asked in a list of requests, of who was asked in a list
// of those that a user made.
type Asking struct {
	FriendRequest
	Account Account
}

// Ask asks whether to wants to be friends with from. If to asks the same already, they are friends at once. Asking again
// changes nothing. Of one who blocks from, the answer is the same as of any other, and she hears nothing.
//
// Errors: Invalid, NotFound for an unknown user, Forbidden for one whom from blocks, TooLarge past MaxFriends and
// MaxRequests, TooMany.
func (s *Friends) Ask(ctx context.Context, from, to UserID, note string) (Bond, error) {
	if note != "" {
		if err := checkText("note", note, maxNote); err != nil {
			return "", err
		}
	}
	if err := s.known(ctx, "user", from, to); err != nil {
		return "", err
	}
	return s.ask(ctx, from, to, note)
}

func (s *Friends) ask(ctx context.Context, from, to UserID, note string) (Bond, error) {
	if s.Asks != nil { // to ask and take it back, again and again, would be a bell in somebody's pocket
		if retry, ok := s.Asks.Allow(string(from)); !ok {
			return "", tooMany("too many requests for friendship", retry)
		}
	}
	leave, err := s.pair(ctx, from, to)
	if err != nil {
		return "", err
	}
	defer leave()
	blocks, err := s.Store.Blocks(ctx, [][2]UserID{{from, to}, {to, from}})
	switch {
	case err != nil:
		return "", err
	case blocks[0]:
		return "", errUnblockFirst()
	}
	already, err := s.agreed(ctx, from, to)
	switch {
	case err != nil:
		return "", err
	case already:
		return AlreadyFriends, nil
	}
	me, err := s.Accounts.Account(ctx, from)
	if err != nil {
		return "", err
	}
	r := FriendRequest{From: from, To: to, Note: note, At: s.Now()}
	added, err := s.putRequest(ctx, r)
	if err != nil {
		return "", err
	}
	// Taken behind the put: of two who ask at once, in two processes, one at least finds the other's.
	taken, err := s.Store.TakeRequest(ctx, to, from)
	switch {
	case CodeOf(err) == NotFound:
		if added && !blocks[1] {
			for _, audience := range s.Tell {
				audience.FriendAsked(r, me)
			}
		}
		return NowAsked, nil
	case err != nil:
		return "", err
	}
	if err := s.befriend(ctx, taken); err != nil {
		return "", err
	}
	s.tellAnswer(to, me, true)
	return NowFriends, nil
}

// agreed tells whether each of two counts the other as a friend.
func (s *Friends) agreed(ctx context.Context, a, b UserID) (bool, error) {
	there, err := s.Store.Befriended(ctx, []UserID{a}, b)
	if err != nil || !there[0] {
		return false, err
	}
	back, err := s.Store.Befriended(ctx, []UserID{b}, a)
	return err == nil && back[0], err
}

// putRequest stores a request within its bounds.
func (s *Friends) putRequest(ctx context.Context, r FriendRequest) (added bool, err error) {
	if err := s.room(ctx, r.From, r.To); err != nil {
		return false, err
	}
	asked, err := s.Store.Asked(ctx, r.From)
	switch {
	case err != nil:
		return false, err
	case slices.ContainsFunc(asked, func(q FriendRequest) bool { return q.To == r.To }):
		return false, nil
	case len(asked) >= MaxRequests:
		return false, Errorf(TooLarge, "at most %d requests of one user wait for an answer", MaxRequests)
	}
	waiting, err := s.Store.Requests(ctx, r.To)
	switch {
	case err != nil:
		return false, err
	case len(waiting) >= MaxRequests:
		return false, Errorf(TooLarge, "at most %d requests wait for the answer of one user", MaxRequests)
	}
	return s.Store.PutRequest(ctx, r)
}

// room tells whether a user may have one friend more.
func (s *Friends) room(ctx context.Context, user, friend UserID) error {
	friends, err := s.Store.Friends(ctx, user)
	if err == nil && len(friends) >= MaxFriends && !slices.Contains(friends, friend) {
		err = Errorf(TooLarge, "friends: at most %d of one user", MaxFriends)
	}
	return err
}

// Answer accepts or declines what from asked a user, and tells from.
//
// Errors: Invalid, NotFound when nothing is asked, TooLarge when one of them has MaxFriends.
func (s *Friends) Answer(ctx context.Context, user, from UserID, accept bool) error {
	if !from.Valid() || from == user {
		return Errorf(Invalid, "user: not the id of another user")
	}
	leave, err := s.pair(ctx, user, from)
	if err != nil {
		return err
	}
	defer leave()
	blocks, err := s.Store.Blocks(ctx, [][2]UserID{{user, from}, {from, user}})
	switch {
	case err != nil:
		return err
	case blocks[0] || blocks[1]:
		return errNotAsked() // see heard, and Block
	}
	me, err := s.Accounts.Account(ctx, user)
	if err != nil {
		return err
	}
	if accept {
		if err := s.room(ctx, user, from); err != nil {
			return err
		}
		if err := s.room(ctx, from, user); err != nil {
			return err
		}
	}
	r, err := s.Store.TakeRequest(ctx, from, user)
	switch {
	case CodeOf(err) == NotFound:
		return errNotAsked()
	case err != nil:
		return err
	}
	if accept {
		if err := s.befriend(ctx, r); err != nil {
			return err
		}
	}
	s.tellAnswer(from, me, accept)
	return nil
}

func errNotAsked() error { return Errorf(NotFound, "user: has not asked you") }

// befriend makes friends of two whose request was taken. When the engine fails, the request waits again.
func (s *Friends) befriend(ctx context.Context, taken FriendRequest) error {
	// What was taken must end as one or the other, although the asker may be gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerWait)
	defer cancel()
	err := s.Store.Befriend(ctx, taken.From, taken.To, s.Now())
	s.changed(taken.From, taken.To)
	if err != nil {
		_, _ = s.Store.PutRequest(ctx, taken) // the first error says it all
		return err
	}
	// One in the other direction is answered too. What a failure leaves of it changes nothing, and can be answered.
	_, _ = s.Store.TakeRequest(ctx, taken.To, taken.From)
	// Who accepts hears of her own block alone. The other's looks like any other's, see Block.
	if err := s.notBlocked(ctx, taken.From, taken.To); err != nil && CodeOf(err) != Forbidden {
		return err
	}
	return s.notBlocked(ctx, taken.To, taken.From)
}

func (s *Friends) tellAnswer(to UserID, by Account, accepted bool) {
	for _, audience := range s.Tell {
		audience.FriendAnswered(to, by, accepted)
	}
}

// Waiting returns the newest requests that wait for a user's answer, at most 100, oldest first.
func (s *Friends) Waiting(ctx context.Context, user UserID) ([]Asking, error) {
	requests, err := s.Store.Requests(ctx, user)
	if err != nil || len(requests) == 0 {
		return nil, err
	}
	blocked, err := s.Store.Blocked(ctx, user)
	if err != nil {
		return nil, err
	}
	requests = heard(requests, blocked)
	requests = requests[max(0, len(requests)-maxWaiting):]
	ids := make([]UserID, len(requests))
	for i, r := range requests {
		ids[i] = r.From
	}
	accounts, err := s.accounts(ctx, ids)
	return askings(requests, accounts, func(r *FriendRequest) UserID { return r.From }), err
}

// Awaited tells, for each user, whether there may be something in Waiting: it costs little for many users.
func (s *Friends) Awaited(ctx context.Context, users []UserID) ([]bool, error) {
	return s.Store.Awaited(ctx, users)
}

// heard leaves out the requests of those whom their receiver blocks. They are stored all the same: to who asked they
// look like any other.
func heard(requests []FriendRequest, blocked []UserID) []FriendRequest {
	if len(requests) == 0 || len(blocked) == 0 {
		return requests
	}
	deaf := make(map[UserID]bool, len(blocked))
	for _, id := range blocked {
		deaf[id] = true
	}
	return slices.DeleteFunc(requests, func(r FriendRequest) bool { return deaf[r.From] })
}

// askings joins requests with the accounts of those who still exist.
func askings(requests []FriendRequest, accounts map[UserID]Account, other func(*FriendRequest) UserID) []Asking {
	var askings []Asking
	for i := range requests {
		if a, ok := accounts[other(&requests[i])]; ok {
			askings = append(askings, Asking{requests[i], a})
		}
	}
	return askings
}
