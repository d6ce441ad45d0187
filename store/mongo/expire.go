package mongo

import (
	"context"
	"errors"
	"time"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// Expire forgets messages whose time is over: see chat.RetentionStore. It takes a find or two for each conversation,
// and up to four more and two writes where something has expired.
//
// Each write finds a message only as long as its change is the one that was read: one that is changed meanwhile may now
// hold the latest change, and is left for the next time.
func (s *Store) Expire(ctx context.Context, before time.Time, from chat.ConvID, limit int) (expired int, next chat.ConvID, err error) {
	atLeast := ""
	if from != "" {
		atLeast = string(from) + "/"
	}
	for left := limit; ; {
		conv, err := s.firstConv(ctx, atLeast)
		if err != nil || conv == "" || left <= 0 {
			return expired, conv, err
		}
		n, looked, done, err := s.expireIn(ctx, conv, before, left)
		expired += n
		if err != nil {
			return expired, "", err
		}
		if left -= max(looked, 1); done {
			atLeast = string(conv) + "0" // behind all of its messages
		}
	}
}

// tracesMost is how many messages of a conversation may stay as traces: the newest, and the one changed last.
const tracesMost = 2

// expireIn works off the old end of one conversation, at most limit messages of it. Traces that stay are passed over
// without being counted, so that every call gets on.
func (s *Store) expireIn(ctx context.Context, conv chat.ConvID, before time.Time, limit int) (expired, looked int, done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, appendWait)
	defer cancel()
	lock := s.stripe(string(conv)) // see ChangeMessage
	lock.Lock()
	defer lock.Unlock()
	var first []messageDoc
	err = find(ctx, s.messages, under(string(conv)), &first, options.Find().SetSort(byID(1)).SetLimit(1))
	if err != nil || len(first) == 0 || !first[0].At.Before(before) {
		return 0, 0, true, err
	}
	newest, err := s.end(ctx, conv)
	last := newest.Seq
	if err != nil {
		return 0, 0, false, failure(err)
	}
	changed, err := s.lastChanged(ctx, conv)
	if err != nil {
		return 0, 0, false, failure(err)
	}
	var docs []messageDoc
	err = find(ctx, s.messages, between(string(conv)+"/", messageID(conv, last+1)), &docs, options.Find().SetSort(byID(1)).
		SetLimit(int64(limit+tracesMost)).SetProjection(bson.D{{Key: "body", Value: 0}, {Key: "time", Value: 0}}))
	if err != nil {
		return 0, 0, false, err
	}
	done = len(docs) < limit+tracesMost
	var gone bson.A // as they were sent
	for _, d := range docs {
		if !d.At.Before(before) {
			done = true
			break
		}
		stays := uint64(d.Seq) == last || uint64(d.Seq) == changed
		if stays && d.State == chat.Expired {
			continue
		}
		looked++
		one := bson.D{{Key: "_id", Value: d.ID}, {Key: "change", Value: d.Change}}
		if d.Change == 0 {
			one[1].Value = bson.D{{Key: "$exists", Value: false}}
		}
		n := int64(0)
		switch {
		case stays:
			trace := append(set(bson.D{{Key: "state", Value: chat.Expired}, {Key: "body", Value: "null"}}),
				bson.E{Key: "$unset", Value: bson.D{
					{Key: "files", Value: ""}, {Key: "mentions", Value: ""}, {Key: "mentionsAll", Value: ""},
				}})
			result, err := s.messages.UpdateOne(ctx, one, trace)
			if err != nil {
				return expired, looked, false, failure(err)
			}
			n = result.ModifiedCount
		case d.Change == 0:
			gone = append(gone, d.ID)
			if d.State == chat.Expired {
				expired-- // it was counted when it became a trace
			}
		default:
			result, err := s.messages.DeleteOne(ctx, one)
			if err != nil {
				return expired, looked, false, failure(err)
			}
			if n = result.DeletedCount; d.State == chat.Expired {
				n = 0
			}
		}
		expired += int(n)
	}
	if len(gone) == 0 {
		return expired, looked, done, nil
	}
	result, err := s.messages.DeleteMany(ctx, bson.D{
		{Key: "_id", Value: bson.D{{Key: "$in", Value: gone}}}, {Key: "change", Value: bson.D{{Key: "$exists", Value: false}}},
	})
	if err != nil {
		return expired, looked, false, failure(err)
	}
	return expired + int(result.DeletedCount), looked, done, nil
}

// lastChanged returns the number of the message that was changed last; 0 for none.
func (s *Store) lastChanged(ctx context.Context, conv chat.ConvID) (uint64, error) {
	var d messageDoc
	err := s.messages.FindOne(ctx, changesOf(conv, 0), options.FindOne().SetSort(bson.D{{Key: "changeKey", Value: -1}}).
		SetProjection(bson.D{{Key: "seq", Value: 1}})).Decode(&d)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return 0, nil
	}
	return uint64(d.Seq), err
}
