package mongo

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// Documents of one page of an export.
const (
	exportAtOnce   = 500
	messagesAtOnce = 64 // up to 256 KiB each
)

// Export gives out all that the engine keeps: see chat.ArchiveStore.
//
// It does not show one moment: who comes while it runs may be missing, although a word of hers is there. In each
// conversation, messages end with the last one that was there when the conversation was reached, so they have no gap.
func (s *Store) Export(ctx context.Context, emit func(*chat.Batch) error) error {
	// Read with the accounts: read behind them, a user who was erased meanwhile would be both, which no engine takes in.
	// There are few, and little is left of each.
	var erased []chat.Erasure
	err := scan(ctx, s.users, func(docs []userDoc) any { return docs[len(docs)-1].ID }, func(docs []userDoc) error {
		var b chat.Batch
		for i := range docs {
			if d := &docs[i]; d.Erased.IsZero() {
				b.Accounts = append(b.Accounts, d.account())
			} else {
				erased = append(erased, chat.Erasure{User: chat.UserID(d.ID.Hex()), Number: uint64(d.Number), At: d.Erased})
			}
		}
		return emit(&b)
	})
	if err != nil {
		return err
	}
	err = scan(ctx, s.friendships, func(docs []friendDoc) any { return docs[len(docs)-1].ID }, func(docs []friendDoc) error {
		var b chat.Batch
		for _, d := range docs {
			b.Friends = append(b.Friends, d.friendship())
		}
		return emit(&b)
	})
	if err != nil {
		return err
	}
	err = scan(ctx, s.files, func(docs []fileDoc) any { return docs[len(docs)-1].ID }, func(docs []fileDoc) error {
		var b chat.Batch
		for i := range docs {
			b.Files = append(b.Files, docs[i].file())
		}
		return emit(&b)
	})
	if err != nil {
		return err
	}
	if err := s.exportMessages(ctx, emit); err != nil {
		return err
	}
	if err := s.exportDevices(ctx, emit); err != nil {
		return err
	}
	err = scan(ctx, s.seen, func(docs []seenDoc) any { return docs[len(docs)-1].ID }, func(docs []seenDoc) error {
		var b chat.Batch
		for _, d := range docs {
			b.Seen = append(b.Seen, chat.Seen{User: d.ID, At: d.At})
		}
		return emit(&b)
	})
	if err != nil {
		return err
	}
	if err := s.exportCursors(ctx, emit); err != nil {
		return err
	}
	for part := range slices.Chunk(erased, exportAtOnce) {
		if err := emit(&chat.Batch{Erased: part}); err != nil {
			return err
		}
	}
	err = scan(ctx, s.blocks, func(docs []blockDoc) any { return docs[len(docs)-1].ID }, func(docs []blockDoc) error {
		var b chat.Batch
		for _, d := range docs {
			b.Blocks = append(b.Blocks, chat.Block{Owner: d.Owner, Other: d.Other, At: d.At})
		}
		return emit(&b)
	})
	if err != nil {
		return err
	}
	err = scan(ctx, s.requests, func(docs []requestDoc) any { return docs[len(docs)-1].ID }, func(docs []requestDoc) error {
		return emit(&chat.Batch{Requests: requestsOf(docs)})
	})
	if err != nil {
		return err
	}
	err = scan(ctx, s.rooms, func(docs []roomDoc) any { return docs[len(docs)-1].ID }, func(docs []roomDoc) error {
		var b chat.Batch
		for i := range docs {
			b.Rooms = append(b.Rooms, docs[i].room())
		}
		return emit(&b)
	})
	if err != nil {
		return err
	}
	return scan(ctx, s.members, func(docs []memberDoc) any { return docs[len(docs)-1].ID }, func(docs []memberDoc) error {
		return emit(&chat.Batch{Members: membersOf(docs)})
	})
}

// scan reads a collection page by page in the order of _id. last returns the _id of a page's last document.
func scan[D any](ctx context.Context, in *mongo.Collection, last func([]D) any, page func([]D) error) error {
	filter := bson.D{}
	for {
		var docs []D
		call, cancel := context.WithTimeout(ctx, callWait)
		err := find(call, in, filter, &docs, options.Find().SetSort(byID(1)).SetLimit(exportAtOnce))
		cancel()
		if err != nil || len(docs) == 0 {
			return err
		}
		if err := page(docs); err != nil {
			return err
		}
		filter = byID(bson.D{{Key: "$gt", Value: last(docs)}})
	}
}

