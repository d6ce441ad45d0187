package storetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func socketStories() []story {
	return []story{
		{name: "put, replaced, deleted", tell: socketPut},
		{name: "names are compared to the letter", tell: socketLetters},
		{name: "a silent node's sockets vanish", tell: socketSilence},
		{name: "a sweep counts what the dead left", tell: socketSweep},
		{name: "fifty come and go at once", tell: socketRace},
		{name: "none are left behind by a restart", tell: socketReopen},
	}
}

func socketOf(user chat.UserID, id chat.SocketID, node chat.NodeID) chat.Socket {
	return chat.Socket{ID: id, User: user, Device: "phone", Node: node, Since: noon()}
}

func putSocket(t testing.TB, p *place, sockets ...chat.Socket) {
	t.Helper()
	for _, s := range sockets {
		noError(t, p.PutSocket(t.Context(), s))
	}
}

func beat(t testing.TB, p *place, node chat.NodeID, until time.Time) {
	t.Helper()
	noError(t, p.Beat(t.Context(), node, until))
}

func wantSockets(t testing.TB, p *place, user chat.UserID, now time.Time, want ...chat.Socket) {
	t.Helper()
	got, err := p.Sockets(t.Context(), []chat.UserID{user}, now)
	noError(t, err)
	byID := func(a, b chat.Socket) int { return strings.Compare(string(a.ID), string(b.ID)) }
	slices.SortFunc(got, byID)
	slices.SortFunc(want, byID)
	same := func(a, b chat.Socket) bool {
		since := a.Since.Equal(b.Since)
		a.Since = b.Since
		return since && a == b
	}
	if !slices.EqualFunc(got, want, same) {
		t.Errorf("sockets are\n%+v, want\n%+v", got, want)
	}
}

func wantSwept(t testing.TB, p *place, now time.Time, want int) {
	t.Helper()
	got, err := p.SweepSockets(t.Context(), now)
	noError(t, err)
	if got != want {
		t.Errorf("swept %d entries, want %d", got, want)
	}
}

func socketPut(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	beat(t, p, "node", noon().Add(time.Minute))
	wantSockets(t, p, ann, noon())
	one, two, bobs := socketOf(ann, "s1", "node"), socketOf(ann, "s2", "node"), socketOf(bob, "s1", "node")
	two.Device = ""
	putSocket(t, p, one, two, bobs)
	wantSockets(t, p, ann, noon(), one, two)
	one.Device, one.Since = "laptop", noon().Add(time.Second)
	putSocket(t, p, one)
	wantSockets(t, p, ann, noon(), one, two)
	noError(t, p.DeleteSocket(t.Context(), ann, "s1"))
	noError(t, p.DeleteSocket(t.Context(), ann, "s1"))
	noError(t, p.DeleteSocket(t.Context(), ann, "never there"))
	wantSockets(t, p, ann, noon(), two)
	wantSockets(t, p, bob, noon(), bobs)

	both, err := p.Sockets(t.Context(), []chat.UserID{bob, newUser(), ann}, noon())
	noError(t, err)
	if len(both) != 2 || both[0].User == both[1].User {
		t.Errorf("the sockets of Ann and Bob are %+v", both)
	}
	if none, err := p.Sockets(t.Context(), nil, noon()); err != nil || len(none) != 0 {
		t.Errorf("the sockets of nobody are %+v, %v", none, err)
	}
}

func socketLetters(t *testing.T, p *place) {
	ann := newUser()
	var all []chat.Socket
	for _, name := range hostileNames() {
		node := chat.NodeID("node " + name)
		beat(t, p, node, noon().Add(time.Minute))
		s := socketOf(ann, chat.SocketID(name), node)
		s.Device = chat.DeviceID(name)
		putSocket(t, p, s)
		all = append(all, s)
	}
	wantSockets(t, p, ann, noon(), slices.Clone(all)...)
	for i, s := range all {
		if i%2 == 0 {
			noError(t, p.DeleteSocket(t.Context(), ann, s.ID))
		} else {
			beat(t, p, s.Node, noon().Add(-time.Minute))
			wantSwept(t, p, noon(), 1)
		}
		wantSockets(t, p, ann, noon(), slices.Clone(all[i+1:])...)
	}
}

