package chat

import (
	"cmp"
	"context"
	"slices"
)

// Since returns a page of a conversation, oldest first, from behind the number after; more says that there is more.
// A limit of 0 means pageSize. A page is shorter than its limit where the bodies are long. Of a room nobody sees what
// stands at or below her floor, see Rooms.Floor.
//
// Errors: Invalid, Forbidden when the asker has no part in the conversation.
func (s *Messages) Since(ctx context.Context, user UserID, conv ConvID, after uint64, limit int) (page []Message, more bool, err error) {
	limit, floor, err := s.mayRead(ctx, user, conv, limit)
	if err != nil {
		return nil, false, err
	}
	after = max(after, floor)
	return gather(limit, func(last *Message, n int) ([]Message, error) {
		if last != nil {
			after = last.Seq
		}
		return s.store.Since(ctx, conv, after, n)
	})
}

// Before returns the page of a conversation that ends below the number before (0: at its end), oldest first.
//
// Errors: as Since.
func (s *Messages) Before(ctx context.Context, user UserID, conv ConvID, before uint64, limit int) (page []Message, more bool, err error) {
	limit, floor, err := s.mayRead(ctx, user, conv, limit)
	if err != nil {
		return nil, false, err
	}
	page, more, err = gather(limit, func(last *Message, n int) ([]Message, error) {
		if last != nil {
			before = last.Seq
		}
		part, err := s.store.Before(ctx, conv, before, n)
		part = above(part, floor)
		slices.Reverse(part)
		return part, err
	})
	slices.Reverse(page)
	return page, more, err
}

// above returns what of a page, oldest first, is numbered above floor.
func above(page []Message, floor uint64) []Message {
	i, _ := slices.BinarySearchFunc(page, floor+1, func(m Message, seq uint64) int { return cmp.Compare(m.Seq, seq) })
	return page[i:]
}

// gather reads a page in parts, until it has limit messages or enough bytes. read returns the next n messages behind
// the last one of the page, nil at first; fewer than n are all that there are.
func gather(limit int, read func(last *Message, n int) ([]Message, error)) (page []Message, more bool, err error) {
	var last *Message
	for bytes := 0; ; {
		n := min(limit+1-len(page), partSize)
		part, err := read(last, n)
		if err != nil {
			return nil, false, err
		}
		page = slices.Grow(page, len(part))
		for i := range part {
			bytes += len(part[i].Body)
			if len(page) == limit || len(page) > 0 && bytes > maxPageBytes {
				return page, true, nil
			}
			page = append(page, part[i])
		}
		if len(part) < n {
			return page, false, nil
		}
		last = &part[len(part)-1]
	}
}

// pageLimit is how many an asker gets at once; fallback when she names no limit.
func pageLimit(limit, fallback int) (int, error) {
	if limit < 0 || limit > MaxPage {
		return 0, Errorf(Invalid, "limit: 1 to %d", MaxPage)
	}
	return cmp.Or(limit, fallback), nil
}

func (s *Messages) mayRead(ctx context.Context, user UserID, conv ConvID, limit int) (most int, floor uint64, err error) {
	most, err = pageLimit(limit, pageSize)
	if err == nil {
		floor, err = s.Rooms.Floor(ctx, user, conv)
	}
	return most, floor, err
}

// stillReads returns the number above which a user reads a room of hers now; ok is false when it is hers no more.
func (s *Messages) stillReads(ctx context.Context, user UserID, conv ConvID) (floor uint64, ok bool, err error) {
	floor, err = s.Rooms.Floor(ctx, user, conv)
	switch CodeOf(err) {
	case "":
		return floor, true, nil
	case NotFound, Forbidden:
		return 0, false, nil
	}
	return 0, false, err
}

// mayEnter tells whether a user has a part in a direct conversation.
func mayEnter(user UserID, conv ConvID) error {
	if _, _, ok := conv.Users(); !ok {
		return Errorf(Invalid, "conv: not a conversation id")
	}
	if _, ok := conv.Other(user); !ok {
		return Errorf(Forbidden, "conv: not one of yours")
	}
	return nil
}
