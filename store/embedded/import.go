package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/parley-chat/parley/chat"
)

// Import implements chat.ArchiveStore. A batch is stored whole or not at all.
func (s *Store) Import(ctx context.Context, b *chat.Batch) (added int, err error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.leave()
	n := &s.numbering
	n.appending.Lock()
	defer n.appending.Unlock()
	s.changes.one.Lock()
	defer s.changes.one.Unlock()
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := s.whole(); err != nil {
		return 0, err
	}
	i := importer{Batch: s.db.NewIndexedBatch(), tallies: make(tallies)}
	defer i.Close()
	if err := i.all(b); err != nil || i.Empty() {
		return 0, err
	}
	n.hold(i.tallies)
	if err := s.commit(i.Batch); err != nil {
		return 0, err // stored whole or not at all
	}
	n.reset() // last numbers may have moved
	return i.added, nil
}

// importer is one batch on its way into the engine. It reads its own writes.
type importer struct {
	*pebble.Batch
	tallies tallies
	added   int
}

func (i *importer) all(b *chat.Batch) error {
	for _, kind := range []func() error{
		func() error { return importEach(b.Accounts, i.account) },
		func() error { return importEach(b.Friends, i.friend) },
		func() error { return importEach(b.Files, i.file) },
		func() error { return importEach(b.Messages, i.message) },
		func() error { return importEach(b.Devices, i.device) },
		func() error { return importEach(b.Seen, i.seen) },
		func() error { return importEach(b.Cursors, i.cursor) },
		func() error { return importEach(b.Erased, i.erasure) },
		func() error { return importEach(b.Blocks, i.block) },
		func() error { return importEach(b.Requests, i.request) },
		func() error { return importEach(b.Rooms, i.room) },
		func() error { return importEach(b.Members, i.member) },
	} {
		if err := kind(); err != nil {
			return err
		}
	}
	return nil
}

func importEach[T any](all []T, one func(*T) error) error {
	for i := range all {
		if err := one(&all[i]); err != nil {
			return err
		}
	}
	return nil
}

// get returns a copy of a value, of the engine or of this batch.
func (i *importer) get(key []byte) (value []byte, ok bool, err error) {
	v, closer, err := i.Batch.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, broken(err)
	}
	value = slices.Clone(v)
	return value, true, broken(closer.Close())
}

// load reads a JSON value, of the engine or of this batch; known is false when there is none.
func (i *importer) load(key []byte, into any) (known bool, err error) {
	value, known, err := i.get(key)
	if err != nil || !known {
		return false, err
	}
	return true, unpack(value, into)
}

func (i *importer) set(key, value []byte) error { return broken(i.Set(key, value, nil)) }

// claim sets a key that may be nobody else's. Conflict, in the words of whoever asks, when it is there.
func (i *importer) claim(key, value []byte, conflict string, args ...any) error {
	if _, taken, err := i.get(key); err != nil {
		return err
	} else if taken {
		return chat.Errorf(chat.Conflict, conflict, args...)
	}
	return i.set(key, value)
}

func (i *importer) account(a *chat.Account) error {
	k, err := key(kindAccount, a.ID)
	if err != nil {
		return err
	}
	var v account
	if known, err := i.load(k, &v); err != nil {
		return err
	} else if known {
		if there := v.of(a.ID); v.Erased.IsZero() && !chat.SameAccount(&there, a) {
			return chat.Errorf(chat.Conflict, "account %s (%q) is there already, and is another", a.ID, there.Username)
		}
		return nil
	}
	v = accountValue(a)
	for _, h := range v.handles() {
		if err := i.take(h, k[1:]); err != nil {
			return err
		}
	}
	if lower, ok := v.lower(); ok {
		if err := i.set(lower, k[1:]); err != nil {
			return err
		}
	}
	i.added++
	return putJSON(i.Batch, k, v)
}

// take makes a handle that of a user. Conflict when it is taken.
func (i *importer) take(h handle, user []byte) error {
	return i.claim(h.key, user, "account %s: its %s is taken by another", userOf(user), h.field)
}

