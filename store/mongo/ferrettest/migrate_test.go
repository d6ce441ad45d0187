package ferrettest

import (
	"bytes"
	"image"
	"image/png"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/auth"
	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/media"
	"github.com/parley-chat/parley/store/embedded"
	parley "github.com/parley-chat/parley/store/mongo"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"golang.org/x/crypto/bcrypt"
)

func TestTheNodeServersDatabaseIsReadAsItIs(t *testing.T) {
	uri := fresh(t, server(t))
	db := raw(t, uri)
	ann := nodeUser("ann", bson.E{Key: "imgUrl", Value: "http://192.0.2.8:3000/mongo/img/1.jpg"})
	bob := nodeUser("bob")
	for i := range bob {
		if bob[i].Key == "phoneNum" {
			bob[i].Value = int64(13800138000)
		}
	}
	odd := bson.D{{Key: "_id", Value: "17"}, {Key: "username", Value: bson.A{"not", "a", "name"}}}
	_, err := db.Collection("users").InsertMany(t.Context(), []any{ann, bob, odd})
	noError(t, err)
	bobID := bob[0].Value.(primitive.ObjectID)
	for _, d := range []bson.D{
		{{Key: "_id", Value: primitive.NewObjectIDFromTimestamp(noon())}, {Key: "username", Value: "ann"}, {Key: "friends", Value: bson.A{
			bson.D{{Key: "userID", Value: bobID.Hex()}, {Key: "userName", Value: "bob"}}, // what the client posted
			bson.D{{Key: "userID", Value: bobID}}, bson.D{}, "nobody",
		}}},
		{{Key: "username", Value: "bob"}},
	} {
		_, err := db.Collection("friends").InsertOne(t.Context(), d)
		noError(t, err)
	}
	_, err = db.Collection("idtoids").InsertOne(t.Context(), bson.D{{Key: "userid", Value: bobID.Hex()}, {Key: "socketid", Value: "x"}})
	noError(t, err)

	node, err := parley.OpenNode(t.Context(), uri, slog.New(slog.DiscardHandler))
	noError(t, err)
	defer node.Close()
	users := make(map[string]chat.NodeUser)
	noError(t, node.Users(t.Context(), func(u chat.NodeUser) error { users[u.Username] = u; return nil }))
	wantAnn := chat.NodeUser{
		ID: ann[0].Value.(primitive.ObjectID).Hex(), Username: "ann", Password: "14e1b600b1fd579f47433b88e8d85291",
		Email: "ann@Example.org", Phone: "138 ann", ImageURL: "http://192.0.2.8:3000/mongo/img/1.jpg",
		Created: noon().Truncate(time.Second),
	}
	if users["ann"] != wantAnn || users["bob"].Phone != "13800138000" || users[""].ID != "17" || len(users) != 3 {
		t.Errorf("users are %+v", users)
	}
	lists := make(map[string]chat.NodeFriends)
	noError(t, node.Friends(t.Context(), func(f chat.NodeFriends) error { lists[f.Owner] = f; return nil }))
	if got := lists["ann"]; !slices.Equal(got.Friends, []string{bobID.Hex(), bobID.Hex(), "", ""}) || !got.Since.Equal(noon().Truncate(time.Second)) {
		t.Errorf("Ann's friends are %+v", got)
	}
	if len(lists) != 2 || len(lists["bob"].Friends) != 0 {
		t.Errorf("friends are %+v", lists)
	}
	for id, want := range map[chat.UserID]bool{
		chat.UserID(wantAnn.ID): true, "5e5c08000000000000000001": false, "17": true, "18": false,
	} {
		if has, err := node.HasUser(t.Context(), id); err != nil || has != want {
			t.Errorf("the user %s is there: %v, %v", id, has, err)
		}
	}
	if n, err := node.Sockets(t.Context()); err != nil || n != 1 {
		t.Errorf("%d sockets, %v", n, err)
	}
	// Nothing of ours was written into it.
	names, err := db.ListCollectionNames(t.Context(), bson.D{})
	noError(t, err)
	slices.Sort(names)
	indexes, err := db.Collection("users").Indexes().ListSpecifications(t.Context())
	noError(t, err)
	if !slices.Equal(names, []string{"friends", "idtoids", "users"}) || len(indexes) != 1 {
		t.Errorf("the database now has %q and %d indexes", names, len(indexes))
	}
}

