package engineio

import (
	"errors"
	"hash/crc32"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// poll is a GET that waits for something to send.
type poll struct {
	answer chan payload // of capacity 1, so that whoever answers does not wait; one without a body refuses the poll
}

// bodyWait is how long a client may take to send a body.
const bodyWait = 30 * time.Second

// pollHold is how long a poll is held while the client ought to stop polling and upgrade. It keeps a client that does
// not, because the probe's answer is late or lost, from polling as fast as it can.
const pollHold = 100 * time.Millisecond

// A browser sends a request again by itself when the connection that it kept breaks before a word of the answer has come
// (RFC 9110, section 9.2.2; for posts it does so against the RFC). The client hears nothing of it. But it marks each
// request by a parameter t of its own, and a repeat has the mark of the first. What has no mark is not told apart.

// maxMark is how long a mark may be, in bytes: clients have a dozen.
const maxMark = 64

// markOf returns the mark of a request; "" for none.
func markOf(r *http.Request) string {
	if mark := r.URL.Query().Get("t"); len(mark) <= maxMark {
		return strings.Clone(mark) // not with all of the URL in tow
	}
	return ""
}

// lately is what a session has seen last. The first of two requests may come late, behind others: a network keeps bytes.
type lately[T comparable] struct {
	seen [8]T
	n    int
}

// known tells whether a value was seen lately, and notes it. Sessions that never poll pay for a pointer.
func known[T comparable](l **lately[T], value T) bool {
	if *l == nil {
		*l = new(lately[T])
	}
	if slices.Contains((*l).seen[:], value) {
		return true
	}
	(*l).seen[(*l).n%len((*l).seen)] = value
	(*l).n++
	return false
}

// post is what tells a post from its repeat: some clients make their marks carelessly.
type post struct {
	mark string
	sum  uint32 // of the body
}

// servePoll answers a GET with everything that is queued, or waits for the first thing that is.
func (c *Conn) servePoll(w http.ResponseWriter, r *http.Request) {
	waiting, mark := &poll{answer: make(chan payload, 1)}, markOf(r)
	var home <-chan time.Time // nil: never
	c.mu.Lock()
	switch {
	case c.ws != nil:
		c.mu.Unlock()
		errBadRequest.write(w)
		return
	case c.poll != nil:
		c.mu.Unlock()
		c.close(closeProtocol("two polls at once"))
		errBadRequest.write(w)
		return
	case c.closed && c.last == nil:
		c.mu.Unlock()
		errUnknownSession.write(w)
		return
	case mark != "" && known(&c.polled, mark): // the answer was lost, and what was in it; or this one will be
		c.mu.Unlock()
		c.close(closeTransport("poll repeated"))
		errBadRequest.write(w)
		return
	case c.closed || c.queue.len() > 0:
		c.confirm()
		waiting.answer <- c.takePayload()
	default:
		c.confirm()
		c.poll = waiting
		if c.probed {
			home = time.After(pollHold)
		}
	}
	c.mu.Unlock()

	answer, answered := payload{}, true
	select {
	case answer = <-waiting.answer:
	case <-home:
		c.mu.Lock()
		if c.poll == waiting {
			c.endPoll()
		}
		c.mu.Unlock()
		answer = <-waiting.answer
	case <-r.Context().Done():
		select {
		case answer = <-waiting.answer: // in the same moment
		default:
			answered = false
		}
	}
	if answered && answer.body == nil {
		errBadRequest.write(w)
		return
	}
	// An answer that does not arrive is lost, and the client does not know: the session cannot go on. Only a client that
	// hangs up because it is upgrading has lost nothing.
	err := r.Context().Err()
	if err == nil {
		err = c.writePayload(w, r, answer)
	}
	if err != nil && !answer.noop {
		c.close(closeTransport("poll cancelled"))
	}
}

// writePayload answers a poll. Each part has WriteTimeout.
func (c *Conn) writePayload(w http.ResponseWriter, r *http.Request, answer payload) error {
	body, kind := answer.body, "text/plain; charset=UTF-8"
	switch {
	case answer.binary:
		kind = "application/octet-stream"
	case c.old != nil && c.old.jsonp != "":
		body, kind = script(c.old.jsonp, body), "text/javascript; charset=UTF-8"
	}
	header := w.Header()
	body = c.server.zip(header, r, body)
	header.Set("Content-Type", kind)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("Cache-Control", "no-store")
	control := http.NewResponseController(w)
	defer control.SetWriteDeadline(time.Time{})
	for len(body) > 0 {
		control.SetWriteDeadline(time.Now().Add(c.server.cfg.WriteTimeout)) // where w has one; else the server's holds
		n, err := w.Write(body[:min(len(body), batchSize)])
		if err != nil {
			return err
		}
		body = body[n:]
	}
	if err := control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) { // under the deadline, where its failure is seen
		return err
	}
	return nil
}

