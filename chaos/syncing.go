package main

import (
	"encoding/json"
	"fmt"
)

// This file is how a device asks by `sync` what it has missed, and what the oracle makes of the answer.

// syncPercent is how many of a hundred devices sync when they come.
const syncPercent = 30

// state is how a conversation stands, as sync tells it.
type state struct {
	Conv           string
	Last           uint64
	Received, Read uint64
	Unread         uint64
	Peer           struct{ Received, Read uint64 }
	Message        message
	Messages       []message
}

type syncAnswer struct {
	OK            bool
	Error         failure
	Conversations []state
	More          bool
	Next          string
}

// maxUnread is where the count of unread messages ends.
const maxUnread = 100

// question is a sync on its way: what the oracle knew when it was asked.
type question struct {
	user    string
	cursors map[string]uint64
	marks   map[reach]mark
	last    map[string]uint64
}

// asking notes a question for what is past the cursors.
func (o *oracle) asking(user string, cursors map[string]uint64) question {
	o.mu.Lock()
	defer o.mu.Unlock()
	q := question{user: user, cursors: cursors, marks: make(map[reach]mark), last: make(map[string]uint64)}
	for conv, last := range o.last {
		q.last[conv] = last
		a, b, _ := usersOf(conv)
		for _, who := range []string{a, b} {
			q.marks[reach{conv, who}] = o.marks.told[reach{conv, who}]
		}
	}
	return q
}

// synced holds an answer to what was known when it was asked for, and what it tells of messages and marks to all the rest.
func (o *oracle) synced(q question, answer []state) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.syncs++
	for _, s := range answer {
		a, b, _ := usersOf(s.Conv)
		peer := a
		if peer == q.user {
			peer = b
		}
		if q.user != a && q.user != b {
			o.wrong.add("syncs at odds", "%s was told of %s", q.user, s.Conv)
			continue
		}
		if s.Last < q.last[s.Conv] || s.Last > o.sentIn[s.Conv] || s.Message.Seq != s.Last || s.Unread > s.Last-s.Read {
			o.wrong.add("syncs at odds", "%s: last %d, the newest message %d, %d unread past %d, where %d was told before",
				s.Conv, s.Last, s.Message.Seq, s.Unread, s.Read, q.last[s.Conv])
		}
		o.check(s.Message)
		next := q.cursors[s.Conv] + 1
		for _, m := range s.Messages {
			if m.Conv != s.Conv || m.Seq != next {
				o.wrong.add("syncs at odds", "%s/%d among the missed, where %d is next", m.Conv, m.Seq, next)
			}
			next = m.Seq + 1
			o.check(m)
		}
		mine, theirs := reach{s.Conv, q.user}, reach{s.Conv, peer}
		o.answer(mine, mark{s.Received, s.Read}, q.marks[mine])
		o.answer(theirs, mark{s.Peer.Received, s.Peer.Read}, q.marks[theirs])
		if s.Received > s.Last || s.Peer.Received > s.Last {
			o.wrong.add("marks out of bounds", "sync of %s: %+v and %+v, last %d", s.Conv, mark{s.Received, s.Read}, s.Peer, s.Last)
		}
	}
}

// sync asks what the device has missed.
func (v *visit) sync() error {
	d := v.device
	cursors := d.run.oracle.highest(d.log)
	q := d.run.oracle.asking(d.who.id, cursors)
	return v.ask("sync", map[string]any{"cursors": cursors, "limit": 1 + int(d.upTo(10))}, func(raw []byte) error {
		var a syncAnswer
		if err := json.Unmarshal(raw, &a); err != nil {
			return err
		}
		if !a.OK {
			d.run.refused(a.Error)
			return nil
		}
		d.run.oracle.synced(q, a.Conversations)
		return nil
	})
}

// highest is the last number that a device has heard of each conversation.
func (o *oracle) highest(d *deviceLog) map[string]uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	high := make(map[string]uint64)
	for _, l := range d.links {
		for conv, numbers := range l.heard {
			high[conv] = max(high[conv], numbers[len(numbers)-1])
		}
	}
	return high
}

// syncAll has a person sync from the beginning, page by page, when nothing moves any more: everything must be told to
// the last message and mark.
func (r *run) syncAll(asker *historian, p *person, h history) error {
	all, next := make(map[string]state), ""
	for {
		q := r.oracle.asking(p.id, nil)
		var a syncAnswer
		if err := asker.Ask("sync", map[string]any{"limit": 3, "after": next}, &a); err != nil {
			return err
		}
		r.oracle.synced(q, a.Conversations)
		for _, s := range a.Conversations {
			all[s.Conv] = s
		}
		if !a.More {
			break
		}
		if a.Next == "" || a.Next == next {
			return fmt.Errorf("sync: more, and next is %q", a.Next)
		}
		next = a.Next
	}
	r.oracle.syncedAll(p.id, all, h)
	return nil
}

// syncedAll compares all that sync tells a user with the history.
func (o *oracle) syncedAll(user string, all map[string]state, h history) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for conv, messages := range h {
		a, b, _ := usersOf(conv)
		if len(messages) == 0 || user != a && user != b {
			continue
		}
		s := all[conv]
		unread := uint64(0)
		for _, m := range messages {
			if m.Seq > s.Read && m.From != user {
				unread++
			}
		}
		if s.Last != uint64(len(messages)) || s.Unread != min(unread, maxUnread) {
			o.wrong.add("syncs at odds", "%s of %s: last %d, %d unread past %d; in history %d, %d unread",
				conv, user, s.Last, s.Unread, s.Read, len(messages), unread)
		}
	}
}
