// Package mongo is the engine for production: it keeps what chat.Store asks for in MongoDB 6 or newer, a replica set or
// a single server, through the official driver.
//
// Every write waits for a majority and its journal, and every read sees only what a majority has: nothing that was
// answered, or read and built upon, can be undone by a change of primary. No rule rests on read-then-write: uniqueness
// is that of _id or of a unique index.
//
// It keeps to operations that FerretDB 1.24 answers as MongoDB does, since that is what its tests run on where no
// MongoDB is at hand: no transactions, no partial or TTL indexes, and updates of one record one after the other within
// this process, because FerretDB does not make them atomic.
package mongo

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readconcern"
	"go.mongodb.org/mongo-driver/mongo/readpref"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/x/mongo/driver/auth"
	"go.mongodb.org/mongo-driver/x/mongo/driver/connstring"
)

const (
	defaultDatabase = "parley" // when the address names none
	maxDatabase     = 63       // bytes
)

const (
	selectWait = 3 * time.Second  // until there is a server to ask
	pingWait   = 4 * time.Second  // selectWait and one answer
	callWait   = 10 * time.Second // the most for one call, if its context allows more
	appendWait = 30 * time.Second // the same for Append, which may need many commands
	indexWait  = 5 * time.Minute  // for building indexes over what is already there
	closeWait  = 5 * time.Second  // for commands under way
)

// maxPool bounds the connections of this process. Append needs one at a time; the rest are logins and pages, and a
// login uses up to lastAtOnce.
const maxPool = 64

// batches say how many operations one command holds.
type batches struct{ inserts, updates int }

// Store is the engine. Make it with Open.
type Store struct {
	client *mongo.Client
	watch  *watch
	log    *slog.Logger

	users, friendships, messages, conversations      *mongo.Collection
	blocks, requests                                 *mongo.Collection
	cursors, devices, seen, sockets, nodes, sketches *mongo.Collection
	files, codes, rooms, members                     *mongo.Collection

	most   batches
	ferret bool // the server is FerretDB

	appending chan struct{} // holds one token while Append runs
	numbers   numbers

	advancing sync.Mutex // see AdvanceCursors
	seed      maphash.Seed
	stripes   [64]sync.Mutex // see stripe

	closing sync.Once
}

var _ chat.Store = (*Store)(nil)

