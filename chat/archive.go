package chat

import (
	"context"
	"io"
	"slices"
	"time"
)

// Batch is a part of what an engine keeps, as it moves from one engine to another. An archive has its kinds in the
// order of the fields.
//
// What follows from the rest is not in it: the lists of conversations, refs, and the order of changes all follow from
// the messages. Sockets and nodes die with their server.
type Batch struct {
	Accounts []Account
	Friends  []Friendship
	Files    []File
	Messages []Message
	Devices  []Device
	Seen     []Seen
	Cursors  []Cursor
	Erased   []Erasure
	Blocks   []Block
	Requests []FriendRequest
	Rooms    []Room
	Members  []RoomMember
}

// Erasure is what is left of an account that was erased.
type Erasure struct {
	User   UserID
	Number uint64 // never given again; 0 if she had none
	At     time.Time
}

// Seen says when a user was there last.
type Seen struct {
	User UserID
	At   time.Time
}

// Counts are how many of each kind there are.
type Counts struct {
	Accounts int `json:"accounts"`
	Friends  int `json:"friends"`
	Files    int `json:"files"`
	Messages int `json:"messages"`
	Devices  int `json:"devices"`
	Seen     int `json:"seen"`
	Cursors  int `json:"cursors"`
	Erased   int `json:"erased"`
	Blocks   int `json:"blocks"`
	Requests int `json:"requests"`
	Rooms    int `json:"rooms"`
	Members  int `json:"members"`
}

// Counts returns how many of each kind are in the batch.
func (b *Batch) Counts() Counts {
	return Counts{len(b.Accounts), len(b.Friends), len(b.Files), len(b.Messages), len(b.Devices), len(b.Seen), len(b.Cursors),
		len(b.Erased), len(b.Blocks), len(b.Requests), len(b.Rooms), len(b.Members)}
}

// Plus returns the sum.
func (c Counts) Plus(d Counts) Counts {
	return Counts{c.Accounts + d.Accounts, c.Friends + d.Friends, c.Files + d.Files, c.Messages + d.Messages,
		c.Devices + d.Devices, c.Seen + d.Seen, c.Cursors + d.Cursors, c.Erased + d.Erased, c.Blocks + d.Blocks,
		c.Requests + d.Requests, c.Rooms + d.Rooms, c.Members + d.Members}
}

// Total is how many there are of all kinds together.
func (c Counts) Total() int {
	return c.Accounts + c.Friends + c.Files + c.Messages + c.Devices + c.Seen + c.Cursors + c.Erased + c.Blocks + c.Requests +
		c.Rooms + c.Members
}

// within tells whether d has at least as many of every kind; an account may have been erased since.
func (c Counts) within(d Counts) bool {
	return c.Accounts+c.Erased <= d.Accounts+d.Erased && c.Erased <= d.Erased && c.Friends <= d.Friends && c.Files <= d.Files && c.Messages <= d.Messages &&
		c.Devices <= d.Devices && c.Seen <= d.Seen && c.Cursors <= d.Cursors && c.Blocks <= d.Blocks && c.Requests <= d.Requests &&
		c.Rooms <= d.Rooms && c.Members <= d.Members
}

// ArchiveStore moves all data into and out of an engine.
type ArchiveStore interface {
	// Export calls emit with all that the engine keeps, batch by batch: kind after kind in the order of Batch, messages
	// by conversation and number, files and rooms by id, members by room and user, all else by user (a friendship's or a
	// block's owner, whom a request asks), then by friend, the other user, or device and conversation.
	// That order is the same in every engine. emit must not keep its argument; its first error ends the export and is
	// returned.
	//
	// Everything that was there when Export began is in it, and messages of a conversation come without a hole that the
	// engine has not. An engine that can shows one moment; from others, some of what is written meanwhile comes too.
	Export(ctx context.Context, emit func(*Batch) error) error
	// Import stores records as they are, messages under their numbers, and returns when they are durable. What is there
	// already and the same changes nothing; a cursor that is further stays, and so do a device and a user that were
	// seen later, a friendship, a block and a request as they are, the state of a file, a room and its
	// members. Who was erased stays erased.
	// added is how many records were new. Append goes on behind the highest number of a conversation.
	//
	// Errors: Conflict, naming the record, when another one has its place, its ref, its name, email or phone number.
	// Then some of the batch may be stored. Invalid for ids that are none.
	Import(ctx context.Context, b *Batch) (added int, err error)
}

