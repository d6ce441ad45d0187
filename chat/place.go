package chat

import (
	"math"
	"strconv"
	"strings"
)

// Place is a point in a user's messages of all conversations together, newest first. Those of one time stand in order of
// their conversations, those of one conversation in order of their numbers, whatever the clock was set to meanwhile. The
// zero Place stands before all.
type Place struct {
	at   int64 // milliseconds since 1970
	conv ConvID
	seq  uint64
}

// PlaceBelow is the place behind all messages of a conversation that are numbered seq or higher.
func PlaceBelow(conv ConvID, seq uint64) Place {
	return Place{at: math.MaxInt64, conv: conv, seq: seq - 1}
}

// ParsePlace reads what String wrote. Errors: Invalid.
func ParsePlace(s string) (Place, error) {
	if s == "" {
		return Place{}, nil
	}
	at, rest, _ := strings.Cut(s, ".")
	seq, conv, _ := strings.Cut(rest, ".")
	p := Place{conv: ConvID(conv)}
	var errAt, errSeq error
	p.at, errAt = strconv.ParseInt(at, 10, 64)
	p.seq, errSeq = strconv.ParseUint(seq, 10, 64)
	_, _, direct := p.conv.Users()
	_, room := p.conv.Room()
	if errAt != nil || p.at < 0 || errSeq != nil || !direct && !room {
		return Place{}, Errorf(Invalid, "not the next of an answer")
	}
	return p, nil
}

// String is the place on the wire, "" for the zero Place.
func (p Place) String() string {
	if p.IsZero() {
		return ""
	}
	return strconv.FormatInt(p.at, 10) + "." + strconv.FormatUint(p.seq, 10) + "." + string(p.conv)
}

// IsZero tells whether p is the zero Place.
func (p Place) IsZero() bool { return p == Place{} }

// before tells whether p comes first when the newest does.
func (p Place) before(q Place) bool {
	switch {
	case p.at != q.at:
		return p.at > q.at
	case p.conv != q.conv:
		return p.conv < q.conv
	}
	return p.seq > q.seq
}
