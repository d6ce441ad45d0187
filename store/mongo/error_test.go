package mongo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/x/mongo/driver/topology"
)

func TestFailures(t *testing.T) {
	taken := mongo.WriteError{Code: 11000, Message: "E11000 duplicate key error"}
	tooLarge := mongo.WriteError{Code: 10334, Message: "BSONObjectTooLarge"}
	inDoubt := &mongo.WriteConcernError{Code: 64, Message: "waiting for replication timed out"}
	bulk := func(inDoubt *mongo.WriteConcernError, failed ...mongo.WriteError) error {
		e := mongo.BulkWriteException{WriteConcernError: inDoubt}
		for _, f := range failed {
			e.WriteErrors = append(e.WriteErrors, mongo.BulkWriteError{WriteError: f})
		}
		return e
	}
	for _, c := range []struct {
		what string
		err  error
		want chat.Code
	}{
		{"nothing", nil, ""},
		{"no documents", mongo.ErrNoDocuments, chat.NotFound},
		{"a duplicate", mongo.WriteException{WriteErrors: mongo.WriteErrors{taken}}, chat.Conflict},
		{"a duplicate of many", bulk(nil, taken), chat.Conflict},
		{"a duplicate and something else", bulk(nil, taken, tooLarge), chat.Internal},
		{"a duplicate without a majority", bulk(inDoubt, taken), chat.Unavailable},
		{"no majority", mongo.WriteException{WriteConcernError: inDoubt}, chat.Unavailable},
		{"a document too large", mongo.WriteException{WriteErrors: mongo.WriteErrors{tooLarge}}, chat.Internal},
		{"a lost connection", mongo.CommandError{Labels: []string{"NetworkError"}, Wrapped: io.EOF}, chat.Unavailable},
		{"no server", topology.ServerSelectionError{Wrapped: context.DeadlineExceeded}, chat.Unavailable},
		{"a failed handshake", topology.ConnectionError{Wrapped: io.EOF}, chat.Unavailable},
		{"a busy pool", topology.WaitQueueTimeoutError{}, chat.Unavailable},
		{"no primary any more", mongo.CommandError{Code: 10107, Name: "NotWritablePrimary"}, chat.Unavailable},
		{"out of time", mongo.CommandError{Code: 50, Name: "MaxTimeMSExpired"}, chat.Unavailable},
		{"a closed engine", mongo.ErrClientDisconnected, chat.Unavailable},
		{"a cancelled caller", fmt.Errorf("find: %w", context.Canceled), chat.Unavailable},
		{"a late caller", context.DeadlineExceeded, chat.Unavailable},
		{"a bad command", mongo.CommandError{Code: 2, Name: "BadValue"}, chat.Internal},
		{"anything else", errors.New("?"), chat.Internal},
	} {
		err := failure(c.err)
		if got := chat.CodeOf(err); got != c.want {
			t.Errorf("%s: code %q, want %q", c.what, got, c.want)
		}
		if c.err != nil && !errors.Is(err, c.err) && chat.AsError(err).Cause == nil {
			t.Errorf("%s: the log does not learn the cause", c.what)
		}
	}
}