// exportMessages goes from conversation to conversation: the first message behind one belongs to the next.
func (s *Store) exportMessages(ctx context.Context, emit func(*chat.Batch) error) error {
	for atLeast := ""; ; {
		conv, err := s.firstConv(ctx, atLeast)
		if err != nil || conv == "" {
			return err
		}
		atLeast = string(conv) + "0" // behind all of its messages
		last, err := s.Last(ctx, []chat.ConvID{conv})
		if err != nil {
			return err
		}
		for after, more := uint64(0), true; more; {
			page, err := s.page(ctx, messageID(conv, after), messageID(conv, last[0]+1), 1, messagesAtOnce)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			after, more = page[len(page)-1].Seq, len(page) == messagesAtOnce
			if err := emit(&chat.Batch{Messages: page}); err != nil {
				return err
			}
		}
	}
}

// firstConv returns the conversation of the first message whose _id is not below atLeast; "" if there is none.
func (s *Store) firstConv(ctx context.Context, atLeast string) (chat.ConvID, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var first []struct {
		Conv chat.ConvID `bson:"conv"`
	}
	err := find(ctx, s.messages, byID(bson.D{{Key: "$gte", Value: atLeast}}), &first,
		options.Find().SetSort(byID(1)).SetLimit(1).SetProjection(bson.D{{Key: "conv", Value: 1}}))
	if err != nil || len(first) == 0 {
		return "", err
	}
	return first[0].Conv, nil
}

// exportDevices puts the devices of each user into the order of their names, which that of escaped names is not.
func (s *Store) exportDevices(ctx context.Context, emit func(*chat.Batch) error) error {
	users := byUser[chat.Device]{
		user:    func(d chat.Device) chat.UserID { return d.User },
		compare: func(a, b chat.Device) int { return strings.Compare(string(a.ID), string(b.ID)) },
		emit:    func(part []chat.Device) error { return emit(&chat.Batch{Devices: part}) },
	}
	err := scan(ctx, s.devices, func(docs []deviceDoc) any { return docs[len(docs)-1].ID }, func(docs []deviceDoc) error {
		for i := range docs {
			if err := users.add(docs[i].device()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return users.flush()
}

func (s *Store) exportCursors(ctx context.Context, emit func(*chat.Batch) error) error {
	users := byUser[chat.Cursor]{
		user:    func(c chat.Cursor) chat.UserID { return c.User },
		compare: chat.Cursor.Compare,
		emit:    func(part []chat.Cursor) error { return emit(&chat.Batch{Cursors: part}) },
	}
	err := scan(ctx, s.cursors, func(docs []cursorDoc) any { return docs[len(docs)-1].ID }, func(docs []cursorDoc) error {
		for _, d := range docs {
			c, ok := d.cursor()
			if !ok {
				return chat.Errorf(chat.Internal, "a stored cursor cannot be read")
			}
			if err := users.add(c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return users.flush()
}

// cursor takes an _id apart: see cursorDoc.
func (d *cursorDoc) cursor() (c chat.Cursor, ok bool) {
	user, rest, _ := strings.Cut(d.ID, "/")
	escaped, conv, ok := strings.Cut(rest, "/")
	device, err := url.PathUnescape(escaped)
	return chat.Cursor{User: chat.UserID(user), Device: chat.DeviceID(device), Conv: chat.ConvID(conv), Seq: uint64(d.Seq)}, ok && err == nil
}

// byUser gathers what comes user by user, and emits each user's in order.
type byUser[T any] struct {
	user    func(T) chat.UserID
	compare func(a, b T) int
	emit    func([]T) error
	of      []T // one user's
}

func (b *byUser[T]) add(v T) error {
	if len(b.of) > 0 && b.user(b.of[0]) != b.user(v) {
		if err := b.flush(); err != nil {
			return err
		}
	}
	b.of = append(b.of, v)
	return nil
}

func (b *byUser[T]) flush() error {
	slices.SortFunc(b.of, b.compare)
	for part := range slices.Chunk(b.of, exportAtOnce) {
		if err := b.emit(part); err != nil {
			return err
		}
	}
	b.of = b.of[:0]
	return nil
}
