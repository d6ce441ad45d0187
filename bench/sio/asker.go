package sio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Asker asks one thing after the other on one connection, whose namespace is joined. Events that come meanwhile are
// dropped.
type Asker struct {
	Conn *Conn
	Wait time.Duration // for one answer
	last int           // ack id
}

// Ask sends an event with one argument and decodes its ack. An ack that does not begin with "ok":true is an error.
func (a *Asker) Ask(event string, question, answer any) error {
	a.last++
	args, err := json.Marshal([]any{event, question})
	if err != nil {
		return err
	}
	a.Conn.Write(fmt.Appendf(nil, "42%d%s", a.last, args))
	if err := a.Conn.Flush(); err != nil {
		return err
	}
	a.Conn.SetReadDeadline(time.Now().Add(a.Wait))
	for prefix := fmt.Appendf(nil, "3%d[", a.last); ; {
		packet, err := a.Conn.Read()
		if err != nil {
			return err
		}
		ack, ok := bytes.CutPrefix(packet, prefix)
		switch {
		case !ok:
		case !bytes.HasPrefix(ack, []byte(`{"ok":true`)):
			return fmt.Errorf("%s: %.300s", event, ack)
		default:
			return json.Unmarshal(bytes.TrimSuffix(ack, []byte("]")), answer)
		}
	}
}
