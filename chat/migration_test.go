package chat

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
)

// nodeServer is a database of the Node server.
type nodeServer struct {
	users   []NodeUser
	friends []NodeFriends
}

func (n *nodeServer) Users(_ context.Context, emit func(NodeUser) error) error {
	for _, u := range n.users {
		if err := emit(u); err != nil {
			return err
		}
	}
	return nil
}

func (n *nodeServer) Friends(_ context.Context, emit func(NodeFriends) error) error {
	for _, f := range n.friends {
		if err := emit(f); err != nil {
			return err
		}
	}
	return nil
}

func (n *nodeServer) HasUser(_ context.Context, id UserID) (bool, error) {
	return slices.ContainsFunc(n.users, func(u NodeUser) bool { return u.ID == string(id) }), nil
}

func (n *nodeServer) Sockets(context.Context) (int, error) { return 7, nil }

// town is an engine of accounts and friends.
type town struct {
	AccountStore
	FriendStore
	accounts []Account
	friends  map[UserID][]UserID
	erased   map[UserID]time.Time
}

func (s *town) find(fits func(*Account) bool) (Account, error) {
	for i := range s.accounts {
		if fits(&s.accounts[i]) {
			return s.accounts[i], nil
		}
	}
	return Account{}, Errorf(NotFound, "no such user")
}

func (s *town) CreateAccount(_ context.Context, a Account) error {
	_, err := s.find(func(b *Account) bool {
		return a.ID == b.ID || a.Username == b.Username || a.Email == b.Email || a.Phone == b.Phone
	})
	if err == nil || !s.erased[a.ID].IsZero() {
		return Errorf(Conflict, "taken")
	}
	s.accounts = append(s.accounts, a)
	return nil
}

func (s *town) Account(_ context.Context, id UserID) (Account, error) {
	return s.find(func(b *Account) bool { return b.ID == id })
}

func (s *town) AccountByUsername(_ context.Context, name string) (Account, error) {
	return s.find(func(b *Account) bool { return b.Username == name })
}

func (s *town) Erased(_ context.Context, ids []UserID) ([]time.Time, error) {
	at := make([]time.Time, len(ids))
	for i, id := range ids {
		at[i] = s.erased[id]
	}
	return at, nil
}

func (s *town) SetPicture(_ context.Context, id UserID, name string) (former string, err error) {
	for i := range s.accounts {
		if a := &s.accounts[i]; a.ID == id {
			former, a.Picture = a.Picture, name
		}
	}
	return former, nil
}

func (s *town) AddFriend(_ context.Context, owner, friend UserID, _ time.Time) (bool, error) {
	if slices.Contains(s.friends[owner], friend) {
		return false, nil
	}
	s.friends[owner] = append(s.friends[owner], friend)
	return true, nil
}

func (s *town) Friends(_ context.Context, owner UserID) ([]UserID, error) {
	return s.friends[owner], nil
}

// frame takes a picture unless it says that it is none.
type frame struct{ PictureFiles }

func (frame) SaveAvatar(_ context.Context, owner UserID, r io.Reader) (string, error) {
	if b, _ := io.ReadAll(r); string(b) == "no picture" {
		return "", Errorf(Invalid, "not an image")
	}
	return "of-" + string(owner) + ".png", nil
}

