package main

import (
	"slices"
	"strings"
	"sync"
)

// oracle knows everything that clients did and heard, and judges it in the end against the history that the server
// tells. It believes nothing but what came over the wire: it does not know the server's code.
type oracle struct {
	mu      sync.Mutex // guards what follows, and the fields of what it makes
	sends   map[string]*send
	devices []*deviceLog
	places  map[place]string  // the message, by name, that was heard under a number
	numbers map[string]place  // the number under which a message was heard or acked
	sentIn  map[string]uint64 // messages of a conversation that were put on the wire
	last    map[string]uint64 // the highest number of a conversation that anybody was told
	syncs   int               // answered
	changes int               // acked
	marks   marks
	wrong   findings
}

// place is a message's number in a conversation.
type place struct {
	conv string
	seq  uint64
}

// send is one message that a client wanted to send, once or, with a ref, until it was answered.
type send struct {
	name     string   // unique: the head of each of its texts
	texts    []string // what it may say: what was sent, and every edit that was tried
	conv     string
	user     string
	device   *deviceLog
	attempts int // times it was put on the wire
	refusals int // of them, those refused for certain
	acks     int
	acked    uint64 // the number in the ack

	recalled bool   // it was tried to take it back
	change   uint64 // the highest number of a change that was acked
	says     string // what the message says since then; "" when it was taken back
}

// deviceLog is what one device of one user heard.
type deviceLog struct {
	user, name string
	links      []*linkLog
}

// linkLog is what came over one connection: the numbers of each conversation, in the order of arrival.
type linkLog struct {
	oracle *oracle
	device *deviceLog
	kind   string // how it connected
	heard  map[string][]uint64
	marks  map[reach]mark // as told last
}

func newOracle() *oracle {
	return &oracle{
		sends: make(map[string]*send), places: make(map[place]string), numbers: make(map[string]place),
		sentIn: make(map[string]uint64), last: make(map[string]uint64), marks: newMarks(),
	}
}

func (o *oracle) device(user, name string) *deviceLog {
	o.mu.Lock()
	defer o.mu.Unlock()
	d := &deviceLog{user: user, name: name}
	o.devices = append(o.devices, d)
	return d
}

// connected begins a connection of a device.
func (o *oracle) connected(d *deviceLog, kind string) *linkLog {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := &linkLog{oracle: o, device: d, kind: kind, heard: make(map[string][]uint64), marks: make(map[reach]mark)}
	d.links = append(d.links, l)
	return l
}

// sending notes a message, before it goes on the wire. The same message again is another attempt.
func (o *oracle) sending(d *deviceLog, conv, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	name := head(text)
	s := o.sends[name]
	if s == nil {
		s = &send{name: name, texts: []string{text}, conv: conv, user: d.user, device: d}
		o.sends[name] = s
		o.sentIn[conv]++
	}
	s.attempts++
}

func (o *oracle) acked(text, conv string, seq uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.sends[head(text)]
	s.acks++
	switch {
	case conv != s.conv || seq == 0:
		o.wrong.add("acks at odds", "%s: acked as %s/%d", s.name, conv, seq)
	case s.acks > 1 && s.acked != seq:
		o.wrong.add("duplicates by number", "%s: acked as %s/%d and as %d", s.name, conv, s.acked, seq)
	}
	s.acked = seq
	o.seen(place{conv, seq}, s.name)
}

// refused notes a refusal that says for certain that this attempt stored nothing.
func (o *oracle) refused(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sends[head(text)].refusals++
}

// written is how many messages were put on the wire.
func (o *oracle) written() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.sends)
}

// wrongWire notes what no client of the protocol understands, wrongEnd a server that did not end as it should.
func (o *oracle) wrongWire(what string) { o.note("broken packets", what) }
func (o *oracle) wrongEnd(what string)  { o.note("bad ends", what) }

func (o *oracle) note(promise, what string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wrong.add(promise, "%s", what)
}

// hear notes a message that came over a connection, as newMessage or sentMessage.
func (l *linkLog) hear(m message, event string) {
	o := l.oracle
	o.mu.Lock()
	defer o.mu.Unlock()
	o.check(m)
	if want := eventFor(l.device.user, m.From); event != want {
		o.wrong.add("wrong audience", "%s heard %s/%d as %s", l.device.user, m.Conv, m.Seq, event)
	}
	if a, b, _ := usersOf(m.Conv); l.device.user != a && l.device.user != b {
		o.wrong.add("wrong audience", "%s heard %s/%d, which is none of hers", l.device.user, m.Conv, m.Seq)
	}
	numbers := l.heard[m.Conv]
	if n := len(numbers); n > 0 && m.Seq <= numbers[n-1] {
		o.wrong.add("reordered", "%s %s heard %s/%d after %d on one connection", l.device.user, l.device.name, m.Conv, m.Seq, numbers[n-1])
	}
	l.heard[m.Conv] = append(numbers, m.Seq)
}

func eventFor(user, sender string) string {
	if user == sender {
		return "sentMessage"
	}
	return "newMessage"
}

// subject returns the message that m is a version of, nil if nobody sent it. One that was taken back says nothing: it is
// known by its number.
func (o *oracle) subject(m message) *send {
	if m.Recalled > 0 {
		return o.sends[o.places[place{m.Conv, m.Seq}]]
	}
	return o.sends[head(m.Text)]
}

// check compares a message with what was sent: the text to the letter, the sender, the conversation.
func (o *oracle) check(m message) {
	s := o.subject(m)
	switch {
	case s == nil:
		o.wrong.add("altered or invented", "%s/%d holds %q, which nobody sent", m.Conv, m.Seq, head(m.Text))
		return
	case s.user != m.From || s.conv != m.Conv:
		o.wrong.add("altered or invented", "%s/%d holds %s from %s, sent by %s in %s", m.Conv, m.Seq, s.name, m.From, s.user, s.conv)
	case m.Recalled > 0 && (m.Text != "" || !s.recalled) || m.Recalled == 0 && !slices.Contains(s.texts, m.Text):
		o.wrong.add("altered or invented", "%s/%d says %.100q, which is none of what %s may say", m.Conv, m.Seq, m.Text, s.name)
	}
	o.seen(place{m.Conv, m.Seq}, s.name)
}

// seen holds every place to one message and every message to one place, whoever tells of them.
func (o *oracle) seen(p place, name string) {
	if former, known := o.places[p]; known && former != name {
		o.wrong.add("duplicates by number", "%s/%d is %s and %s", p.conv, p.seq, former, name)
	}
	if former, known := o.numbers[name]; known && former != p {
		o.wrong.add("duplicates by number", "%s is %s/%d and %s/%d", name, former.conv, former.seq, p.conv, p.seq)
	}
	o.places[p], o.numbers[name] = name, p
	o.last[p.conv] = max(o.last[p.conv], p.seq)
}

// head is the part of a text that names it: fillers follow behind a blank.
func head(text string) string {
	name, _, _ := strings.Cut(text, " ")
	return name[:min(len(name), 80)]
}

// message is a message as the server tells it.
type message struct {
	From string `json:"f_id"`
	Text string `json:"message"`
	Conv string `json:"conv"`
	Seq  uint64 `json:"seq"`

	Change   uint64 `json:"change"`   // the conversation's number of its latest change
	Recalled int64  `json:"recalled"` // when it was taken back: Text is empty then
}