func socketSilence(t *testing.T, p *place) {
	ann := newUser()
	east, west := socketOf(ann, "s1", "east"), socketOf(ann, "s2", "west")
	putSocket(t, p, socketOf(ann, "s3", "never heard of"), east, west)
	beat(t, p, "east", noon().Add(10*time.Second))
	beat(t, p, "west", noon().Add(20*time.Second))
	wantSockets(t, p, ann, noon(), east, west)
	wantSockets(t, p, ann, noon().Add(15*time.Second), west)
	wantSockets(t, p, ann, noon().Add(25*time.Second))
	// A beat that comes late is a beat.
	beat(t, p, "east", noon().Add(40*time.Second))
	wantSockets(t, p, ann, noon().Add(25*time.Second), east)
	// A node that ends says that it lived until just now.
	beat(t, p, "east", noon().Add(24*time.Second))
	wantSockets(t, p, ann, noon().Add(25*time.Second))
}

func socketSweep(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	wantSwept(t, p, noon(), 0)
	beat(t, p, "east", noon().Add(10*time.Second))
	beat(t, p, "west", noon().Add(20*time.Second))
	annWest, bobEast := socketOf(ann, "s2", "west"), socketOf(bob, "s3", "east")
	putSocket(t, p, socketOf(ann, "s1", "east"), annWest, bobEast, socketOf(bob, "gone", "east"))
	noError(t, p.DeleteSocket(t.Context(), bob, "gone"))
	wantSwept(t, p, noon(), 0)
	wantSockets(t, p, bob, noon(), bobEast)

	wantSwept(t, p, noon().Add(15*time.Second), 2)
	wantSwept(t, p, noon().Add(15*time.Second), 0)
	// What was swept is gone, also for who would ask of the past.
	wantSockets(t, p, ann, noon(), annWest)
	wantSockets(t, p, bob, noon())
	// The node comes back: with new sockets, not with the old.
	beat(t, p, "east", noon().Add(time.Minute))
	wantSockets(t, p, bob, noon())
	back := socketOf(bob, "s4", "east")
	putSocket(t, p, back)
	wantSockets(t, p, bob, noon(), back)

	// A socket that moved to another node goes with that one.
	moved := annWest
	moved.Node = "east"
	putSocket(t, p, moved)
	wantSwept(t, p, noon().Add(30*time.Second), 0)
	wantSockets(t, p, ann, noon().Add(30*time.Second), moved)
	wantSwept(t, p, noon().Add(2*time.Minute), 2)
}

func socketRace(t *testing.T, p *place) {
	ann := newUser()
	beat(t, p, "node", noon().Add(time.Minute))
	beat(t, p, "dead", noon().Add(-time.Minute))
	const runners = 50
	kept := make([]chat.Socket, runners)
	together(runners, func(i int) {
		id := chat.SocketID(chat.RandomID(15))
		kept[i] = socketOf(ann, id, "node")
		steps := []error{
			p.PutSocket(t.Context(), kept[i]),
			p.PutSocket(t.Context(), socketOf(ann, id+"-brief", "node")),
			p.DeleteSocket(t.Context(), ann, id+"-brief"),
			p.Beat(t.Context(), "node", noon().Add(time.Minute)),
		}
		_, err := p.SweepSockets(t.Context(), noon())
		for _, err := range append(steps, err) {
			if err != nil {
				t.Errorf("runner %d: %v", i, err)
			}
		}
	})
	wantSockets(t, p, ann, noon(), kept...)
}

func socketReopen(t *testing.T, p *place) {
	ann := newUser()
	s := socketOf(ann, "s1", "east")
	putSocket(t, p, s)
	beat(t, p, "east", noon().Add(time.Minute))
	p.reopen(t)
	_, err := p.SweepSockets(t.Context(), noon().Add(2*time.Minute)) // 1, unless they ended with the engine
	noError(t, err)
	wantSockets(t, p, ann, noon())
	beat(t, p, "east", noon().Add(time.Minute))
	wantSockets(t, p, ann, noon())
	p.reopen(t)
	beat(t, p, "east", noon().Add(time.Minute))
	wantSockets(t, p, ann, noon())
}
