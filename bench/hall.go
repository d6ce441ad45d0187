package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/parley-chat/parley/bench/sio"
)

// hall is a room at a peer, and its wire form: in the namespace /bench, or one of Parley's own.
type hall struct {
	members []*sio.Conn
	speaker *sio.Conn // says, and is not among those who hear
	say     string    // what stands before a text that is said, and asks for an ack
	end     string    // what stands behind it
	event   string    // what the packet begins with by which a member hears
	text    string    // what stands in it before the text
	ack     string    // what the packet begins with that answers a say
}

// close ends all connections.
func (h *hall) close() {
	if h.speaker != nil {
		h.speaker.Close()
	}
	for _, conn := range h.members {
		if conn != nil {
			conn.Close()
		}
	}
}

// open starts a peer and brings n members and a speaker into a room.
func (p *peer) open(ctx context.Context, n int) (*hall, error) {
	h := &hall{members: make([]*sio.Conn, n)}
	fill := p.fillNamespace
	if p.nativeRooms {
		fill = p.fillRoom
	}
	if err := fill(ctx, h); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

// fillNamespace uses /bench. The speaker is in another room.
func (p *peer) fillNamespace(ctx context.Context, h *hall) error {
	h.say, h.end, h.ack = `42/bench,0["say","room","`, `"]`, `3/bench,0[{"ok":true`
	h.event, h.text = `2/bench,["said",`, `"`
	if err := p.start(); err != nil {
		return err
	}
	err := inParallel(len(h.members), func(i int) (err error) {
		h.members[i], err = p.enter(ctx, `"join","room"`)
		return err
	})
	if err == nil {
		h.speaker, err = p.enter(ctx, `"join","elsewhere"`)
	}
	return err
}

// mostInvited is how many users are brought into a room by one event.
const mostInvited = 500

// fillRoom makes a room of Parley's own. Its owner speaks; a session does not hear what it says.
func (p *peer) fillRoom(ctx context.Context, h *hall) error {
	users, err := p.fresh(ctx, len(h.members)+1)
	if err != nil {
		return err
	}
	owner, members := users[len(h.members)], users[:len(h.members)]
	err = inParallel(len(members), func(i int) (err error) {
		h.members[i], err = p.login(ctx, members[i])
		return err
	})
	if err != nil {
		return err
	}
	if h.speaker, err = p.login(ctx, owner); err != nil {
		return err
	}
	var made struct{ Room string }
	if err := request(h.speaker, "room:create", map[string]any{"name": "bench"}, &made); err != nil {
		return err
	}
	for len(members) > 0 {
		n := min(len(members), mostInvited)
		var added struct{ Added []string }
		ids := make([]string, n)
		for i, u := range members[:n] {
			ids[i] = u.id
		}
		if err := request(h.speaker, "room:invite", map[string]any{"room": made.Room, "users": ids}, &added); err != nil {
			return err
		}
		if len(added.Added) != n {
			return fmt.Errorf("room:invite: %d of %d added", len(added.Added), n)
		}
		members = members[n:]
	}
	h.say, h.end, h.ack = fmt.Sprintf(`420["chat",{"room":"%s","message":"`, made.Room), `"}]`, `30[{"ok":true`
	h.event, h.text = `2["newMessage",`, `"message":"`
	return nil
}

// request says an event on a connection that nobody else uses yet, and decodes its ack.
func request(conn *sio.Conn, event string, argument, into any) error {
	conn.SetReadDeadline(time.Now().Add(startWait))
	defer conn.SetReadDeadline(time.Time{})
	args, err := json.Marshal([]any{event, argument})
	if err != nil {
		return err
	}
	conn.Write(append([]byte("421"), args...))
	if err := conn.Flush(); err != nil {
		return err
	}
	for {
		packet, err := conn.Read()
		if err != nil {
			return err
		}
		answer, ours := bytes.CutPrefix(packet, []byte("31["))
		if !ours {
			continue
		}
		if !strings.HasPrefix(string(answer), `{"ok":true`) {
			return fmt.Errorf("%s was answered %.200q", event, packet)
		}
		return json.Unmarshal(bytes.TrimSuffix(answer, []byte("]")), into)
	}
}
