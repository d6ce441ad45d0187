package main

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
)

// speech is what one talker says to its partner, and how it knows what the partner says.
type speech interface {
	// acks tells whether each message asks for an ack; without, its arrival is all the answer there is.
	acks() bool
	// say appends the Engine.IO packet of a message, whose numbers are 1, 2, 3, …; at is when it was to be sent.
	// Calls do not overlap.
	say(b []byte, number uint64, at int64) []byte
	// hear reads the partner's number and time from an event. Others than the partner's are not ours. Calls do not
	// overlap, but say may be called meanwhile.
	hear(packet []byte) (number uint64, at int64, ours bool, err error)
}

// language makes the speeches of two partners. body is the size of a message in bytes.
type language func(one, other user, body int) (ones, others speech)

// chatter says `chat`: each message carries its number and its time.
type chatter struct {
	head []byte // `["chat",{…,"message":"`
	body int
	ack  bool
}

// minBody is the room for a message's number and time, 16 hex digits each.
const minBody = 32

func chatWithAcks(one, other user, body int) (ones, others speech) {
	return newChatter(one, other, body, true), newChatter(other, one, body, true)
}

func chatWithoutAcks(one, other user, body int) (ones, others speech) {
	return newChatter(one, other, body, false), newChatter(other, one, body, false)
}

func newChatter(me, partner user, body int, ack bool) *chatter {
	head := fmt.Appendf(nil, `["chat",{"form_id":"%s","toUserid":"%s","message":"`, me.id, partner.id)
	return &chatter{head: head, body: body, ack: ack}
}

func (c *chatter) acks() bool { return c.ack }

func (c *chatter) say(b []byte, number uint64, at int64) []byte {
	b = append(b, "42"...)
	if c.ack {
		b = strconv.AppendUint(b, number, 10)
	}
	b = append(b, c.head...)
	body := len(b)
	b = appendHex(appendHex(b, number), uint64(at))
	for len(b)-body < c.body {
		b = append(b, '.')
	}
	return append(b, `"}]`...)
}

func (c *chatter) hear(packet []byte) (number uint64, at int64, ours bool, err error) {
	if !bytes.HasPrefix(packet, []byte(`2["newMessage"`)) {
		return 0, 0, false, nil
	}
	_, body, found := bytes.Cut(packet, []byte(`"message":"`))
	if !found || len(body) < minBody {
		return 0, 0, false, fmt.Errorf("not a message of ours: %.200q", packet)
	}
	if number, err = strconv.ParseUint(string(body[:16]), 16, 64); err == nil {
		at, err = strconv.ParseInt(string(body[16:minBody]), 16, 64)
	}
	return number, at, true, err
}

// appendHex appends 16 digits; fmt would take longer than the rest of a message.
func appendHex(b []byte, v uint64) []byte {
	const digits = "0123456789abcdef"
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, digits[v>>shift&0xf])
	}
	return b
}

// typist says `typing`, on and off in turn. The event carries no more than that, so times go beside it, and a number is
// known by its parity: of an odd number lost in between, one is noticed at once, the others by the count at the end.
type typist struct {
	on, off      []byte
	said, coming *times
	last         uint64 // heard
}

func typing(one, other user, _ int) (ones, others speech) {
	there, back := new(times), new(times)
	return newTypist(other, there, back), newTypist(one, back, there)
}

func newTypist(partner user, said, coming *times) *typist {
	return &typist{
		on:  fmt.Appendf(nil, `42["typing",{"to":"%s","on":true}]`, partner.id),
		off: fmt.Appendf(nil, `42["typing",{"to":"%s","on":false}]`, partner.id), said: said, coming: coming,
	}
}

func (*typist) acks() bool { return false }

func (y *typist) say(b []byte, number uint64, at int64) []byte {
	y.said.push(at)
	if number%2 == 1 {
		return append(b, y.on...)
	}
	return append(b, y.off...)
}

func (y *typist) hear(packet []byte) (number uint64, at int64, ours bool, err error) {
	if !bytes.HasPrefix(packet, []byte(`2["typing"`)) {
		return 0, 0, false, nil
	}
	on := bytes.Contains(packet, []byte(`"on":true`))
	for {
		at, ok := y.coming.pop()
		if !ok {
			return y.last, 0, true, nil // never said: counts as a duplicate
		}
		y.last++
		if on == (y.last%2 == 1) {
			return y.last, at, true, nil
		}
	}
}

// times is a queue of the times of what is under way.
type times struct {
	mu    sync.Mutex
	queue []int64
	next  int // of queue to pop
}

func (t *times) push(at int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next == len(t.queue) {
		t.queue, t.next = t.queue[:0], 0
	}
	t.queue = append(t.queue, at)
}

func (t *times) pop() (at int64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next == len(t.queue) {
		return 0, false
	}
	t.next++
	return t.queue[t.next-1], true
}
