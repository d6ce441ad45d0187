package chat

import (
	"context"
	"slices"
	"time"
)

// Token is what the server remembers of a token: its name, which proves nothing, and when it ends by itself.
//
// Among an account's revoked tokens, one without ID stands for every token that ends no later.
type Token struct {
	ID    TokenID
	Until time.Time // in whole seconds
}

const (
	// maxRevoked bounds the revocations of an account, which is read with every request.
	maxRevoked = 64
	// maxDeviceTokens bounds what is remembered of the tokens that a device came with.
	maxDeviceTokens = 8
)

// revoked tells whether a token was ended before its time.
func (a *Account) revoked(t Token) bool {
	return slices.ContainsFunc(a.Revoked, func(r Token) bool {
		return r.ID == t.ID || r.ID == "" && !t.Until.After(r.Until)
	})
}

// revoke ends tokens of a user before their time, for good: nothing that Authenticate is given accepts them any more.
//
// Past maxRevoked, the older half of the revocations becomes one that ends every token as old as they are. That may end
// a token which nobody revoked, and its owner logs in again; to forget a revocation would bring a dead token back.
func revoke(ctx context.Context, store AccountStore, user UserID, tokens []Token, now time.Time) error {
	a, err := store.Account(ctx, user)
	if err != nil {
		return err
	}
	var add, remove, kept []Token
	for _, t := range tokens {
		if t.Until.After(now) && !a.revoked(t) {
			add = append(add, t)
		}
	}
	if len(add) == 0 {
		return nil
	}
	for _, t := range a.Revoked {
		if t.Until.After(now) {
			kept = append(kept, t)
		} else {
			remove = append(remove, t)
		}
	}
	if all := slices.Concat(kept, add); len(all) > maxRevoked {
		slices.SortFunc(all, func(a, b Token) int { return a.Until.Compare(b.Until) })
		mark := Token{Until: all[len(all)-maxRevoked/2].Until}
		older := func(t Token) bool { return !t.Until.After(mark.Until) }
		for _, t := range kept {
			if older(t) {
				remove = append(remove, t)
			}
		}
		remove = slices.DeleteFunc(remove, func(t Token) bool { return t.ID == "" && t.Until.Equal(mark.Until) })
		add = append(slices.DeleteFunc(add, older), mark)
	}
	return store.RevokeTokens(ctx, user, add, remove)
}

// KeptTokens returns those of a device's tokens that are worth remembering at now, each once: those that have not ended,
// and of them the eight that end last.
func KeptTokens(tokens []Token, now time.Time) []Token {
	kept := make([]Token, 0, len(tokens))
	for _, t := range tokens {
		if t.ID != "" && t.Until.After(now) && !slices.ContainsFunc(kept, func(k Token) bool { return k.ID == t.ID }) {
			kept = append(kept, t)
		}
	}
	slices.SortStableFunc(kept, func(a, b Token) int { return b.Until.Compare(a.Until) })
	return kept[:min(len(kept), maxDeviceTokens)]
}
