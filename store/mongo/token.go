package mongo

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
)

// tokenText is a token as the sets of accounts and devices hold it: "until/id", until in milliseconds since 1970. Equal
// tokens are equal texts, which is what $addToSet and $pullAll go by.
func tokenText(t chat.Token) string {
	return strconv.FormatInt(t.Until.UnixMilli(), 10) + "/" + string(t.ID)
}

func tokenTexts(tokens []chat.Token) []string {
	var texts []string
	for _, t := range tokens {
		texts = append(texts, tokenText(t))
	}
	return texts
}

func tokensOf(texts []string) []chat.Token {
	var tokens []chat.Token
	for _, text := range texts {
		until, id, _ := strings.Cut(text, "/")
		if ms, err := strconv.ParseInt(until, 10, 64); err == nil {
			tokens = append(tokens, chat.Token{ID: chat.TokenID(id), Until: time.UnixMilli(ms).UTC()})
		}
	}
	return tokens
}

// addToken is the update that adds one token to a set of them. One at a time: FerretDB is not known for $each here.
func addToken(field string, t chat.Token) bson.E {
	return bson.E{Key: "$addToSet", Value: bson.D{{Key: field, Value: tokenText(t)}}}
}

// pullTokens is the update that takes tokens out of a set.
func pullTokens(field string, tokens []chat.Token) bson.D {
	return bson.D{{Key: "$pullAll", Value: bson.D{{Key: field, Value: tokenTexts(tokens)}}}}
}

// RevokeTokens adds to the account's revoked tokens and then takes others out: see chat.AccountStore. Each step is one
// atomic update of MongoDB; see stripe for FerretDB.
func (s *Store) RevokeTokens(ctx context.Context, id chat.UserID, add, remove []chat.Token) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	oid, ok := objectID(id)
	if !ok {
		return noSuchUser()
	}
	var steps []mongo.WriteModel
	step := func(update bson.D) {
		steps = append(steps, mongo.NewUpdateOneModel().SetFilter(alive(oid)).SetUpdate(update))
	}
	for _, t := range add {
		step(bson.D{addToken("revoked", t)})
	}
	if len(remove) > 0 {
		step(pullTokens("revoked", remove))
	}
	lock := s.stripe(string(id))
	lock.Lock()
	defer lock.Unlock()
	if len(steps) == 0 {
		_, err := s.Account(ctx, id)
		return err
	}
	result, err := s.users.BulkWrite(ctx, steps) // in order, and none after one that failed
	if err != nil {
		return failure(err)
	}
	if result.MatchedCount == 0 {
		return noSuchUser()
	}
	return nil
}
