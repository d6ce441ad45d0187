package e2e_test

import (
	"cmp"
	"slices"
	"testing"
	"time"
)

// Every client in the field tells its story over each transport. docs/clients.md is the table of what was seen.
func TestClients(t *testing.T) {
	echo := startEcho(t)
	for _, c := range []client{
		nodeClient("node-1.7", "3"),
		nodeClient("node-2.5", "3"),
		nodeClient("node-3.1", "4"),
		nodeClient("node-4.8", "4"),
		javaClient("java-1.0", "3"),
		javaClient("java-2.1", "4"),
		pythonClient("python-4", "3"),
		pythonClient("python-5", "4"),
		rustClient(),
	} {
		t.Run(c.folder, func(t *testing.T) {
			run := c.setUp(t)
			for _, transports := range []string{"polling", "websocket", ""} {
				t.Run(cmp.Or(transports, "default"), func(t *testing.T) {
					begun := time.Now()
					seen := tell(t, run, echo.URL, transports, c.legs)
					want := sighting{[]string{c.protocol}, []string{transports}}
					if transports == "" {
						want.transports = []string{"polling", "websocket"}
					}
					if !slices.Equal(seen.protocols, want.protocols) || !slices.Equal(seen.transports, want.transports) {
						t.Errorf("it spoke %v, want %v", seen, want)
					}
					t.Logf("Engine.IO %v by %v, %.1f s", seen.protocols, seen.transports, time.Since(begun).Seconds())
				})
			}
		})
	}
}
