package embedded

import (
	"context"
	"encoding/binary"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/parley-chat/parley/chat"
)

// Bounds of a batch of an export.
const (
	exportAtOnce = 500
	exportBytes  = 1 << 20
)

// Export implements chat.ArchiveStore. It shows one moment, and holds nobody up.
func (s *Store) Export(ctx context.Context, emit func(*chat.Batch) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	from := s.db.NewSnapshot()
	defer from.Close()
	// Pebble shows writes that are not on the disk yet. What leaves the house must be.
	if err := s.db.LogData(nil, pebble.Sync); err != nil {
		return broken(err)
	}
	if err := s.whole(); err != nil {
		return err
	}
	e := exporter{ctx: ctx, from: from, whole: s.whole, emit: emit}
	for _, kind := range []func() error{e.accounts, e.friends, e.files, e.messages, e.devices, e.seen, e.cursors, e.erased, e.blocks, e.requests,
		e.rooms, e.members} {
		if err := kind(); err != nil {
			return err
		}
		if err := e.flush(0); err != nil {
			return err
		}
	}
	return nil
}

// Checkpoint copies the engine, as it is at one moment, into a folder that must not be there yet: all that was
// acknowledged before is in it. The copy shares tables with this engine by hard links where the file system allows it,
// and opens like any folder of this engine.
func (s *Store) Checkpoint(ctx context.Context, dir string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	if err := s.db.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return broken(err)
	}
	return s.whole() // else what it copied may lack what Pebble was told is in the log and the manifest
}

// exporter is one export under way.
type exporter struct {
	ctx   context.Context
	from  *pebble.Snapshot
	whole func() error // ends the export when the database is to be opened again
	emit  func(*chat.Batch) error
	batch chat.Batch
	bytes int // of values in the batch
}

// flush emits the batch when it holds more than so many records, or has grown large.
func (e *exporter) flush(most int) error {
	n := e.batch.Counts().Total()
	if n == 0 || n <= most && e.bytes < exportBytes {
		return nil
	}
	if err := e.ctx.Err(); err != nil {
		return chat.Wrap(chat.Unavailable, "cancelled", err)
	}
	if err := e.whole(); err != nil {
		return err
	}
	err := e.emit(&e.batch)
	e.batch, e.bytes = chat.Batch{}, 0
	return err
}

// each calls f with every entry of a kind. rest is the key behind the kind; f must not keep its arguments.
func (e *exporter) each(kind byte, f func(rest, value []byte) error) error {
	it, err := e.from.NewIter(&pebble.IterOptions{LowerBound: []byte{kind}, UpperBound: []byte{kind + 1}})
	if err != nil {
		return broken(err)
	}
	defer it.Close()
	for it.First(); it.Valid(); it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return broken(err)
		}
		e.bytes += len(value)
		if err := f(it.Key()[1:], value); err != nil {
			return err
		}
		if err := e.flush(exportAtOnce); err != nil {
			return err
		}
	}
	return broken(it.Error())
}

func (e *exporter) accounts() error {
	return e.each(kindAccount, func(id, value []byte) error {
		var a account
		if err := unpack(value, &a); err != nil {
			return err
		}
		if a.Erased.IsZero() {
			e.batch.Accounts = append(e.batch.Accounts, a.of(userOf(id)))
		}
		return nil
	})
}

func (e *exporter) erased() error {
	return e.each(kindAccount, func(id, value []byte) error {
		var a account
		if err := unpack(value, &a); err != nil {
			return err
		}
		if !a.Erased.IsZero() {
			e.batch.Erased = append(e.batch.Erased, chat.Erasure{User: userOf(id), Number: a.Number, At: a.Erased})
		}
		return nil
	})
}

func (e *exporter) friends() error {
	return e.pairs(kindFriend, func(owner, friend chat.UserID, value []byte) error {
		var f friendship
		err := unpack(value, &f)
		e.batch.Friends = append(e.batch.Friends, f.of(owner, friend))
		return err
	})
}

