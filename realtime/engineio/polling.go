package engineio

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// poll is a GET that waits for something to send.
type poll struct {
	answer chan []byte // of capacity 1, so that whoever answers does not wait; an empty payload refuses the poll
}

// bodyWait is how long a client may take to send a body.
const bodyWait = 30 * time.Second

// pollHold is how long a poll is held while the client ought to stop polling and upgrade. It keeps a client that does
// not, because the probe's answer is late or lost, from polling as fast as it can.
const pollHold = 100 * time.Millisecond

// servePoll answers a GET with everything that is queued, or waits for the first thing that is.
func (c *Conn) servePoll(w http.ResponseWriter, r *http.Request) {
	waiting := &poll{answer: make(chan []byte, 1)}
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
	case c.closed || c.queue.len() > 0:
		waiting.answer <- c.takePayload()
	default:
		c.poll = waiting
		if c.probed {
			home = time.After(pollHold)
		}
	}
	c.mu.Unlock()

	var payload []byte
	select {
	case payload = <-waiting.answer:
	case <-home:
		c.mu.Lock()
		if c.poll == waiting {
			c.endPoll()
		}
		c.mu.Unlock()
		payload = <-waiting.answer
	case <-r.Context().Done():
		select {
		case payload = <-waiting.answer: // in the same moment
		default:
		}
	}
	if payload != nil && len(payload) == 0 {
		errBadRequest.write(w)
		return
	}
	// An answer that does not arrive is lost, and the client does not know: the session cannot go on. Only a client that
	// hangs up because it is upgrading has lost nothing.
	err := r.Context().Err()
	if err == nil {
		err = c.writePayload(w, payload)
	}
	if err != nil && string(payload) != noop {
		c.close(closeTransport("poll cancelled"))
	}
}

// noop is the payload that sends a poll home with nothing.
const noop = string(packetNoop)

// writePayload answers a poll. Each part has WriteTimeout.
func (c *Conn) writePayload(w http.ResponseWriter, payload []byte) error {
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=UTF-8")
	header.Set("Content-Length", strconv.Itoa(len(payload)))
	header.Set("Cache-Control", "no-store")
	control := http.NewResponseController(w)
	defer control.SetWriteDeadline(time.Time{})
	for len(payload) > 0 {
		control.SetWriteDeadline(time.Now().Add(c.server.cfg.WriteTimeout)) // where w has one; else the server's holds
		n, err := w.Write(payload[:min(len(payload), batchSize)])
		if err != nil {
			return err
		}
		payload = payload[n:]
	}
	if err := control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) { // under the deadline, where its failure is seen
		return err
	}
	return nil
}

// takePayload takes from the queue what fits one answer, at least one packet, and behind the queue the last words.
// The client's own bound is the same maxPayload that it was told.
func (c *Conn) takePayload() []byte {
	var payload []byte
	n, bytes := 0, 0
	for n < c.queue.len() {
		f := c.queue.at(n)
		if n > 0 && len(payload)+len(f.wire)*4/3 >= c.server.cfg.MaxPayload { // base64 makes three bytes four
			break
		}
		payload = appendPart(payload, f)
		bytes += len(f.wire)
		n++
	}
	c.queue.drop(n)
	c.sent(bytes)
	if c.closed && c.queue.len() == 0 {
		payload = appendPart(payload, c.last)
		c.forget()
	}
	return payload
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
	case http.StatusRequestEntityTooLarge:
		http.Error(w, end.reason, status)
	default:
		errBadRequest.write(w)
	}
}

func (c *Conn) readPost(w http.ResponseWriter, r *http.Request) (end *closing, status int) {
	if r.Header.Get("Content-Type") == "application/octet-stream" { // protocol 4 posts text alone
		return closeProtocol("binary body"), http.StatusBadRequest
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
	err = decodePayload(body, func(p packet) error {
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
