package main

import (
	"encoding/json"
	"fmt"
)

// This file is how a device edits and takes back what it has sent, and what the oracle makes of it.

const (
	changePercent = 15 // of a hundred bursts, so many come with a change to a former message
	recallPercent = 30 // of a hundred changes, so many take the message back
	maxOwn        = 50 // former messages that a device still knows
)

// own is a message that a device knows to be stored.
type own struct {
	name, conv string
	seq        uint64
	edits      int
}

// remember keeps a message to be changed some day.
func (d *device) remember(l *letter, seq uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.own = append(d.own, &own{name: head(l.text), conv: l.conv, seq: seq})
	if len(d.own) > maxOwn {
		d.own = d.own[1:]
	}
}

// regret chooses a change to make. A message that was taken back, or may have been, is left alone.
func (d *device) regret() (m own, recall, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.own) == 0 || d.rng.IntN(100) >= changePercent {
		return m, false, false
	}
	i := d.rng.IntN(len(d.own))
	d.own[i].edits++
	m = *d.own[i]
	if recall = d.rng.IntN(100) < recallPercent; recall {
		d.own = append(d.own[:i:i], d.own[i+1:]...)
	}
	return m, recall, true
}

// change edits a message or takes it back, at times.
func (v *visit) change() error {
	m, recall, ok := v.device.regret()
	if !ok {
		return nil
	}
	o := v.device.run.oracle
	event, says := "message:recall", ""
	payload := map[string]any{"conv": m.conv, "seq": m.seq}
	if !recall {
		event, says = "message:edit", fmt.Sprintf("%s edit %d", m.name, m.edits)
		payload["data"] = says
	}
	o.changing(m.name, says)
	return v.ask(event, payload, func(raw []byte) error {
		var a answer
		if err := json.Unmarshal(raw, &a); err != nil {
			return err
		}
		if !a.OK {
			v.device.run.refused(a.Error)
			return nil
		}
		o.changed(m.name, says, a.Change)
		return nil
	})
}

// changing notes what a message may say from now on; "" that it may be taken back.
func (o *oracle) changing(name, says string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.sends[name]
	if says == "" {
		s.recalled = true
	} else {
		s.texts = append(s.texts, says)
	}
}

// changed notes that a change was acked.
func (o *oracle) changed(name, says string, change uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.changes++
	s := o.sends[name]
	switch {
	case change == 0:
		o.wrong.add("acks at odds", "%s: changed, with number 0", name)
	case change == s.change && says != s.says:
		o.wrong.add("acks at odds", "%s: change %d to %q and to %q", name, change, s.says, says)
	case change > s.change:
		s.change, s.says = change, says
	}
}

// changed notes a change that came over a connection.
func (l *linkLog) changed(m message) {
	o := l.oracle
	o.mu.Lock()
	defer o.mu.Unlock()
	if a, b, _ := usersOf(m.Conv); l.device.user != a && l.device.user != b {
		o.wrong.add("wrong audience", "%s heard a change of %s/%d, which is none of hers", l.device.user, m.Conv, m.Seq)
	}
	if m.Change == 0 {
		o.wrong.add("altered or invented", "a change of %s/%d without a number", m.Conv, m.Seq)
	}
	o.check(m)
}
