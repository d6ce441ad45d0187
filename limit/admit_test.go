package limit

import (
	"testing"
	"time"
)

func TestAdmitBoundsTheNewAndTheMany(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	handshakes, connections := New(3, time.Second, func() time.Time { return now }), NewCount(2)
	in := func(host string) func() {
		t.Helper()
		leave, _, ok := Admit(handshakes, connections, host)
		if !ok {
			t.Fatalf("%s is not let in", host)
		}
		return leave
	}
	in("2001:db8::1")
	leave := in("2001:db8::2") // of the same /64
	if _, retry, ok := Admit(handshakes, connections, "2001:db8::3"); ok || retry != 0 {
		t.Errorf("a third is let in, %v, or told when to come back, %v", ok, retry)
	}
	leave()
	if _, retry, ok := Admit(handshakes, connections, "2001:db8::3"); ok || retry != time.Second {
		t.Errorf("a fourth in the same second is let in, %v, or told to come back in %v", ok, retry)
	}
	now = now.Add(time.Second)
	in("2001:db8::3")
	in("192.0.2.1") // another host
	if _, _, ok := Admit(nil, nil, "192.0.2.1"); !ok {
		t.Error("without limits nobody is let in")
	}
}

func TestHostIsTheAddressWithoutThePort(t *testing.T) {
	for addr, want := range map[string]string{"192.0.2.1:80": "192.0.2.1", "[2001:db8::1]:80": "2001:db8::1", "@": "@", "": ""} {
		if got := Host(addr); got != want {
			t.Errorf("%q: %q, want %q", addr, got, want)
		}
	}
}