// takePayload takes from the queue what fits one answer, at least one packet, and behind the queue the last words.
// The client's own bound is the same maxPayload that it was told.
func (c *Conn) takePayload() payload {
	n, size, bytes := 0, 0, 0
	for ; n < c.queue.len(); n++ {
		f := c.queue.at(n)
		size += len(f.body())
		if size += partOverhead; f.binary {
			size += len(f.body())/3 + 1 // base64 makes three bytes four
		}
		if n > 0 && size > c.server.cfg.MaxPayload {
			break
		}
		bytes += len(f.wire)
	}
	frames := c.queue.first(n)
	over := c.closed && n == c.queue.len()
	if over {
		frames = append(slices.Clip(frames), c.last)
	}
	answer := c.payload(frames...)
	c.queue.drop(n)
	c.sent(bytes)
	if over {
		c.forget()
	}
	return answer
}

// partOverhead is the most that a payload adds to a packet: the length of protocol 3, with what stands around it.
const partOverhead = maxDigits + 2

// payload encodes frames as the client's protocol does.
func (c *Conn) payload(frames ...*Frame) payload {
	if c.old != nil {
		return c.old.encodePayload(frames, c.server.cfg.ASCII)
	}
	return encodePayload(frames)
}

// servePost hears the packets of a body, in order, and answers when all are handled.
func (c *Conn) servePost(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	busy, wrong := c.posting, c.ws != nil || c.closed
	if !wrong {
		c.posting = true
	}
	c.mu.Unlock()
	switch {
	case wrong:
		errBadRequest.write(w)
		return
	case busy:
		c.close(closeProtocol("two posts at once"))
		errBadRequest.write(w)
		return
	}
	end, status := c.readPost(w, r)
	c.FlushNow()
	c.mu.Lock()
	c.posting = false
	c.mu.Unlock()
	if end != nil {
		c.close(end)
	} else {
		c.Flush()
	}
	switch status {
	case http.StatusOK:
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "ok")
	case http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
		http.Error(w, end.reason, status)
	default:
		errBadRequest.write(w)
	}
}

func (c *Conn) readPost(w http.ResponseWriter, r *http.Request) (end *closing, status int) {
	binary := r.Header.Get("Content-Type") == "application/octet-stream"
	if binary && c.old == nil { // protocol 4 posts text alone
		return closeProtocol("binary body"), http.StatusBadRequest
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return closeProtocol("body with a Content-Encoding"), http.StatusUnsupportedMediaType
	}
	control := http.NewResponseController(w)
	control.SetReadDeadline(time.Now().Add(bodyWait))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(c.server.cfg.MaxPayload)))
	control.SetReadDeadline(time.Time{})
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return closeProtocol("body over maxPayload"), http.StatusRequestEntityTooLarge
	case err != nil:
		return closeTransport("body not received"), http.StatusBadRequest
	}
	this := post{markOf(r), crc32.ChecksumIEEE(body)}
	if this.mark != "" && known(&c.posted, this) { // only the answer was lost
		return nil, http.StatusOK
	}
	err = c.decodePayload(body, binary, func(p packet) error {
		if end = c.receive(p); end != nil {
			return errors.New(end.reason)
		}
		return nil
	})
	switch {
	case end != nil && end.packet == packetNoop: // the client's own goodbye
		return end, http.StatusOK
	case err != nil && end == nil:
		return closeProtocol(err.Error()), http.StatusBadRequest
	case end != nil:
		return end, http.StatusBadRequest
	}
	return nil, http.StatusOK
}

// decodePayload calls each with every packet of a body, as the client's protocol has them.
func (c *Conn) decodePayload(body []byte, binary bool, each func(packet) error) error {
	switch {
	case c.old == nil:
		return decodePayload(body, each)
	case binary:
		return decodeBytes3(body, each)
	case c.old.jsonp != "":
		text, err := formPayload(body)
		if err != nil {
			return err
		}
		body = text
	}
	return c.old.decodePayload(body, each)
}