func (e *exporter) blocks() error {
	return e.pairs(kindBlock, func(owner, other chat.UserID, value []byte) error {
		b := chat.Block{Owner: owner, Other: other}
		err := unpack(value, &b.At)
		e.batch.Blocks = append(e.batch.Blocks, b)
		return err
	})
}

func (e *exporter) requests() error {
	return e.pairs(kindRequest, func(to, from chat.UserID, value []byte) error {
		var r request
		err := unpack(value, &r)
		e.batch.Requests = append(e.batch.Requests, chat.FriendRequest{From: from, To: to, Note: r.Note, At: r.At})
		return err
	})
}

func (e *exporter) rooms() error {
	return e.each(kindRoom, func(id, value []byte) error {
		var r room
		err := unpack(value, &r)
		e.batch.Rooms = append(e.batch.Rooms, r.of(roomOf(id)))
		return err
	})
}

func (e *exporter) members() error {
	return e.each(kindMember, func(pair, value []byte) error {
		if len(pair) != 2*idSize {
			return unreadable("member")
		}
		m, err := decodeMember(roomOf(pair[:idSize]), userOf(pair[idSize:]), value)
		e.batch.Members = append(e.batch.Members, m)
		return err
	})
}

// pairs calls f with every entry of a kind that stands between two users.
func (e *exporter) pairs(kind byte, f func(first, second chat.UserID, value []byte) error) error {
	return e.each(kind, func(pair, value []byte) error {
		if len(pair) != 2*idSize {
			return unreadable("pair of users")
		}
		return f(userOf(pair[:idSize]), userOf(pair[idSize:]), value)
	})
}

func (e *exporter) files() error {
	return e.each(kindFile, func(id, value []byte) error {
		var f file
		err := unpack(value, &f)
		e.batch.Files = append(e.batch.Files, f.of(chat.FileID(id)))
		return err
	})
}

func (e *exporter) messages() error {
	return e.each(kindMessage, func(place, value []byte) error {
		conv, seq, ok := readConv(place)
		if !ok || len(seq) != seqSize {
			return unreadable("message")
		}
		m, err := decodeMessage(conv.id(), seqOf(seq), slices.Clone(value))
		e.batch.Messages = append(e.batch.Messages, m)
		return err
	})
}

// devices of one user are stored in the order of their names already.
func (e *exporter) devices() error {
	return e.each(kindDevice, func(rest, value []byte) error {
		if len(rest) < idSize {
			return unreadable("device")
		}
		var d device
		err := unpack(value, &d)
		e.batch.Devices = append(e.batch.Devices, d.of(userOf(rest[:idSize]), chat.DeviceID(rest[idSize:])))
		return err
	})
}

func (e *exporter) seen() error {
	return e.each(kindSeen, func(user, value []byte) error {
		r := reader{rest: value, ok: true}
		at := r.time()
		if !r.ok || len(user) != idSize {
			return unreadable("time")
		}
		e.batch.Seen = append(e.batch.Seen, chat.Seen{User: userOf(user), At: at})
		return nil
	})
}

// cursors are stored by the length of the device's name before the name itself, so each user's are sorted here.
func (e *exporter) cursors() error {
	var of []chat.Cursor // one user's
	next := func() error {
		slices.SortFunc(of, chat.Cursor.Compare)
		for part := range slices.Chunk(of, exportAtOnce) {
			e.batch.Cursors = part
			if err := e.flush(0); err != nil {
				return err
			}
		}
		of = of[:0]
		return nil
	}
	err := e.each(kindCursor, func(rest, value []byte) error {
		r := reader{rest: rest, ok: true}
		user := userOf(r.take(idSize))
		device := chat.DeviceID(r.text())
		conv, _, ok := readConv(r.rest)
		seq, n := binary.Uvarint(value)
		if !r.ok || !ok || n <= 0 {
			return unreadable("cursor")
		}
		if len(of) > 0 && of[0].User != user {
			if err := next(); err != nil {
				return err
			}
		}
		of = append(of, chat.Cursor{User: user, Device: device, Conv: conv.id(), Seq: seq})
		return nil
	})
	if err != nil {
		return err
	}
	return next()
}
