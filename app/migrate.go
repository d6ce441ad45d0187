package app

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/media"
	"github.com/parley-chat/parley/store/mongo"
)

// migrate takes in the Node server's database at from, and its pictures, unless that is "", from a folder. It says on
// out, line by line, how far it is, what it could not take, and what it did.
func (w *worker) migrate(ctx context.Context, from, pictures string, out io.Writer) error {
	var told time.Time
	m := chat.Migration{
		Accounts: w.store, Friends: w.store,
		Report: func(what string) { fmt.Fprintln(out, "not taken:", what) },
		Progress: func(done chat.Migrated) {
			if now := time.Now(); now.Sub(told) >= time.Second {
				told = now
				fmt.Fprintf(out, "%d users, %d friends\n", done.Users, done.Friends)
			}
		},
	}
	if pictures != "" {
		files, err := media.Open(filepath.Join(w.cfg.DataDir, "img"), w.cfg.TmpDir, w.log)
		if err != nil {
			return err
		}
		folder, err := os.OpenRoot(pictures) // names come from the database, and lead nowhere else
		if err != nil {
			return err
		}
		defer folder.Close()
		m.Pictures = &chat.Pictures{Files: files, Accounts: w.store, Log: w.log}
		m.Picture = func(name string) (io.ReadCloser, error) { return folder.Open(name) }
	}
	node, err := mongo.OpenNode(ctx, from, w.log)
	if err != nil {
		return err
	}
	defer node.Close()
	m.From = node
	done, err := m.Run(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d users, of which %d are new, %d of these with an email that had capitals\n"+
		"%d friends, of which %d are new\n%d pictures\n%d sockets left behind: they ended with that server\n%d things not taken\n",
		done.Users, done.NewUsers, done.LowerCased, done.Friends, done.NewFriends, done.Pictures, done.Sockets, done.Refused)
	return nil
}
