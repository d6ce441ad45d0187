package main

import (
	"slices"
	"testing"
)

const (
	ann  = "a0"
	bob  = "b0"
	carl = "c0"
	both = ann + "|" + bob
)

// chatter is Ann's phone, Bob's phone and Bob's desk, and two messages of Ann's that all heard as they should.
type chatter struct {
	*oracle
	annPhone, bobPhone, bobDesk *deviceLog
	phone, desk                 *linkLog // Bob's
}

func newChatter() *chatter {
	c := &chatter{oracle: newOracle()}
	c.annPhone, c.bobPhone, c.bobDesk = c.device(ann, "phone"), c.device(bob, "phone"), c.device(bob, "desk")
	c.phone, c.desk = c.connected(c.bobPhone, "WebSocket"), c.connected(c.bobDesk, "WebSocket")
	c.sending(c.annPhone, both, "one")
	c.acked("one", both, 1)
	c.sending(c.annPhone, both, "two")
	c.acked("two", both, 2)
	for _, l := range []*linkLog{c.phone, c.desk} {
		l.hear(said("one", 1), "newMessage")
		l.hear(said("two", 2), "newMessage")
	}
	return c
}

func said(text string, seq uint64) message {
	return message{From: ann, Text: text, Conv: both, Seq: seq}
}

// standing is how the conversation stands for Bob, who has read nothing.
func standing(last uint64, newest message, missed ...message) state {
	return state{Conv: both, Last: last, Message: newest, Messages: missed, Unread: last}
}

func told(texts ...string) history {
	h := history{both: nil}
	for i, text := range texts {
		h[both] = append(h[both], said(text, uint64(i+1)))
	}
	return h
}

func TestOracleIsContent(t *testing.T) {
	c := newChatter()
	v := c.judge(told("one", "two"))
	if v.broken() {
		t.Errorf("it finds %v", v.examples)
	}
	want := verdict{Sent: 2, Attempts: 2, Acked: 2, Stored: 2, Heard: 4, Links: 2}
	v.findings = findings{}
	if !equal(v, want) {
		t.Errorf("it counts %+v, want %+v", v, want)
	}
	if c.behind(told("one", "two")) != 0 {
		t.Error("something is said to be owed")
	}
}

func equal(a, b verdict) bool {
	return a.Sent == b.Sent && a.Attempts == b.Attempts && a.Acked == b.Acked && a.Refused == b.Refused &&
		a.Unanswered == b.Unanswered && a.UnansweredStored == b.UnansweredStored && a.Stored == b.Stored &&
		a.Heard == b.Heard && a.Repeats == b.Repeats && a.Links == b.Links
}

// What may happen and breaks nothing: repeats after a reconnection, one's own messages, sends without an end.
func TestOracleAllowsWhatIsPromised(t *testing.T) {
	c := newChatter()
	again := c.connected(c.bobPhone, "WebSocket")
	again.hear(said("two", 2), "newMessage")
	c.sending(c.annPhone, both, "three") // stored, and the ack was lost
	again.hear(said("three", 3), "newMessage")
	c.connected(c.bobDesk, "WebSocket").hear(said("three", 3), "newMessage")
	c.connected(c.annPhone, "WebSocket").hear(said("three", 3), "sentMessage") // her own, by another socket of hers
	c.sending(c.annPhone, both, "four")                                        // lost before it arrived
	c.sending(c.annPhone, both, "five")
	c.refused("five")
	v := c.judge(told("one", "two", "three"))
	if v.broken() {
		t.Errorf("it finds %v", v.examples)
	}
	want := verdict{Sent: 5, Attempts: 5, Acked: 2, Refused: 1, Unanswered: 2, UnansweredStored: 1, Stored: 3, Heard: 8, Repeats: 1, Links: 5}
	if !equal(v, want) {
		t.Errorf("it counts %+v, want %+v", v, want)
	}
}