func TestTheNodeServersPeopleMoveIn(t *testing.T) {
	const ann, bob, carl, dora = "5e5c08000000000000000001", "5e5c08000000000000000002", "5e5c08000000000000000003", "5e5c08000000000000000004"
	at := func(name string) string { return "http://192.168.0.108:3000/mongo/img/" + name }
	user := func(id, name, email, phone, image string) NodeUser {
		return NodeUser{ID: id, Username: name, Password: "14e1b600b1fd579f47433b88e8d85291", Email: email, Phone: phone, ImageURL: image}
	}
	node := &nodeServer{
		users: []NodeUser{
			user(ann, "安", "Ann@Example.org", "1001", at("1.jpg")),
			user(bob, "bob", "bob@example.org", "1002", at("missing.jpg")),
			user(carl, "carl", "ANN@example.org", "1003", ""), // Ann's, but for the capitals
			user("17", "number", "n@example.org", "1005", ""),
			user(dora, "dora", "dora@example.org", "1004", at("bad.jpg")),
			user("5e5c08000000000000000005", "", "e@example.org", "1006", ""),
			user("5e5c08000000000000000006", "nophone", "f@example.org", "", ""),
			user("5e5c08000000000000000007", "long", strings.Repeat("x", 300), "1007", ""),
		},
		friends: []NodeFriends{
			{Owner: "安", Friends: []string{bob, ann, carl, "", bob, dora}},
			{Owner: "carl", Friends: []string{ann}},
		},
	}
	s := &town{friends: make(map[UserID][]UserID)}
	run := func() (Migrated, []string) {
		t.Helper()
		var refused []string
		steps := 0
		m := Migration{
			From: node, Accounts: s, Friends: s,
			Pictures: &Pictures{Files: frame{}, Accounts: s, Log: slog.New(slog.DiscardHandler)},
			Picture: func(name string) (io.ReadCloser, error) {
				content, ok := map[string]string{"1.jpg": "a picture", "bad.jpg": "no picture"}[name]
				if !ok {
					return nil, fs.ErrNotExist
				}
				return io.NopCloser(bytes.NewReader([]byte(content))), nil
			},
			Report:   func(what string) { refused = append(refused, what) },
			Progress: func(Migrated) { steps++ },
		}
		done, err := m.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if steps != len(node.users)+len(node.friends) || done.Refused != len(refused) {
			t.Errorf("%d steps, %d refused, told %q", steps, done.Refused, refused)
		}
		return done, refused
	}
	done, refused := run()
	if want := (Migrated{Users: 8, NewUsers: 3, LowerCased: 1, Friends: 6, NewFriends: 2, Pictures: 1, Sockets: 7, Refused: 11}); done != want {
		t.Errorf("%+v, want %+v\n%s", done, want, strings.Join(refused, "\n"))
	}
	a, err := s.Account(t.Context(), ann)
	if err != nil || a.Username != "安" || a.Email != "ann@example.org" || a.Picture != "of-"+ann+".png" || a.Password != node.users[0].Password {
		t.Errorf("Ann is %+v, %v", a, err)
	}
	if b, _ := s.Account(t.Context(), bob); b.Picture != at("missing.jpg") {
		t.Errorf("Bob's picture is %q", b.Picture)
	}
	if got := s.friends[ann]; !slices.Equal(got, []UserID{bob, dora}) {
		t.Errorf("Ann's friends are %v", got)
	}

	// Ann has a new picture and password. Again: nothing is new, and what is hers stays.
	s.accounts[0].Picture, s.accounts[0].Password = "mine.png", "$2a$10$fresh"
	again, _ := run()
	if again.NewUsers != 0 || again.NewFriends != 0 || again.Pictures != 0 || again.Users != 8 {
		t.Errorf("again: %+v", again)
	}
	if a := s.accounts[0]; a.Picture != "mine.png" || a.Password != "$2a$10$fresh" {
		t.Errorf("Ann is now %+v", a)
	}

	// She deletes her account here. The Node server still has her; she does not come back.
	s.accounts, s.erased = s.accounts[1:], map[UserID]time.Time{ann: time.UnixMilli(1)}
	_, refused = run()
	if !slices.Contains(refused, `user `+ann+` ("安"): deleted her account here`) {
		t.Errorf("refused: %s", strings.Join(refused, "\n"))
	}
	if _, err := s.Account(t.Context(), ann); CodeOf(err) != NotFound {
		t.Errorf("Ann, who left: %v", err)
	}
}

// Carl registered here before the Node server's Carl moved in. He is another: her friends are not his, who would let
// them see when he is online.
func TestAStrangerOfTheSameNameGetsNobodysFriends(t *testing.T) {
	const ann, theirs, ours = "5e5c08000000000000000001", "5e5c08000000000000000003", "6a5c08000000000000000001"
	node := &nodeServer{
		users: []NodeUser{
			{ID: ann, Username: "ann", Password: "x", Email: "ann@example.org", Phone: "1001"},
			{ID: theirs, Username: "carl", Password: "x", Email: "carl@example.org", Phone: "1003"},
		},
		friends: []NodeFriends{{Owner: "ann", Friends: []string{theirs}}, {Owner: "carl", Friends: []string{ann}}},
	}
	s := &town{
		accounts: []Account{{ID: ours, Username: "carl", Email: "carl@example.com", Phone: "2003"}},
		friends:  make(map[UserID][]UserID),
	}
	var refused []string
	m := Migration{
		From: node, Accounts: s, Friends: s,
		Report: func(what string) { refused = append(refused, what) }, Progress: func(Migrated) {},
	}
	done, err := m.Run(t.Context())
	if err != nil || done.NewUsers != 1 || done.NewFriends != 0 || len(s.friends) != 0 {
		t.Errorf("%+v, %v, friends %v", done, err, s.friends)
	}
	if len(refused) != 3 || !strings.Contains(refused[2], `friends of "carl": the name is another one's here`) {
		t.Errorf("told %q", refused)
	}
}
