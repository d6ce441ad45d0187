package main

import (
	"encoding/json"
	"fmt"
)

// This file is how a device marks what it has received and read, and what it makes of the answers.

// Of a hundred messages heard, so many are marked, and of a hundred marks so many are past the end of the conversation.
const (
	markPercent   = 15
	beyondPercent = 2
)

// beyond is added to a number to have one that no conversation here will reach.
const beyond = 1_000_000_000

// marking is a question on its way.
type marking struct {
	reach reach
	event string // message:received or message:read
	seq   uint64
	floor mark // told before the question
}

// consider decides whether to mark a message that was heard.
func (v *visit) consider(m message) {
	if m.From == v.device.who.id || !v.device.chance(markPercent) {
		return
	}
	event := "message:read"
	if v.device.chance(30) {
		event = "message:received"
	}
	if v.device.chance(beyondPercent) {
		m.Seq += beyond
	}
	select {
	case v.toMark <- marking{reach: reach{m.Conv, v.device.who.id}, event: event, seq: m.Seq}:
	default: // the writer is busy: people do not mark everything
	}
}

func (v *visit) mark(m marking) error {
	m.floor = v.device.run.oracle.floor(m.reach)
	return v.ask(m.event, map[string]any{"conv": m.reach.conv, "seq": m.seq}, func(raw []byte) error {
		var a answer
		if err := json.Unmarshal(raw, &a); err != nil {
			return err
		}
		return v.marked(m, a)
	})
}

func (v *visit) marked(m marking, a answer) error {
	o := v.device.run.oracle
	switch {
	case m.seq > beyond && (a.OK || a.Error.Code != "invalid" && a.Error.Code != "unavailable"):
		return fmt.Errorf("%s of number %d: %+v", m.event, m.seq, a)
	case !a.OK && m.seq > beyond:
		return nil
	case !a.OK:
		v.device.run.refused(a.Error)
		return nil
	}
	least := m.floor
	if m.event == "message:read" {
		least.read = max(least.read, m.seq)
	}
	least.received = max(least.received, m.seq)
	o.answered(m.reach, mark{a.Received, a.Read}, least)
	return nil
}

// askMarks asks for a person's marks in the end: a mark that moves nothing is answered with where it is.
func (r *run) askMarks(asker *historian, p *person) error {
	for _, contact := range p.contacts {
		at := reach{converse(p.id, contact.id), p.id}
		floor := r.oracle.floor(at)
		if floor == (mark{}) {
			continue
		}
		var a answer
		if err := asker.Ask("message:received", map[string]any{"conv": at.conv, "seq": 1}, &a); err != nil {
			return err
		}
		r.oracle.answered(at, mark{a.Received, a.Read}, floor)
	}
	return nil
}