func TestOracleFinds(t *testing.T) {
	for _, c := range []struct {
		name   string
		happen func(*chatter) history
		want   []string
	}{
		{"an acked message that is not in history", func(c *chatter) history {
			return told("one")
		}, []string{"acked lost", "gaps"}},
		{"an acked message under another number", func(c *chatter) history {
			return told("two", "one")
		}, []string{"acked lost", "duplicates by number"}},
		{"a message stored twice", func(c *chatter) history {
			return told("one", "two", "two")
		}, []string{"duplicates by number", "undelivered"}},
		{"a ref acked with two numbers", func(c *chatter) history {
			c.sending(c.annPhone, both, "two")
			c.acked("two", both, 3)
			return told("one", "two")
		}, []string{"duplicates by number", "acked lost"}},
		{"two texts under one number", func(c *chatter) history {
			c.sending(c.annPhone, both, "three")
			c.connected(c.bobPhone, "WebSocket").hear(said("three", 2), "newMessage")
			return told("one", "two")
		}, []string{"duplicates by number"}},
		{"two messages swapped", func(c *chatter) history {
			c.sending(c.annPhone, both, "three")
			c.sending(c.annPhone, both, "four")
			for _, l := range []*linkLog{c.phone, c.desk} {
				l.hear(said("four", 4), "newMessage")
				l.hear(said("three", 3), "newMessage")
			}
			return told("one", "two", "three", "four")
		}, []string{"reordered", "gaps"}},
		{"a repeat on one connection", func(c *chatter) history {
			c.phone.hear(said("two", 2), "newMessage")
			return told("one", "two")
		}, []string{"reordered"}},
		{"a message that one device never hears", func(c *chatter) history {
			c.sending(c.annPhone, both, "three")
			c.phone.hear(said("three", 3), "newMessage")
			return told("one", "two", "three")
		}, []string{"undelivered"}},
		{"a message that comes a connection too late", func(c *chatter) history {
			c.sending(c.annPhone, both, "three")
			c.sending(c.annPhone, both, "four")
			c.phone.hear(said("three", 3), "newMessage")
			c.phone.hear(said("four", 4), "newMessage")
			c.connected(c.bobDesk, "WebSocket").hear(said("four", 4), "newMessage")
			c.connected(c.bobDesk, "WebSocket").hear(said("three", 3), "newMessage")
			return told("one", "two", "three", "four")
		}, []string{"gaps"}},
		{"a gap in history", func(c *chatter) history {
			h := told("one", "two", "two")
			h[both] = slices.Delete(h[both], 1, 2)
			return h
		}, []string{"gaps", "duplicates by number", "acked lost"}},
		{"a refused message that is stored", func(c *chatter) history {
			c.sending(c.annPhone, both, "three")
			c.refused("three")
			for _, l := range []*linkLog{c.phone, c.desk} {
				l.hear(said("three", 3), "newMessage")
			}
			return told("one", "two", "three")
		}, []string{"refused but stored"}},
		{"a text that was cut", func(c *chatter) history {
			return told("one", "tw")
		}, []string{"altered or invented", "acked lost", "undelivered"}},
		{"a message of another sender", func(c *chatter) history {
			h := told("one", "two")
			h[both][1].From = bob
			return h
		}, []string{"altered or invented"}},
		{"a message in another conversation", func(c *chatter) history {
			c.connected(c.device(carl, "desk"), "WebSocket").hear(said("two", 2), "newMessage")
			return told("one", "two")
		}, []string{"wrong audience"}},
		{"an ack that names another conversation", func(c *chatter) history {
			c.sending(c.annPhone, both, "three")
			c.acked("three", ann+"|"+carl, 1)
			return told("one", "two")
		}, []string{"acks at odds", "acked lost"}},
		{"a number past the end of history", func(c *chatter) history {
			c.sending(c.annPhone, both, "three")
			c.phone.hear(said("three", 3), "newMessage")
			return told("one", "two")
		}, []string{"gaps"}},
		{"a mark that goes back", func(c *chatter) history {
			c.phone.receipt(reach{both, ann}, mark{2, 2})
			c.phone.receipt(reach{both, ann}, mark{2, 1})
			return told("one", "two")
		}, []string{"marks back"}},
		{"an answer behind what was told before the question", func(c *chatter) history {
			c.phone.receipt(reach{both, ann}, mark{2, 1})
			floor := c.floor(reach{both, ann})
			c.answered(reach{both, ann}, mark{1, 1}, floor)
			return told("one", "two")
		}, []string{"marks back"}},
		{"read past received", func(c *chatter) history {
			c.phone.receipt(reach{both, ann}, mark{1, 2})
			return told("one", "two")
		}, []string{"marks out of bounds"}},
		{"received past what was sent", func(c *chatter) history {
			c.phone.receipt(reach{both, ann}, mark{3, 1})
			return told("one", "two")
		}, []string{"marks out of bounds"}},
		{"received past what is stored", func(c *chatter) history {
			c.sending(c.annPhone, both, "three")
			c.phone.receipt(reach{both, ann}, mark{3, 1})
			return told("one", "two")
		}, []string{"marks out of bounds"}},
		{"an acked edit that is not in history", func(c *chatter) history {
			c.changing("two", "two edited")
			c.changed("two", "two edited", 1)
			return told("one", "two")
		}, []string{"changes lost"}},
		{"an acked recall that is undone", func(c *chatter) history {
			c.changing("two", "two edited")
			c.changing("two", "")
			c.changed("two", "", 2)
			h := told("one", "two edited")
			h[both][1].Change = 2
			return h
		}, []string{"changes lost"}},
		{"one change to two texts", func(c *chatter) history {
			c.changing("two", "two edited")
			c.changed("two", "two edited", 1)
			c.changing("two", "")
			c.changed("two", "", 1)
			h := told("one", "two edited")
			h[both][1].Change = 1
			return h
		}, []string{"acks at odds"}},
		{"an edit that nobody made", func(c *chatter) history {
			m := said("two edited", 2)
			m.Change = 1
			c.phone.changed(m)
			return told("one", "two")
		}, []string{"altered or invented"}},
		{"a recall that nobody made", func(c *chatter) history {
			m := said("", 2)
			m.Change, m.Recalled = 1, 1
			c.phone.changed(m)
			return told("one", "two")
		}, []string{"altered or invented"}},
		{"a change told to others", func(c *chatter) history {
			c.changing("two", "two edited")
			m := said("two edited", 2)
			m.Change = 1
			c.connected(c.device(carl, "desk"), "WebSocket").changed(m)
			return told("one", "two")
		}, []string{"wrong audience"}},
		{"a sync that misses the newest message", func(c *chatter) history {
			c.synced(c.asking(bob, nil), []state{standing(1, said("one", 1))})
			return told("one", "two")
		}, []string{"syncs at odds"}},
		{"a sync that leaves out a missed message", func(c *chatter) history {
			c.synced(c.asking(bob, map[string]uint64{both: 0}), []state{standing(2, said("two", 2), said("two", 2))})
			return told("one", "two")
		}, []string{"syncs at odds"}},
		{"a sync of other people's messages", func(c *chatter) history {
			c.synced(c.asking(carl, nil), []state{standing(2, said("two", 2))})
			return told("one", "two")
		}, []string{"syncs at odds"}},
		{"a sync that takes a mark back", func(c *chatter) history {
			c.phone.receipt(reach{both, ann}, mark{2, 2})
			c.synced(c.asking(bob, nil), []state{standing(2, said("two", 2))})
			return told("one", "two")
		}, []string{"marks back"}},
		{"a sync whose text was changed", func(c *chatter) history {
			c.synced(c.asking(bob, nil), []state{standing(2, said("to", 2))})
			return told("one", "two")
		}, []string{"altered or invented"}},
		{"a last sync without a conversation", func(c *chatter) history {
			c.syncedAll(bob, nil, told("one", "two"))
			return told("one", "two")
		}, []string{"syncs at odds"}},
		{"a last sync that counts too few unread", func(c *chatter) history {
			s := standing(2, said("two", 2))
			s.Unread = 1
			c.syncedAll(bob, map[string]state{both: s}, told("one", "two"))
			return told("one", "two")
		}, []string{"syncs at odds"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newChatter()
			v := o.judge(c.happen(o))
			for _, want := range c.want {
				if v.counts[want] == 0 {
					t.Errorf("it does not find %q, but %v", want, v.examples)
				}
			}
			for found := range v.counts {
				if !slices.Contains(c.want, found) {
					t.Errorf("it also finds %q: %v", found, v.examples)
				}
			}
		})
	}
}

