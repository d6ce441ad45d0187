package embedded

import (
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/parley-chat/parley/chat"
)

// A folder of a version that wrote sockets down opens without them, and keeps what stands beside them.
func TestSocketsOfFormerVersionsGo(t *testing.T) {
	d := newDisk()
	s := d.open(t, nil)
	if _, err := s.PutDevice(t.Context(), chat.Device{User: ann, ID: "phone"}); err != nil {
		t.Fatal(err)
	}
	entry, err := key(kindSocket, ann)
	if err != nil {
		t.Fatal(err)
	}
	former := [][]byte{append(entry, "s1"...), named(kindNode, "east")}
	for _, k := range former {
		if err := s.db.Set(k, []byte(`{"node":"east"}`), pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = d.open(t, nil)
	defer s.Close()
	for _, k := range former {
		if _, there, err := s.get(k); err != nil || there {
			t.Errorf("%q is still there, %v", k, err)
		}
	}
	if devices, err := s.Devices(t.Context(), ann); err != nil || len(devices) != 1 {
		t.Errorf("Ann's devices are %+v, %v", devices, err)
	}
}