// Ann, Bob and Carl of the Node server move into an embedded engine, twice, with Ann's picture. Ann logs in with the
// password that she has always had, and finds Bob among her friends.
func TestAnnMovesFromTheNodeServerAndLogsIn(t *testing.T) {
	uri := fresh(t, server(t))
	db := raw(t, uri)
	ann := nodeUser("ann", bson.E{Key: "imgUrl", Value: "http://192.0.2.8:3000/mongo/img/1.png"})
	bob, carl, twin := nodeUser("bob"), nodeUser("carl"), nodeUser("bob") // the Node server let two have one name
	_, err := db.Collection("users").InsertMany(t.Context(), []any{ann, bob, carl, twin})
	noError(t, err)
	id := func(user bson.D) string { return user[0].Value.(primitive.ObjectID).Hex() }
	friend := func(userID string) bson.D { return bson.D{{Key: "userID", Value: userID}} }
	_, err = db.Collection("friends").InsertMany(t.Context(), []any{
		bson.D{{Key: "username", Value: "ann"}, {Key: "friends", Value: bson.A{
			friend(id(carl)), friend(id(bob)), friend(id(carl)), friend("nobody"),
		}}},
		bson.D{{Key: "username", Value: "bob"}, {Key: "friends", Value: bson.A{friend(id(ann))}}},
	})
	noError(t, err)
	_, err = db.Collection("idtoids").InsertOne(t.Context(), bson.D{{Key: "userid", Value: id(bob)}, {Key: "socketid", Value: "x"}})
	noError(t, err)
	var picture bytes.Buffer
	noError(t, png.Encode(&picture, image.NewNRGBA(image.Rect(0, 0, 8, 8))))

	log := slog.New(slog.DiscardHandler)
	s, err := embedded.Open(t.Context(), t.TempDir(), log)
	noError(t, err)
	defer s.Close()
	pictures, err := media.Open(filepath.Join(t.TempDir(), "img"), t.TempDir(), log)
	noError(t, err)
	migrate := func() chat.Migrated {
		t.Helper()
		node, err := parley.OpenNode(t.Context(), uri, log)
		noError(t, err)
		defer node.Close()
		m := chat.Migration{
			From: node, Accounts: s, Friends: s,
			Pictures: &chat.Pictures{Files: pictures, Accounts: s, Log: log},
			Picture: func(name string) (io.ReadCloser, error) {
				if name != "1.png" {
					return nil, fs.ErrNotExist
				}
				return io.NopCloser(bytes.NewReader(picture.Bytes())), nil
			},
			Report:   func(what string) { t.Log("not taken:", what) },
			Progress: func(chat.Migrated) {},
		}
		done, err := m.Run(t.Context())
		noError(t, err)
		return done
	}
	// The twin, and "nobody", are not taken.
	want := chat.Migrated{Users: 4, NewUsers: 3, LowerCased: 3, Friends: 5, NewFriends: 3, Pictures: 1, Sockets: 1, Refused: 2}
	if done := migrate(); done != want {
		t.Errorf("moved %+v, want %+v", done, want)
	}

	passwords, err := auth.NewPasswords(bcrypt.MinCost)
	noError(t, err)
	accounts := &chat.Accounts{
		Store: s, Passwords: passwords, Tokens: auth.NewTokens([]byte("a secret of 16 b"), noon), Now: noon, Log: log,
		Limits: chat.AccountLimits{LoginByAccount: free{}, LoginByAddress: free{}, RegisterByAddress: free{}, SearchByUser: free{}, ProfileByUser: free{}},
	}
	if _, _, err := accounts.Login(t.Context(), "ann", "654321", "192.0.2.1"); chat.CodeOf(err) != chat.Unauthenticated {
		t.Errorf("with another's password: %v", err)
	}
	a, token, err := accounts.Login(t.Context(), "ann", "123456", "192.0.2.1")
	noError(t, err)
	if string(a.ID) != id(ann) || a.Email != "ann@example.org" || !strings.HasSuffix(a.Picture, ".png") || strings.Contains(a.Picture, "/") {
		t.Errorf("Ann is %+v", a)
	}
	if _, err := bcrypt.Cost([]byte(a.Password)); err != nil {
		t.Errorf("her password is not stored anew: %v", err)
	}
	if _, _, err := accounts.Authenticate(t.Context(), token); err != nil {
		t.Errorf("her token: %v", err)
	}

	// Again, with one more user: she is new, and what Ann has since stays hers.
	_, err = db.Collection("users").InsertOne(t.Context(), nodeUser("dora"))
	noError(t, err)
	want.Users, want.NewUsers, want.LowerCased, want.NewFriends, want.Pictures = 5, 1, 1, 0, 0
	if done := migrate(); done != want {
		t.Errorf("moved again %+v, want %+v", done, want)
	}
	if again, _, err := accounts.Login(t.Context(), "ann", "123456", "192.0.2.1"); err != nil || !reflect.DeepEqual(again, a) {
		t.Errorf("Ann is now %+v, %v; was %+v", again, err, a)
	}
	friends, err := (&chat.Friends{Store: s, Accounts: s, Now: noon}).Friends(t.Context(), a.ID)
	noError(t, err)
	names := make([]string, len(friends))
	for i, f := range friends {
		names[i] = f.Account.Username
	}
	if !slices.Equal(names, []string{"carl", "bob"}) {
		t.Errorf("her friends are %q", names)
	}
}

// free lets everybody in.
type free struct{}

func (free) Allow(string) (time.Duration, bool) { return 0, true }
func (free) Reset(string)                       {}
