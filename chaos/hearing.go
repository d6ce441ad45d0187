package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// This file is what a visit hears.

// read hears what comes until the connection ends.
func (v *visit) read(ctx context.Context, upgrade int) {
	for n := 0; ; n++ {
		if n == upgrade {
			if err := v.session.Upgrade(ctx); err != nil {
				return
			}
		}
		packet, err := v.session.Read()
		if err != nil {
			return
		}
		if err := v.hear(packet); err != nil {
			v.device.run.oracle.wrongWire(fmt.Sprintf("%s %s: %v in %.200q", v.device.who.name, v.device.name, err, packet))
			return
		}
		if v.over() {
			return
		}
	}
}

// hear takes one packet apart. An error says that the server broke the protocol.
func (v *visit) hear(packet []byte) error {
	switch packet[0] {
	case '2':
		var name string
		var payload json.RawMessage
		if err := json.Unmarshal(packet[1:], &[]any{&name, &payload}); err != nil {
			return err
		}
		return v.event(name, payload)
	case '3':
		start := bytes.IndexByte(packet, '[')
		if start < 0 {
			return fmt.Errorf("an ack without arguments")
		}
		id, err := strconv.Atoi(string(packet[1:start]))
		if err != nil {
			return err
		}
		var answer json.RawMessage
		if err := json.Unmarshal(packet[start:], &[]any{&answer}); err != nil {
			return err
		}
		return v.answered(id, answer)
	}
	return nil
}

func (v *visit) event(name string, payload []byte) error {
	switch name {
	case "newMessage", "sentMessage":
		var m message
		if err := json.Unmarshal(payload, &m); err != nil {
			return err
		}
		v.log.hear(m, name)
		v.consider(m)
	case "message:changed":
		var m message
		if err := json.Unmarshal(payload, &m); err != nil {
			return err
		}
		v.log.changed(m)
	case "receipt":
		var r struct {
			Conv, User     string
			Received, Read uint64
		}
		if err := json.Unmarshal(payload, &r); err != nil {
			return err
		}
		v.log.receipt(reach{r.Conv, r.User}, mark{r.Received, r.Read})
	case "refused":
		var r failure
		if err := json.Unmarshal(payload, &r); err != nil {
			return err
		}
		v.mu.Lock()
		l := v.silent[r.Ref]
		v.mu.Unlock()
		if l != nil && r.certain() {
			v.device.run.oracle.refused(l.text)
		}
	case "unauthorized", "kicked":
		return fmt.Errorf("%s", name)
	}
	return nil
}

// answer is the ack of chat, of login, of a mark and of a change.
type answer struct {
	OK             bool
	Conv           string
	Seq            uint64
	Change         uint64
	Received, Read uint64
	Error          failure
}

type failure struct {
	Code, Message, Ref string
	RetryAfter         int64 // milliseconds
}

// certain tells whether what was refused is not stored. Where the server does not know, it says that it may be.
func (f failure) certain() bool {
	return !strings.Contains(f.Message, "may not be stored") && !strings.Contains(f.Message, "may be stored")
}

// answered takes an ack.
func (v *visit) answered(id int, raw []byte) error {
	v.mu.Lock()
	l, then := v.letters[id], v.asked[id]
	delete(v.letters, id)
	delete(v.asked, id)
	v.mu.Unlock()
	if then != nil {
		return then(raw)
	}
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		return err
	}
	run := v.device.run
	switch {
	case l == nil:
		return fmt.Errorf("an ack that nobody asked for, or the second to one question")
	case a.OK:
		run.oracle.acked(l.text, a.Conv, a.Seq)
		v.device.remember(l, a.Seq)
	default:
		run.refused(a.Error)
		if a.Error.certain() {
			run.oracle.refused(l.text)
		}
		// People send again what was refused, more often than not; nothing else is known of what they gave up.
		if l.ref && v.device.chance(70) {
			v.device.keep(l)
		}
	}
	return nil
}

// over tells whether the client has to connect anew.
func (v *visit) over() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.turned
}