// Bounds of a batch on its way into an engine.
const (
	importAtOnce = 1000    // records
	importBytes  = 4 << 20 // of archive lines
)

// Archives are the rules of moving data between engines.
type Archives struct {
	Store interface {
		ArchiveStore
		Last(ctx context.Context, convs []ConvID) ([]uint64, error)
	}
	Now func() time.Time
	// Progress, which may be nil, is told now and then how much has passed.
	Progress func(Counts)
}

// Export writes everything as an archive: lines of JSON, between a header and a line with counts by which Import knows
// that nothing is missing.
//
// Errors: those of the engine and of w.
func (s *Archives) Export(ctx context.Context, w io.Writer) (Counts, error) {
	lines := newLineWriter(w)
	if err := lines.header(s.Now()); err != nil {
		return Counts{}, err
	}
	var all Counts
	err := s.Store.Export(ctx, func(b *Batch) error {
		if err := ctx.Err(); err != nil {
			return Wrap(Unavailable, "cancelled", err)
		}
		all = all.Plus(b.Counts())
		s.progress(all)
		return lines.batch(b)
	})
	if err != nil {
		return all, err
	}
	return all, lines.end(all)
}

// Imported is the end of an import.
type Imported struct {
	Archive Counts // records in the archive
	Added   int    // of those, how many were new to the engine
	Engine  Counts // records that the engine has now, read back from it
}

// Import stores the records of an archive, in bounded memory, and reads everything back to count it. Doing it again
// changes nothing, so an import that broke off is simply repeated.
//
// A cursor past the last message of its conversation is taken back to that: a device must not count as having what is
// yet to come.
//
// Errors: Invalid, with the number of the line, for what is no archive or is cut off; Conflict, when the engine has
// something else in a record's place; what came before that is stored.
func (s *Archives) Import(ctx context.Context, r io.Reader) (Imported, error) {
	var done Imported
	lines := newLineReader(r)
	if err := lines.header(); err != nil {
		return done, err
	}
	for {
		b, end, err := lines.batch(importAtOnce, importBytes)
		if err != nil {
			return done, err
		}
		done.Archive = done.Archive.Plus(b.Counts())
		cursors := b.Cursors
		b.Cursors = nil
		added, err := s.Store.Import(ctx, b)
		if err != nil {
			return done, err
		}
		done.Added += added
		if err := s.holdBack(ctx, cursors); err != nil { // the last numbers are known now
			return done, err
		}
		added, err = s.Store.Import(ctx, &Batch{Cursors: cursors})
		if err != nil {
			return done, err
		}
		done.Added += added
		s.progress(done.Archive)
		if end == nil {
			continue
		}
		if *end != done.Archive {
			return done, Errorf(Invalid, "the archive says that it has %+v, and has %+v", *end, done.Archive)
		}
		err = s.Store.Export(ctx, func(b *Batch) error {
			done.Engine = done.Engine.Plus(b.Counts())
			return nil
		})
		if err == nil && !done.Archive.within(done.Engine) {
			err = Errorf(Internal, "the archive has %+v, the engine only %+v", done.Archive, done.Engine)
		}
		return done, err
	}
}

// holdBack keeps cursors at or below the last numbers of their conversations.
func (s *Archives) holdBack(ctx context.Context, cursors []Cursor) error {
	convs := make([]ConvID, len(cursors))
	for i, c := range cursors {
		convs[i] = c.Conv
	}
	slices.Sort(convs)
	convs = slices.Compact(convs)
	last, err := s.Store.Last(ctx, convs)
	if err != nil {
		return err
	}
	for i := range cursors {
		at, _ := slices.BinarySearch(convs, cursors[i].Conv)
		cursors[i].Seq = min(cursors[i].Seq, last[at])
	}
	return nil
}

func (s *Archives) progress(c Counts) {
	if s.Progress != nil {
		s.Progress(c)
	}
}
