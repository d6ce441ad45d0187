package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// promises are what must never be found, in the order of the report.
var promises = [...]string{
	"acked lost", "changes lost", "refused but stored", "duplicates by number", "reordered", "gaps", "undelivered",
	"altered or invented", "wrong audience", "acks at odds", "marks out of bounds", "marks back", "syncs at odds", "broken packets", "bad ends",
}

// findings are broken promises: how often each, and the first few in words.
type findings struct {
	counts   map[string]int
	examples []string
}

const maxExamples = 5 // of each promise

func (f *findings) add(promise, format string, args ...any) {
	if !slices.Contains(promises[:], promise) {
		panic("no such promise: " + promise)
	}
	if f.counts == nil {
		f.counts = make(map[string]int)
	}
	f.counts[promise]++
	if f.counts[promise] <= maxExamples {
		f.examples = append(f.examples, promise+": "+fmt.Sprintf(format, args...))
	}
}

// verdict is what the oracle says in the end.
type verdict struct {
	findings
	Sent, Attempts, Acked, Refused, Unanswered int
	Stored, UnansweredStored                   int // messages in the history, and of them those that were never answered
	Heard, Repeats, Links                      int // deliveries, of them those that the device had already; connections
	Receipts, Marks, Syncs, Changes            int // receipts heard, answers that tell a mark, answers to sync, changes acked
}

// broken tells whether any promise is.
func (v *verdict) broken() bool { return len(v.counts) > 0 }

// history is the whole of each conversation, as message:since tells it.
type history map[string][]message

// judge compares what clients did and heard with the history. It may be asked more than once.
func (o *oracle) judge(h history) verdict {
	o.mu.Lock()
	defer o.mu.Unlock()
	kept := o.wrong
	o.wrong = findings{maps.Clone(kept.counts), slices.Clone(kept.examples)}
	var v verdict
	stored := o.judgeHistory(h)
	o.judgeSends(stored, &v)
	for _, d := range o.devices {
		o.judgeDevice(d, h, &v)
	}
	o.judgeMarks(h)
	v.Receipts, v.Marks, v.Syncs, v.Changes = o.marks.receipts, o.marks.answers, o.syncs, o.changes
	v.Stored, v.findings = len(stored), o.wrong
	o.wrong = kept
	return v
}

// judgeHistory returns where each text is stored.
func (o *oracle) judgeHistory(h history) map[string]place {
	stored := make(map[string]place)
	for conv, messages := range h {
		for i, m := range messages {
			if m.Seq != uint64(i+1) || m.Conv != conv {
				o.wrong.add("gaps", "history: %s/%d stands at place %d of %s", m.Conv, m.Seq, i+1, conv)
			}
			o.check(m)
			s := o.subject(m)
			if s == nil {
				continue
			}
			if former, twice := stored[s.name]; twice {
				o.wrong.add("duplicates by number", "history: %s is %s/%d and %s/%d", s.name, former.conv, former.seq, m.Conv, m.Seq)
			} else {
				stored[s.name] = place{m.Conv, m.Seq}
			}
			if m.Change < s.change || m.Change == s.change && s.change > 0 && m.Text != s.says {
				o.wrong.add("changes lost", "%s: change %d to %.100q was acked, history has %d and %.100q", s.name, s.change, s.says, m.Change, m.Text)
			}
		}
	}
	return stored
}

func (o *oracle) judgeSends(stored map[string]place, v *verdict) {
	for name, s := range o.sends {
		v.Sent++
		v.Attempts += s.attempts
		at, isStored := stored[name]
		switch {
		case s.acks > 0:
			v.Acked++
			if at != (place{s.conv, s.acked}) {
				o.wrong.add("acked lost", "%s: acked as %s/%d, in history at %q/%d", name, s.conv, s.acked, at.conv, at.seq)
			}
		case s.refusals == s.attempts:
			v.Refused++
			if isStored {
				o.wrong.add("refused but stored", "%s: refused %d times, in history as %s/%d", name, s.refusals, at.conv, at.seq)
			}
		default:
			v.Unanswered++
			if isStored {
				v.UnansweredStored++
			}
		}
	}
}

// judgeDevice holds what a device heard against the history of its user's conversations: all of it, in order, but for
// what it sent itself, which it may hear again after it has reconnected and need not.
func (o *oracle) judgeDevice(d *deviceLog, h history, v *verdict) {
	v.Links += len(d.links)
	for conv, messages := range h {
		a, b, _ := usersOf(conv)
		if d.user != a && d.user != b {
			continue
		}
		own := func(seq uint64) bool {
			if seq > uint64(len(messages)) {
				return false
			}
			s := o.subject(messages[seq-1])
			return s != nil && s.device == d
		}
		known, told := make([]bool, len(messages)+1), make([]bool, len(messages)+1) // by number
		for _, l := range d.links {
			high := uint64(0) // the number before which nothing may be missing
			for _, seq := range l.heard[conv] {
				v.Heard++
				if seq > uint64(len(messages)) {
					o.wrong.add("gaps", "%s %s heard %s/%d, which is past the end of history", d.user, d.name, conv, seq)
					continue
				}
				for missing := high + 1; missing < seq; missing++ {
					if !known[missing] && !told[missing] && !own(missing) {
						told[missing] = true
						o.wrong.add("gaps", "%s %s heard %s/%d before %d", d.user, d.name, conv, seq, missing)
					}
				}
				if known[seq] {
					v.Repeats++
				}
				known[seq] = true
				high = max(high, seq)
			}
		}
		for seq := uint64(1); seq <= uint64(len(messages)); seq++ {
			if !known[seq] && !own(seq) {
				o.wrong.add("undelivered", "%s %s never heard %s/%d, lost on %s", d.user, d.name, conv, seq, d.lostOn(conv, seq))
			}
		}
	}
}

// lostOn names the connection on which a missing number was due: the last one that brought something before it.
func (d *deviceLog) lostOn(conv string, missing uint64) string {
	on := "no connection"
	for i, l := range d.links {
		if slices.ContainsFunc(l.heard[conv], func(seq uint64) bool { return seq < missing }) {
			on = fmt.Sprintf("connection %d or later (%s)", i+1, l.kind)
		}
		if slices.ContainsFunc(l.heard[conv], func(seq uint64) bool { return seq > missing }) {
			break
		}
	}
	return on
}

// behind is how many deliveries are still owed, by the history: 0 when every device has what it must have.
func (o *oracle) behind(h history) int {
	return o.judge(h).counts["undelivered"]
}

// usersOf returns the two users of a direct conversation.
func usersOf(conv string) (a, b string, ok bool) { return strings.Cut(conv, "|") }
