package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"maps"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const longDevice = "phone"

// awayMost is how long somebody who left stays away at the most.
const awayMost = 4 * time.Second

// longPerson writes to a partner, comes and goes, and misses nothing.
type longPerson struct {
	user
	run     *longRun
	partner *longPerson
	conv    string
	rng     *rand.Rand   // of the goroutine that writes
	since   atomic.Int64 // the run's time of the last login: what was due before it is backlog

	uploading atomic.Bool
	link      atomic.Pointer[string] // of an uploaded file, for the next message

	mu      sync.Mutex // guards what follows
	number  uint64     // of the last message written
	unacked map[uint64]sent
	stored  sent   // the last message acked
	heard   order  // what came from the partner
	last    uint64 // the highest seq that came
}

// sent is a message on its way, and afterwards its place.
type sent struct {
	number uint64
	due    time.Duration // of the run, when it was to be sent
	packet []byte
	seq    uint64 // 0 until it is acked
}

// live comes and goes until ctx ends.
func (p *longPerson) live(ctx context.Context) {
	for ctx.Err() == nil {
		v, err := p.connect(ctx)
		if err == nil {
			p.run.count(func(t *tally) { t.logins++ })
			err = v.stay(ctx)
			v.end(p.rng.IntN(2) == 0)
		}
		if err != nil && ctx.Err() == nil {
			p.run.fail(err)
		}
		if wait(ctx, time.Duration(p.rng.Int64N(int64(awayMost)))) != nil {
			return
		}
	}
}

// compose makes the next message. It keeps it until it is acked, to send it again under the same ref on the next
// connection.
func (p *longPerson) compose(due time.Duration) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.number++
	s := sent{number: p.number, due: due}
	s.packet = fmt.Appendf(nil, `2%d["chat",{"form_id":"%s","toUserid":"%s","ref":"%d","message":"`, chatAck(s.number), p.id, p.partner.id, s.number)
	s.packet = p.body(s.packet, s.number, due)
	if link := p.link.Swap(nil); link != nil {
		s.packet = append(append(s.packet, ' '), *link...)
	}
	s.packet = append(s.packet, `"}]`...)
	p.unacked[s.number] = s
	return s.packet
}

// body is number and time, as talker has them, and dots.
func (p *longPerson) body(b []byte, number uint64, due time.Duration) []byte {
	start := len(b)
	b = fmt.Appendf(b, "%016x%016x", number, due.Nanoseconds())
	for len(b)-start < p.run.body {
		b = append(b, '.')
	}
	return b
}

// again returns what was sent and not acked, in its order.
func (p *longPerson) again() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	var packets [][]byte
	for _, number := range slices.Sorted(maps.Keys(p.unacked)) {
		packets = append(packets, p.unacked[number].packet)
	}
	return packets
}

// acked takes the ack of a message. One that was sent again may be acked twice.
func (p *longPerson) acked(number uint64, ack []byte) error {
	seq, err := seqIn(ack)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s, ok := p.unacked[number]; ok {
		delete(p.unacked, number)
		s.seq, s.packet = seq, nil
		p.stored = s
	}
	return nil
}

// hear takes a message of the partner's, the last before it on this connection being former. Her messages have to come in
// their order; one that was delivered before a connection broke may come again on the next.
func (p *longPerson) hear(packet []byte, former *uint64) error {
	number, due, err := readBody(packet)
	if err != nil {
		return err
	}
	seq, err := seqIn(packet)
	if err != nil {
		return err
	}
	if number <= *former {
		p.run.count(func(t *tally) { t.disorder++ })
	}
	*former = number
	p.mu.Lock()
	p.heard.take(number)
	p.last = max(p.last, seq)
	p.mu.Unlock()
	p.run.delivered(p.run.now()-due, int64(due) >= p.since.Load())
	return nil
}

// readBody finds number and time in a newMessage.
func readBody(packet []byte) (number uint64, due time.Duration, err error) {
	_, body, found := bytes.Cut(packet, []byte(`"message":"`))
	if !found || len(body) < minBody {
		return 0, 0, fmt.Errorf("not a message of ours: %.200q", packet)
	}
	if number, err = strconv.ParseUint(string(body[:16]), 16, 64); err != nil {
		return 0, 0, err
	}
	at, err := strconv.ParseInt(string(body[16:32]), 16, 64)
	return number, time.Duration(at), err
}

// seqIn reads "seq" of an ack or a message; no body of ours has that word.
func seqIn(packet []byte) (uint64, error) {
	_, rest, _ := bytes.Cut(packet, []byte(`"seq":`))
	end := bytes.IndexAny(rest, ",}")
	if end < 0 {
		return 0, fmt.Errorf("no seq: %.200q", packet)
	}
	return strconv.ParseUint(string(rest[:end]), 10, 64)
}

// places are the highest number heard, and the last message of hers that is stored.
func (p *longPerson) places() (heard uint64, stored sent) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last, p.stored
}

// startUpload uploads a file beside the messages, unless one is under way; the next message names it.
func (p *longPerson) startUpload() {
	if !p.uploading.CompareAndSwap(false, true) {
		return
	}
	seed := p.rng.Uint64()
	p.run.uploads.Go(func() {
		defer p.uploading.Store(false)
		link, err := p.upload(seed)
		if err != nil {
			p.run.fail(fmt.Errorf("upload: %w", err))
			return
		}
		p.link.Store(&link)
		p.run.count(func(t *tally) { t.uploads++ })
	})
}

// upload posts a small picture or a text, no two of which are alike.
func (p *longPerson) upload(seed uint64) (link string, err error) {
	noise := rand.New(rand.NewPCG(seed, seed))
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", "noise")
	if err != nil {
		return "", err
	}
	if seed%2 == 0 {
		picture := image.NewGray(image.Rect(0, 0, 48, 48))
		for i := range picture.Pix {
			picture.Pix[i] = byte(noise.Uint32())
		}
		err = png.Encode(part, picture)
	} else {
		for range 200 {
			fmt.Fprintf(part, "%016x\n", noise.Uint64())
		}
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(p.run.ctx, http.MethodPost, p.run.url+"/upload", &form)
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", w.FormDataContentType())
	req.Header.Set("Authorization", "Bearer "+p.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var answer struct{ URL, Message string }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return "", err
	}
	if answer.URL == "" {
		return "", fmt.Errorf("%s: %s", res.Status, answer.Message)
	}
	return answer.URL, nil
}

// open is how many messages of hers have not been acked, or have not come to her partner.
func (p *longPerson) open() int {
	p.mu.Lock()
	unacked, number := len(p.unacked), p.number
	p.mu.Unlock()
	return unacked + p.partner.lacks(number)
}

// lacks is how many of the partner's messages up to number have not come.
func (p *longPerson) lacks(number uint64) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heard.lost(number)
}
