package chat

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// NodeSource is the database of the Node server, as it is: nothing in it has been checked.
type NodeSource interface {
	// Users calls emit with every user, oldest first.
	Users(ctx context.Context, emit func(NodeUser) error) error
	// Friends calls emit with the list of friends of every user who has one.
	Friends(ctx context.Context, emit func(NodeFriends) error) error
	// HasUser tells whether one of the users has this id.
	HasUser(ctx context.Context, id UserID) (bool, error)
	// Sockets is how many users were said to have a socket.
	Sockets(ctx context.Context) (int, error)
}

// NodeUser is a document of users. A field that is missing, or of another type, is empty.
type NodeUser struct {
	ID                                         string
	Username, Password, Email, Phone, ImageURL string
	Created                                    time.Time
}

// NodeFriends is a document of friends: the Node server keeps them by the name of whose they are.
type NodeFriends struct {
	Owner   string // username
	Friends []string
	Since   time.Time
}

// Migrated counts what a migration did.
type Migrated struct {
	Users, NewUsers, LowerCased int // LowerCased: emails with capitals, which are stored without
	Friends, NewFriends         int
	Pictures                    int // taken in; those that stay with the Node server have URLs
	Sockets                     int // left behind: they ended with it
	Refused                     int // what could not be taken; Report was told of each
}

// Migration takes the data of the Node server into an engine, under the same user ids. Doing it again adds what is new
// and leaves alone what is here, also where it has changed since.
//
// Passwords come as they are, double MD5, and are replaced at the next login.
type Migration struct {
	From     NodeSource
	Accounts AccountStore
	Friends  FriendStore
	Pictures *Pictures
	// Picture opens a picture of the Node server by its name; nil for leaving pictures where they are.
	Picture func(name string) (io.ReadCloser, error)
	// Report is told of each thing that could not be taken.
	Report func(what string)
	// Progress is told after each user and list of friends how far it is.
	Progress func(Migrated)
}

// Run does it. An error ends it; what was taken by then stays.
func (m *Migration) Run(ctx context.Context) (done Migrated, err error) {
	refuse := func(format string, args ...any) {
		done.Refused++
		m.Report(fmt.Sprintf(format, args...))
	}
	err = m.From.Users(ctx, func(u NodeUser) error {
		done.Users++
		defer func() { m.Progress(done) }()
		return m.user(ctx, u, &done, refuse)
	})
	if err != nil {
		return done, err
	}
	err = m.From.Friends(ctx, func(f NodeFriends) error {
		defer func() { m.Progress(done) }()
		return m.friends(ctx, f, &done, refuse)
	})
	if err != nil {
		return done, err
	}
	done.Sockets, err = m.From.Sockets(ctx)
	return done, err
}

func (m *Migration) user(ctx context.Context, u NodeUser, done *Migrated, refuse func(string, ...any)) error {
	id := UserID(u.ID)
	switch {
	case !id.Valid():
		refuse("user %q: its id %q is not one of MongoDB's", u.Username, u.ID)
		return nil
	case checkText("username", u.Username, maxUsername) != nil:
		refuse("user %s: its name %q is empty, too long or not in one line", u.ID, u.Username)
		return nil
	case u.Password == "" || u.Email == "" || u.Phone == "":
		refuse("user %s (%q): password, email or phone number is missing", u.ID, u.Username)
		return nil
	case len(u.Email) > maxEmail || len(u.Phone) > 4*maxPhone || len(u.Password) > 4*maxPassword || len(u.ImageURL) > maxImageURL:
		refuse("user %s (%q): a field is too long", u.ID, u.Username)
		return nil
	}
	a := Account{
		ID: id, Username: u.Username, Email: strings.ToLower(u.Email), Phone: u.Phone, Password: u.Password, Picture: u.ImageURL,
		Created: u.Created,
	}
	switch err := m.Accounts.CreateAccount(ctx, a); CodeOf(err) {
	case "":
		done.NewUsers++
		if a.Email != u.Email {
			done.LowerCased++
		}
	case Conflict:
		here, err := m.Accounts.Account(ctx, id)
		if CodeOf(err) == NotFound {
			erased, err := m.Accounts.Erased(ctx, []UserID{id})
			if err != nil {
				return err
			}
			if !erased[0].IsZero() {
				refuse("user %s (%q): deleted her account here", u.ID, u.Username)
				return nil
			}
			refuse("user %s (%q): another one has the name, the email %s or the phone number %s", u.ID, u.Username, a.Email, a.Phone)
			return nil
		}
		if err != nil {
			return err
		}
		a = here
	default:
		return err
	}
	return m.picture(ctx, a, done, refuse)
}

const maxImageURL = 2048 // bytes

// nodePictures is where the Node server's URLs of pictures lead.
const nodePictures = "/mongo/img/"

// picture takes in the picture of an account which still has the Node server's URL of it.
func (m *Migration) picture(ctx context.Context, a Account, done *Migrated, refuse func(string, ...any)) error {
	_, name, ok := strings.Cut(a.Picture, nodePictures)
	if !ok || m.Picture == nil {
		return nil
	}
	file, err := m.Picture(name)
	if err != nil {
		refuse("picture %q of %q: not found", name, a.Username)
		return nil
	}
	defer file.Close()
	switch _, err := m.Pictures.SetAvatar(ctx, a.ID, file); CodeOf(err) {
	case "":
		done.Pictures++
	case Invalid, TooLarge, Conflict:
		refuse("picture %q of %q: %s", name, a.Username, AsError(err).Message)
	default:
		return err
	}
	return nil
}

func (m *Migration) friends(ctx context.Context, f NodeFriends, done *Migrated, refuse func(string, ...any)) error {
	owner, err := m.Accounts.AccountByUsername(ctx, f.Owner)
	if CodeOf(err) == NotFound {
		refuse("friends of %q: there is no such user", f.Owner)
		return nil
	}
	if err != nil {
		return err
	}
	// A name that somebody else had here first is hers: a list of friends is also who may see when one is online.
	known, err := m.From.HasUser(ctx, owner.ID)
	if err != nil {
		return err
	}
	if !known {
		refuse("friends of %q: the name is another one's here", f.Owner)
		return nil
	}
	for i, friend := range f.Friends {
		done.Friends++
		id := UserID(friend)
		_, err := m.Accounts.Account(ctx, id)
		switch {
		case CodeOf(err) == NotFound:
			refuse("friend %q of %q: there is no such user", friend, f.Owner)
			continue
		case err != nil:
			return err
		case id == owner.ID:
			refuse("friend of %q: herself", f.Owner)
			continue
		}
		// The Node server knows no times: their order is that of the list.
		added, err := m.Friends.AddFriend(ctx, owner.ID, id, f.Since.Add(time.Duration(i)*time.Millisecond))
		if err != nil {
			return err
		}
		if added {
			done.NewFriends++
		}
	}
	return nil
}
