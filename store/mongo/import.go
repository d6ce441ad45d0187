package mongo

import (
	"context"
	"maps"
	"slices"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// Import stores records as they are: see chat.ArchiveStore. What is there is read first, to tell what is the same from
// what is another; the unique indexes, not that reading, keep anything from being stored twice.
func (s *Store) Import(ctx context.Context, b *chat.Batch) (added int, err error) {
	for _, kind := range []func(context.Context, *chat.Batch) (int, error){
		s.importAccounts, s.importFriends, s.importFiles, s.importMessages, s.importDevices, s.importSeen, s.importCursors,
		s.importErased, s.importBlocks, s.importRequests, s.importRooms, s.importMembers,
	} {
		n, err := kind(ctx, b)
		added += n
		if err != nil {
			return added, failure(err)
		}
	}
	return added, nil
}

// insertNew inserts those of docs whose ids are not there, at most s.most.inserts by one command. check looks at each
// that is there beside the one that was to be stored.
func insertNew[D any](ctx context.Context, s *Store, in *mongo.Collection, docs []D, id func(*D) any, check func(there, want *D) error) (added int, err error) {
	for part := range slices.Chunk(docs, s.most.inserts) {
		n, err := insertPart(ctx, in, part, id, check)
		added += n
		if err != nil {
			return added, err
		}
	}
	return added, nil
}

func insertPart[D any](ctx context.Context, in *mongo.Collection, docs []D, id func(*D) any, check func(there, want *D) error) (added int, err error) {
	ctx, cancel := context.WithTimeout(ctx, appendWait)
	defer cancel()
	wanted := make(map[any]*D, len(docs))
	for i := range docs {
		wanted[id(&docs[i])] = &docs[i]
	}
	var present []D
	ids := slices.AppendSeq(make(bson.A, 0, len(wanted)), maps.Keys(wanted))
	if err := find(ctx, in, byID(bson.D{{Key: "$in", Value: ids}}), &present); err != nil {
		return 0, err
	}
	for i := range present {
		there := id(&present[i])
		if err := check(&present[i], wanted[there]); err != nil {
			return 0, err
		}
		delete(wanted, there)
	}
	var fresh []any // in the order given: a reader then never sees a message before the one before it
	for i := range docs {
		if k := id(&docs[i]); wanted[k] != nil {
			fresh = append(fresh, docs[i])
			delete(wanted, k)
		}
	}
	if len(fresh) == 0 {
		return 0, nil
	}
	if _, err := in.InsertMany(ctx, fresh); err != nil {
		if duplicate(err) {
			err = chat.Wrap(chat.Conflict, "a record of "+in.Name()+" is to be stored whose name, email, phone number, ref or number another one has", err)
		}
		return 0, err
	}
	return len(fresh), nil
}

func keep[D any](_, _ *D) error { return nil }

func (s *Store) importAccounts(ctx context.Context, b *chat.Batch) (int, error) {
	docs := make([]userDoc, len(b.Accounts))
	for i := range b.Accounts {
		var ok bool
		if docs[i], ok = newUserDoc(&b.Accounts[i]); !ok {
			return 0, chat.Errorf(chat.Invalid, "not a user id")
		}
	}
	return insertNew(ctx, s, s.users, docs, func(d *userDoc) any { return d.ID }, func(there, want *userDoc) error {
		if a, b := there.account(), want.account(); there.Erased.IsZero() && !chat.SameAccount(&a, &b) {
			return chat.Errorf(chat.Conflict, "account %s (%q) is there already, and is another", a.ID, a.Username)
		}
		return nil
	})
}

func (s *Store) importErased(ctx context.Context, b *chat.Batch) (int, error) {
	docs := make([]erasedDoc, len(b.Erased))
	for i, e := range b.Erased {
		oid, ok := objectID(e.User)
		if !ok {
			return 0, chat.Errorf(chat.Invalid, "not a user id")
		}
		docs[i] = erasedDoc{oid, int64(e.Number), e.At}
	}
	return insertNew(ctx, s, s.users, docs, func(d *erasedDoc) any { return d.ID }, func(there, _ *erasedDoc) error {
		if there.Erased.IsZero() {
			return chat.Errorf(chat.Conflict, "account %s is there, and was erased where the archive comes from", there.ID.Hex())
		}
		return nil
	})
}

func (s *Store) importFriends(ctx context.Context, b *chat.Batch) (int, error) {
	docs := make([]friendDoc, len(b.Friends))
	for i, f := range b.Friends {
		docs[i] = newFriendDoc(f)
	}
	return insertNew(ctx, s, s.friendships, docs, func(d *friendDoc) any { return d.ID }, keep)
}

func (s *Store) importBlocks(ctx context.Context, b *chat.Batch) (int, error) {
	docs := make([]blockDoc, len(b.Blocks))
	for i, k := range b.Blocks {
		docs[i] = newBlockDoc(k)
	}
	return insertNew(ctx, s, s.blocks, docs, func(d *blockDoc) any { return d.ID }, keep)
}

func (s *Store) importRooms(ctx context.Context, b *chat.Batch) (int, error) {
	docs := make([]roomDoc, len(b.Rooms))
	for i := range b.Rooms {
		docs[i] = newRoomDoc(&b.Rooms[i])
	}
	return insertNew(ctx, s, s.rooms, docs, func(d *roomDoc) any { return d.ID }, func(there, want *roomDoc) error {
		if a, b := there.room(), want.room(); !chat.SameRoom(&a, &b) {
			return chat.Errorf(chat.Conflict, "room %s is there already, and is another", a.ID)
		}
		return nil
	})
}

func (s *Store) importMembers(ctx context.Context, b *chat.Batch) (int, error) {
	docs := make([]memberDoc, len(b.Members))
	for i := range b.Members {
		docs[i] = newMemberDoc(&b.Members[i])
	}
	return insertNew(ctx, s, s.members, docs, func(d *memberDoc) any { return d.ID }, keep)
}

func (s *Store) importRequests(ctx context.Context, b *chat.Batch) (int, error) {
	docs := make([]requestDoc, len(b.Requests))
	for i, r := range b.Requests {
		docs[i] = newRequestDoc(r)
	}
	return insertNew(ctx, s, s.requests, docs, func(d *requestDoc) any { return d.ID }, keep)
}

func (s *Store) importMessages(ctx context.Context, b *chat.Batch) (int, error) {
	if len(b.Messages) == 0 {
		return 0, nil
	}
	select {
	case s.appending <- struct{}{}: // its numbers may be behind now
		defer func() { <-s.appending }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	docs := make([]messageDoc, len(b.Messages))
	var convs []chat.ConvID
	for i := range b.Messages {
		m := &b.Messages[i]
		docs[i] = newMessageDoc(m, m.Seq)
		if m.Change > 0 {
			docs[i].ChangeKey = changeKey(m.Conv, m.Change)
		}
		s.numbers.forget(m.Conv)
		if i == 0 || m.Conv != b.Messages[i-1].Conv {
			convs = append(convs, m.Conv)
		}
	}
	if err := s.enter(ctx, convs); err != nil {
		return 0, err
	}
	return insertNew(ctx, s, s.messages, docs, func(d *messageDoc) any { return d.ID }, func(there, want *messageDoc) error {
		if a, b := there.message(), want.message(); !chat.SameMessage(&a, &b) {
			return chat.Errorf(chat.Conflict, "message %s is there already, and is another", a.ID())
		}
		return nil
	})
}

func (s *Store) importFiles(ctx context.Context, b *chat.Batch) (int, error) {
	docs := make([]fileDoc, len(b.Files))
	for i := range b.Files {
		docs[i] = newFileDoc(&b.Files[i])
	}
	return insertNew(ctx, s, s.files, docs, func(d *fileDoc) any { return d.ID }, func(there, want *fileDoc) error {
		if a, b := there.file(), want.file(); !chat.SameFile(&a, &b) {
			return chat.Errorf(chat.Conflict, "file %s is there already, and is another", a.ID)
		}
		return nil
	})
}

// importSeen asks who is new only for the sake of the count, as importCursors does: to move forward needs no asking.
func (s *Store) importSeen(ctx context.Context, b *chat.Batch) (added int, err error) {
	for part := range slices.Chunk(b.Seen, s.most.inserts) {
		users := make([]chat.UserID, len(part))
		sightings := make([]chat.Sighting, len(part))
		for i, seen := range part {
			users[i], sightings[i] = seen.User, chat.Sighting{User: seen.User, At: seen.At}
		}
		former, err := s.LastSeen(ctx, users)
		if err == nil {
			err = s.See(ctx, sightings)
		}
		if err != nil {
			return added, err
		}
		for _, at := range former {
			if at.IsZero() {
				added++
			}
		}
	}
	return added, nil
}

func (s *Store) importDevices(ctx context.Context, b *chat.Batch) (int, error) {
	docs := make([]deviceDoc, len(b.Devices))
	for i := range b.Devices {
		docs[i] = newDeviceDoc(&b.Devices[i])
	}
	return insertNew(ctx, s, s.devices, docs, func(d *deviceDoc) any { return d.ID }, func(there, want *deviceDoc) error {
		if !there.Seen.Before(want.Seen) {
			return nil
		}
		_, err := s.devices.ReplaceOne(ctx, byID(there.ID), want)
		return err
	})
}

func (s *Store) importCursors(ctx context.Context, b *chat.Batch) (added int, err error) {
	for part := range slices.Chunk(b.Cursors, s.most.inserts) {
		ids := make(bson.A, len(part))
		for i := range part {
			ids[i] = cursorID(part[i])
		}
		call, cancel := context.WithTimeout(ctx, callWait)
		var present []cursorDoc
		err := find(call, s.cursors, byID(bson.D{{Key: "$in", Value: ids}}), &present, options.Find().SetProjection(byID(1)))
		cancel()
		if err == nil {
			err = s.AdvanceCursors(ctx, part)
		}
		if err != nil {
			return added, err
		}
		added += len(part) - len(present)
	}
	return added, nil
}