func (i *importer) erasure(e *chat.Erasure) error {
	k, err := key(kindAccount, e.User)
	if err != nil {
		return err
	}
	var v account
	if known, err := i.load(k, &v); err != nil {
		return err
	} else if known {
		if v.Erased.IsZero() {
			return chat.Errorf(chat.Conflict, "account %s is there, and was erased where the archive comes from", e.User)
		}
		return nil
	}
	v = account{Number: e.Number, Erased: e.At}
	for _, h := range v.handles() {
		if err := i.take(h, k[1:]); err != nil {
			return err
		}
	}
	i.added++
	return putJSON(i.Batch, k, v)
}

func (i *importer) message(m *chat.Message) error {
	conv, err := parseConv(m.Conv)
	if err != nil {
		return err
	}
	k := conv.message(m.Seq)
	former, known, err := i.get(k)
	if err != nil {
		return err
	}
	if known {
		there, err := decodeMessage(m.Conv, m.Seq, former)
		if err == nil && !chat.SameMessage(&there, m) {
			err = chat.Errorf(chat.Conflict, "message %s is there already, and is another", m.ID())
		}
		return err
	}
	i.added++
	t, counted := i.tallies[conv]
	if !counted {
		t.first = m.Seq
		if err := enlist(i.Batch, &conv); err != nil {
			return err
		}
	}
	t.first = min(t.first, m.Seq)
	i.tallies[conv] = t
	if m.Ref != "" {
		err := i.claim(refKey(nil, m), encodeReceipt(nil, &conv, m.Seq, m.At),
			"message %s: its sender has another message with the ref %q", m.ID(), m.Ref)
		if err != nil {
			return err
		}
	}
	if m.Change > 0 {
		err := i.claim(conv.change(m.Change), binary.AppendUvarint(nil, m.Seq),
			"message %s: another one has its number of change", m.ID())
		if err != nil {
			return err
		}
	}
	if err := useFiles(i.Batch, &conv, m.Seq, nil, m.Files); err != nil {
		return err
	}
	return i.set(k, encodeMessage(nil, m))
}

func (i *importer) file(f *chat.File) error {
	k, ok := fileKey(kindFile, f.ID)
	if !ok {
		return chat.Errorf(chat.Invalid, "not a file id")
	}
	var v file
	if known, err := i.load(k, &v); err != nil {
		return err
	} else if known {
		if there := v.of(f.ID); !chat.SameFile(&there, f) {
			return chat.Errorf(chat.Conflict, "file %s is there already, and is another", f.ID)
		}
		return nil
	}
	i.added++
	weight, err := key(kindWeight, f.Owner)
	if err != nil {
		return err
	}
	value, _, err := i.get(weight)
	if err != nil {
		return err
	}
	sum, _ := binary.Uvarint(value)
	if err := i.set(weight, binary.AppendUvarint(nil, sum+uint64(f.Weight()))); err != nil {
		return err
	}
	if err := putLoose(i.Batch, k, f.State); err != nil {
		return err
	}
	return putJSON(i.Batch, k, newFile(f))
}

func (i *importer) seen(s *chat.Seen) error {
	k, err := key(kindSeen, s.User)
	if err != nil {
		return err
	}
	former, known, err := i.get(k)
	if err != nil {
		return err
	}
	if r := (reader{rest: former, ok: true}); known && !r.time().Before(s.At) {
		return nil
	}
	if !known {
		i.added++
	}
	return i.set(k, binary.AppendVarint(nil, s.At.UnixMilli()))
}

func (i *importer) device(d *chat.Device) error {
	k, err := key(kindDevice, d.User)
	if err != nil {
		return err
	}
	k = append(k, d.ID...)
	var v device
	switch known, err := i.load(k, &v); {
	case err != nil:
		return err
	case !known:
		i.added++
	case !v.Seen.Before(d.Seen):
		return nil
	}
	return putJSON(i.Batch, k, deviceValue(d))
}

func (i *importer) cursor(c *chat.Cursor) error {
	k, err := cursorsKey(c.User, c.Device)
	if err != nil {
		return err
	}
	conv, err := parseConv(c.Conv)
	if err != nil {
		return err
	}
	k = append(k, conv.key()...)
	former, known, err := i.get(k)
	if err != nil {
		return err
	}
	if seq, _ := binary.Uvarint(former); known && seq >= c.Seq {
		return nil
	}
	if !known {
		i.added++
	}
	return i.set(k, binary.AppendUvarint(nil, c.Seq))
}
