package e2e_test

import "testing"

// Bob hears everything on each of his devices, and each device catches up for itself.
func TestTwoDevices(t *testing.T) {
	s := start(t, t.TempDir())
	ann, bob := s.register("Ann"), s.register("Bob")
	onDesk := s.join(ann, "desk")
	laptop, tablet := s.join(bob, "laptop"), s.join(bob, "tablet")

	r := onDesk.say(bob, "hello on both")
	for _, device := range []*person{laptop, tablet} {
		var m message
		device.hear("newMessage", &m)
		if m.ID != r.ID || m.Message != "hello on both" || m.Offline {
			t.Errorf("a device heard %+v, want %s live", m, r.ID)
		}
	}

	answer := laptop.say(ann, "from the laptop")
	var copied, got message
	tablet.hear("sentMessage", &copied)
	onDesk.hear("newMessage", &got)
	if copied.ID != answer.ID || copied.From != bob.id || copied.To != ann.id || got.ID != answer.ID {
		t.Errorf("the tablet heard %+v and Ann %+v, want %s", copied, got, answer.ID)
	}

	tablet.conn.Close()
	missed := onDesk.say(bob, "the tablet is off")
	var m message
	if laptop.hear("newMessage", &m); m.ID != missed.ID {
		t.Errorf("the laptop heard %+v, want %s", m, missed.ID)
	}
	tablet = s.join(bob, "tablet")
	for m.ID = ""; m.ID != missed.ID; { // what it heard last may be repeated: nothing proved that it came
		tablet.hear("newMessage", &m)
		if !m.Offline {
			t.Fatalf("the tablet heard %+v before what it had missed", m)
		}
	}
	chats(t, onDesk, tablet)
}
