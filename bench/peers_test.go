package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/bench/sio"
)

// What the load generator says to one peer every other one answers alike: Ann writes to Bob, and both meet in a room.
func TestPeersPlayTheSameEvents(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			p := &peer{kind: k, dir: t.TempDir()}
			err := p.start()
			if errors.Is(err, errMissing) && os.Getenv("CI") != "true" {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer p.stop()
			users, err := p.users(t.Context(), 2)
			if err != nil {
				t.Fatal(err)
			}
			ann, bob := logIn(t, p, users[0]), logIn(t, p, users[1])
			ann.says(fmt.Sprintf(`421["chat",{"form_id":"%s","toUserid":"%s","message":"hello"}]`, users[0].id, users[1].id))
			ann.hears(`31[{`, `"ok":true`)
			bob.hears(`2["newMessage",{`, `"f_id":"`+users[0].id+`"`, `"message":"hello"`)
			bob.says(fmt.Sprintf(`422["typing",{"to":"%s","on":true}]`, users[0].id))
			bob.hears(`32[{`, `"ok":true`)
			ann.hears(`2["typing",{`, `"user":"`+users[1].id+`"`, `"on":true`)
			bob.says(fmt.Sprintf(`42["typing",{"to":"%s","on":false}]`, users[0].id))
			ann.hears(`2["typing",{`, `"on":false`)
			if k.name == "parley" {
				return // has rooms of its own, see hall
			}
			for _, who := range []*guest{ann, bob} {
				who.says(`40/bench,`)
				who.hears(`0/bench,{"sid":"`)
				who.says(`42/bench,3["join","kitchen"]`)
				who.hears(`3/bench,3[{`, `"ok":true`)
			}
			ann.says(`42/bench,["say","kitchen","dinner"]`)
			ann.hears(`2/bench,["said","dinner"]`)
			bob.hears(`2/bench,["said","dinner"]`)
			bob.says(`42/bench,4["say","kitchen","coming"]`)
			ann.hears(`2/bench,["said","coming"]`)
			bob.hears(`3/bench,4[{`, `"ok":true`)
		})
	}
}

// guest is a client that waits for what it expects.
type guest struct {
	t    *testing.T
	conn *sio.Conn
}

func logIn(t *testing.T, p *peer, u user) *guest {
	t.Helper()
	conn, err := p.login(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(startWait))
	return &guest{t, conn}
}

func (g *guest) says(frame string) {
	g.t.Helper()
	g.conn.Write([]byte(frame))
	if err := g.conn.Flush(); err != nil {
		g.t.Fatal(err)
	}
}

// hears reads on until a packet has this start and holds these parts.
func (g *guest) hears(start string, parts ...string) {
	g.t.Helper()
	var heard []string
	for {
		packet, err := g.conn.Read()
		if err != nil {
			g.t.Fatalf("no %s: %v; heard %q", start, err, heard)
		}
		text := string(packet)
		heard = append(heard, text)
		if !strings.HasPrefix(text, start) {
			continue
		}
		for _, part := range parts {
			if !strings.Contains(text, part) {
				g.t.Fatalf("%s: no %s", text, part)
			}
		}
		return
	}
}
