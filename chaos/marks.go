package main

// mark is how far a user is in a conversation.
type mark struct{ received, read uint64 }

// reach names a mark: whose, where.
type reach struct{ conv, user string }

// marks are the receipts that the oracle has heard of. A mark is told only after it is durable, so what anybody was
// told is the least that everybody may be told who asks later.
type marks struct {
	told     map[reach]mark
	receipts int // events
	answers  int // to questions
}

func newMarks() marks { return marks{told: make(map[reach]mark)} }

// receipt notes a mark that came over a connection by itself. On one connection marks never go back.
func (l *linkLog) receipt(r reach, m mark) {
	o := l.oracle
	o.mu.Lock()
	defer o.mu.Unlock()
	o.marks.receipts++
	o.bound(r, m)
	if before := l.marks[r]; m.received < before.received || m.read < before.read {
		o.wrong.add("marks back", "%s %s was told %+v of %+v after %+v", l.device.user, l.device.name, m, r, before)
	}
	l.marks[r] = m
	o.raise(r, m)
}

// floor returns the least that an answer to a question asked now must say.
func (o *oracle) floor(r reach) mark {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.marks.told[r]
}

// answered notes a mark from the answer to a question, asked when floor was the least.
func (o *oracle) answered(r reach, m, floor mark) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answer(r, m, floor)
}

func (o *oracle) answer(r reach, m, floor mark) {
	o.marks.answers++
	o.bound(r, m)
	if m.received < floor.received || m.read < floor.read {
		o.wrong.add("marks back", "an answer says %+v of %+v, where %+v was told before the question", m, r, floor)
	}
	o.raise(r, m)
}

// bound holds a mark to read <= received <= last. Last is not known while the marks come; no more is stored than was sent.
func (o *oracle) bound(r reach, m mark) {
	if m.read > m.received || m.received > o.sentIn[r.conv] {
		o.wrong.add("marks out of bounds", "%+v of %+v, where %d were sent", m, r, o.sentIn[r.conv])
	}
}

func (o *oracle) raise(r reach, m mark) {
	t := o.marks.told[r]
	o.marks.told[r] = mark{max(t.received, m.received), max(t.read, m.read)}
}

// judgeMarks compares the furthest marks with the history.
func (o *oracle) judgeMarks(h history) {
	for r, m := range o.marks.told {
		if last := uint64(len(h[r.conv])); m.received > last {
			o.wrong.add("marks out of bounds", "%+v of %+v, whose last number is %d", m, r, last)
		}
	}
}