// Edits and recalls that were acked, that were not, and that came back changed again.
func TestOracleFollowsChanges(t *testing.T) {
	c := newChatter()
	c.changing("one", "one edited")
	c.changed("one", "one edited", 1)
	c.changing("one", "one edited twice") // stored, and the ack was lost
	c.changing("two", "")
	c.changed("two", "", 3)
	h := told("one edited twice", "")
	h[both][0].Change = 2
	h[both][1].Change, h[both][1].Recalled = 3, 1
	c.phone.changed(h[both][0])
	c.connected(c.bobPhone, "WebSocket").hear(h[both][1], "newMessage")
	v := c.judge(h)
	if v.broken() || v.Stored != 2 || v.Changes != 2 {
		t.Errorf("it finds %v, and counts %+v", v.examples, v)
	}
}

// Asked twice, the oracle says the same twice.
func TestOracleJudgesAgain(t *testing.T) {
	c := newChatter()
	first, second := c.judge(told("one")), c.judge(told("one"))
	if !equal(first, second) || first.counts["acked lost"] != 1 || second.counts["acked lost"] != 1 {
		t.Errorf("first %+v, then %+v", first, second)
	}
	if v := c.judge(told("one", "two")); v.broken() {
		t.Errorf("what it found earlier stays: %v", v.examples)
	}
}
