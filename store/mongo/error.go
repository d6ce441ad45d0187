package mongo

import (
	"context"
	"errors"
	"slices"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/x/mongo/driver/topology"
)

// failure turns an error of the driver into one that the rules understand. A nil error stays nil.
func failure(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, mongo.ErrNoDocuments):
		return chat.Wrap(chat.NotFound, "no such thing", err)
	case away(err):
		return chat.Wrap(chat.Unavailable, "the database does not answer", err)
	case duplicate(err):
		return chat.Wrap(chat.Conflict, "it exists already", err)
	default:
		return chat.Wrap(chat.Internal, "internal error", err)
	}
}

// duplicate tells whether a write failed on duplicate keys and on nothing else. If the majority is in doubt as well, it
// did not: then what it wrote before the duplicate, or what it duplicates, may yet be undone.
func duplicate(err error) bool {
	var one mongo.WriteException
	var many mongo.BulkWriteException
	var failed []mongo.WriteError
	switch {
	case errors.As(err, &one):
		failed = one.WriteErrors
	case errors.As(err, &many):
		for _, e := range many.WriteErrors {
			failed = append(failed, e.WriteError)
		}
	}
	return len(failed) > 0 && !withoutMajority(err) &&
		!slices.ContainsFunc(failed, func(e mongo.WriteError) bool { return !mongo.IsDuplicateKeyError(e) })
}

// away tells whether MongoDB did not answer, or answered that it cannot serve or cannot promise durability now.
func away(err error) bool {
	if mongo.IsNetworkError(err) || mongo.IsTimeout(err) || withoutMajority(err) ||
		errors.Is(err, mongo.ErrClientDisconnected) || errors.Is(err, context.Canceled) {
		return true
	}
	var selection topology.ServerSelectionError
	var connection topology.ConnectionError
	var pool topology.PoolError
	if errors.As(err, &selection) || errors.As(err, &connection) || errors.As(err, &pool) {
		return true
	}
	// The server's words for "not now": it is no longer or not yet the primary, it shuts down, it ran out of time, or it
	// lost its peers. https://www.mongodb.com/docs/manual/reference/error-codes/
	notNow := []int{
		6,     // HostUnreachable
		7,     // HostNotFound
		50,    // MaxTimeMSExpired
		64,    // WriteConcernFailed
		89,    // NetworkTimeout
		91,    // ShutdownInProgress
		133,   // FailedToSatisfyReadPreference
		134,   // ReadConcernMajorityNotAvailableYet
		189,   // PrimarySteppedDown
		262,   // ExceededTimeLimit
		9001,  // SocketException
		10058, // LegacyNotPrimary
		10107, // NotWritablePrimary
		11600, // InterruptedAtShutdown
		11602, // InterruptedDueToReplStateChange
		13435, // NotPrimaryNoSecondaryOk
		13436, // NotPrimaryOrSecondary
	}
	var server mongo.ServerError
	return errors.As(err, &server) && slices.ContainsFunc(notNow, server.HasErrorCode)
}

func withoutMajority(err error) bool {
	var one mongo.WriteException
	var many mongo.BulkWriteException
	return errors.As(err, &one) && one.WriteConcernError != nil || errors.As(err, &many) && many.WriteConcernError != nil
}
