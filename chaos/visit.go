package main

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/parley-chat/parley/bench/sio"
)

// visit is one connection of a device, from its login to its end.
type visit struct {
	device  *device
	session *sio.Session
	log     *linkLog

	toMark chan marking

	mu      sync.Mutex // guards what follows
	lastAck int
	letters map[int]*letter                   // by ack id: on the wire, without an answer
	silent  map[string]*letter                // by ref: no answer is asked for
	asked   map[int]func(answer []byte) error // by ack id: who takes the answer to a question
	turned  bool                              // away: the login was refused
}

func newVisit(d *device, s *sio.Session, h habit) *visit {
	return &visit{
		device: d, session: s, log: d.run.oracle.connected(d.log, h.String()),
		toMark: make(chan marking, 16), letters: make(map[int]*letter), silent: make(map[string]*letter),
		asked: make(map[int]func([]byte) error),
	}
}

// stay logs in, reads and writes until the connection ends, or the device has had enough.
func (v *visit) stay(ctx context.Context, h habit) {
	ctx, cancel := context.WithCancel(ctx)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer cancel()
		v.read(ctx, h.upgrade)
	})
	err := v.logIn()
	if err == nil && h.syncs {
		err = v.sync()
	}
	if err == nil {
		v.write(ctx, h.stay)
	}
	if h.polite && ctx.Err() == nil {
		v.session.Leave()
	}
	v.session.Close()
	reading.Wait()
	cancel()
	v.bury()
}

func (v *visit) logIn() error {
	d := v.device
	return v.ask("login", map[string]string{"userid": d.who.id, "device": d.name}, func(raw []byte) error {
		var a answer
		if err := json.Unmarshal(raw, &a); err != nil {
			return err
		}
		if a.OK {
			d.once.Do(d.run.arrived.Done)
			return nil
		}
		d.run.refused(a.Error)
		v.mu.Lock()
		defer v.mu.Unlock()
		v.turned = true
		return nil
	})
}

// ask sends an event, and has then take its answer.
func (v *visit) ask(event string, payload any, then func(answer []byte) error) error {
	v.mu.Lock()
	v.lastAck++
	ack := v.lastAck
	v.asked[ack] = then
	v.mu.Unlock()
	packet, err := eventPacket(ack, event, payload)
	if err != nil {
		return err
	}
	return v.session.Send(packet)
}

// eventPacket makes an EVENT packet; an ack id of 0 asks for none.
func eventPacket(ack int, event string, payload any) ([]byte, error) {
	args, err := json.Marshal([]any{event, payload})
	packet := []byte("2")
	if ack > 0 {
		packet = strconv.AppendInt(packet, int64(ack), 10)
	}
	return append(packet, args...), err
}

// write writes at the run's pace until ctx ends or the time to leave has come.
func (v *visit) write(ctx context.Context, stay time.Duration) {
	d := v.device
	leave := time.NewTimer(stay)
	defer leave.Stop()
	beat := time.NewTicker(v.session.Interval)
	defer beat.Stop()
	const most = 8 // messages in one burst
	turn := time.NewTimer(d.upTo(2 * d.run.pace))
	defer turn.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-leave.C:
			return
		case <-beat.C:
			err = v.session.Beat()
		case m := <-v.toMark:
			err = v.mark(m)
		case <-turn.C:
			n := 1 + int(d.upTo(most))
			letters := d.pending(max(0, min(n, window-v.waiting())))
			for len(letters) < n && d.run.writing() && v.waiting()+len(letters) < window {
				letters = append(letters, d.compose())
			}
			if err = v.send(letters); err == nil && d.run.writing() {
				err = v.change()
			}
			turn.Reset(1 + d.upTo(time.Duration(n)*2*d.run.pace))
		}
		if err != nil {
			return
		}
	}
}

func (v *visit) waiting() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.letters)
}

// send puts letters on the wire, in one go.
func (v *visit) send(letters []*letter) error {
	packets := make([][]byte, len(letters))
	for i, l := range letters {
		v.device.run.oracle.sending(v.device.log, l.conv, l.text)
		chat := map[string]string{"form_id": v.device.who.id, "toUserid": l.to, "message": l.text}
		if l.ref {
			chat["ref"] = head(l.text)
		}
		ack := 0
		v.mu.Lock()
		if l.ack {
			v.lastAck++
			ack = v.lastAck
			v.letters[ack] = l
		} else if l.ref {
			v.silent[head(l.text)] = l
		}
		v.mu.Unlock()
		var err error
		if packets[i], err = eventPacket(ack, "chat", chat); err != nil {
			return err
		}
	}
	if len(packets) == 0 {
		return nil
	}
	return v.session.Send(packets...)
}

// bury keeps what was on the wire without an answer, to be sent again, if it has a ref.
func (v *visit) bury() {
	v.mu.Lock()
	defer v.mu.Unlock()
	var open []int
	for id, l := range v.letters {
		if l.ref {
			open = append(open, id)
		}
	}
	slices.Sort(open)
	var letters []*letter
	for _, id := range open {
		letters = append(letters, v.letters[id])
	}
	v.device.keep(letters...)
	v.letters = nil
}