// Open connects to MongoDB at uri (https://www.mongodb.com/docs/manual/reference/connection-string/) and makes the
// indexes that are missing. The path of uri names the database, "parley" if there is none.
//
// Errors: Invalid for a malformed uri, Unavailable within five seconds when MongoDB does not answer, Unauthenticated
// when it refuses the credentials, Conflict when what it holds breaks a unique index. No error contains credentials.
func Open(ctx context.Context, uri string, log *slog.Logger) (*Store, error) {
	s, hosts, err := connect(ctx, uri, log)
	if err != nil {
		return nil, err
	}
	if err = s.meet(ctx, hosts); err == nil {
		err = s.makeIndexes(ctx)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	if err := s.noteEmails(ctx); err != nil {
		log.Warn("some users are found by their email only with the capitals that it was stored with", "error", err)
	}
	return s, nil
}

// connect prepares to talk to MongoDB at uri, whose hosts it returns, without a word being said yet.
func connect(ctx context.Context, uri string, log *slog.Logger) (s *Store, hosts string, err error) {
	address, err := connstring.ParseAndValidate(uri)
	if err != nil {
		// Neither uri nor the parser's text is shown: both may contain the password.
		return nil, "", chat.Errorf(chat.Invalid,
			"not the address of a MongoDB: want mongodb://[user:password@]host[:port]/[database]")
	}
	hosts = hostsOf(address)
	name := cmp.Or(address.Database, defaultDatabase)
	if strings.ContainsAny(name, `/\. "$`) || len(name) > maxDatabase {
		return nil, "", chat.Errorf(chat.Invalid, "MongoDB allows no database of the name %q", name)
	}
	seen := new(watch)
	client, err := mongo.Connect(ctx, clientOptions(uri).SetMonitor(seen.monitor()))
	if err != nil {
		return nil, "", chat.Wrap(chat.Invalid, "the address of MongoDB at "+hosts+" cannot be used", err)
	}
	return newStore(client, name, seen, log), hosts, nil
}

// hostsOf lists the hosts of an address with their ports, and nothing else of it.
func hostsOf(address *connstring.ConnString) string {
	hosts := slices.Clone(address.Hosts)
	for i, host := range hosts {
		if _, _, err := net.SplitHostPort(host); err != nil && !strings.HasPrefix(host, "/") {
			hosts[i] += ":27017"
		}
	}
	return strings.Join(hosts, ",")
}

func clientOptions(uri string) *options.ClientOptions {
	durable, journal := writeconcern.Majority(), true
	durable.Journal = &journal
	o := options.Client().ApplyURI(uri).
		SetAppName("parley").
		SetServerSelectionTimeout(selectWait).
		SetConnectTimeout(selectWait).
		SetReadPreference(readpref.Primary()).
		SetReadConcern(readconcern.Majority()).
		SetWriteConcern(durable)
	if o.MaxPoolSize == nil {
		o.SetMaxPoolSize(maxPool)
	}
	return o
}

func newStore(client *mongo.Client, name string, seen *watch, log *slog.Logger) *Store {
	db := client.Database(name)
	return &Store{
		client:        client,
		watch:         seen,
		log:           log,
		users:         db.Collection("users"),
		friendships:   db.Collection("friendships"),
		blocks:        db.Collection("blocks"),
		requests:      db.Collection("requests"),
		messages:      db.Collection("messages"),
		conversations: db.Collection("conversations"),
		cursors:       db.Collection("cursors"),
		devices:       db.Collection("devices"),
		seen:          db.Collection("seen"),
		sockets:       db.Collection("sockets"),
		nodes:         db.Collection("nodes"),
		sketches:      db.Collection("sketches"),
		files:         db.Collection("files"),
		codes:         db.Collection("codes"),
		rooms:         db.Collection("rooms"),
		members:       db.Collection("members"),
		appending:     make(chan struct{}, 1),
		seed:          maphash.MakeSeed(),
	}
}

// meet asks the server what it is.
func (s *Store) meet(ctx context.Context, hosts string) error {
	ctx, cancel := context.WithTimeout(ctx, pingWait)
	defer cancel()
	var server struct {
		FerretDB string `bson:"ferretdbVersion"`
	}
	err := s.users.Database().RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&server)
	var refused *auth.Error
	switch {
	case errors.As(err, &refused):
		return &chat.Error{Code: chat.Unauthenticated, Message: "MongoDB at " + hosts + " refuses the credentials", Cause: refused}
	case err != nil:
		return &chat.Error{Code: chat.Unavailable, Message: "MongoDB at " + hosts + " does not answer", Cause: err}
	}
	s.most = batches{inserts: 1000, updates: 1000} // MongoDB allows 100,000
	if server.FerretDB != "" {
		s.ferret = true
		s.log.Warn("this is FerretDB, which loses concurrent updates: good for tests alone", "version", server.FerretDB)
		// Past 100 inserts it goes wrong when it meets a duplicate; and each update of a command keeps one of its 100
		// connections to SQLite until the command ends.
		s.most = batches{inserts: 100, updates: 25}
	}
	return nil
}

// Ping returns nil when the primary answers.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingWait)
	defer cancel()
	return failure(s.client.Ping(ctx, readpref.Primary()))
}

// Close waits a moment for commands under way and lets go of the connections. What was answered is durable already.
func (s *Store) Close() (err error) {
	s.closing.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeWait)
		defer cancel()
		err = failure(s.client.Disconnect(ctx))
	})
	return err
}

// stripe is the lock under which this process updates the records of a user or a conversation. MongoDB makes an update
// of one document atomic, so there the lock is idle and two processes are as safe as one. FerretDB reads, computes and
// writes the whole document without a lock: there one process never races with itself, and two may.
func (s *Store) stripe(of string) *sync.Mutex {
	return &s.stripes[maphash.String(s.seed, of)%uint64(len(s.stripes))]
}
