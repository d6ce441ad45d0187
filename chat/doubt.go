package chat

import (
	"context"
	"time"
)

// What the committer does when the engine is away or slow.
//
// A batch whose Append fails, or does not answer, is in doubt: it may be stored or not. So it is appended again, the same
// messages with the same Nonces, which engines settle, until the truth is known; only then are its senders answered.
// What waits behind it has never reached the engine: it is refused at once, and so is what comes meanwhile.
const (
	answerWait = 3 * time.Second  // without an answer for so long the engine counts as away
	appendWait = 10 * time.Second // how long the engine may take for one try
	doubtWait  = 30 * time.Second // how long a batch may stay in doubt, from its first failure
	probeWait  = 3 * time.Second  // how long the engine may take to show that it is back
	backOffMin = 100 * time.Millisecond
	backOffMax = 2 * time.Second
	comeBack   = 2 * time.Second // what a sender is told to wait
)

// errRefused is the end of a message that the engine has not seen and will not see.
func errRefused() *Error {
	return &Error{Code: Unavailable, Message: "the engine does not answer: the message is not stored, send it again later", RetryAfter: comeBack}
}

// commit stores a batch and delivers its ends.
func (c *committer) commit(b batch) {
	c.nonces.give(b.messages)
	c.settle(b)
}

// settle returns when the end of every message is known and delivered, or doubtWait is over.
func (c *committer) settle(b batch) {
	var since time.Time // of the first failure
	wait := backOffMin
	for {
		receipts, err := c.ask(b.messages)
		for i, r := range receipts {
			m := &b.messages[i]
			m.Conv, m.Seq, m.At, b.outcomes[i].Repeat = r.Conv, r.Seq, r.At, r.Repeat
		}
		if CodeOf(err) != Unavailable {
			c.back() // first: who hears an answer is taken at once
		}
		stored, rest := b.cut(len(receipts))
		c.deliver(stored)
		b = rest
		if CodeOf(err) != Unavailable {
			c.single(b, err)
			return
		}
		c.leave(err)
		if since.IsZero() {
			since = time.Now()
		}
		if time.Since(since) >= doubtWait || !c.pause(wait) {
			c.refuse(b, &Error{
				Code: Unavailable, Message: "the engine did not answer: the message may be stored; with the same ref it is safe to send it again",
				RetryAfter: comeBack, Cause: err,
			})
			c.probe(b.messages[0].Conv)
			return
		}
		wait = min(2*wait, backOffMax)
	}
}

// ask appends once. When the answer is late, what waits is refused meanwhile.
func (c *committer) ask(messages []Message) ([]Receipt, error) {
	ctx, cancel := context.WithTimeout(context.Background(), appendWait)
	defer cancel()
	c.watch.Reset(answerWait)
	begun := time.Now()
	receipts, err := c.store.Append(ctx, messages)
	if !c.watch.Stop() {
		<-c.watched // it is refusing, and needs the lanes for that
	}
	c.counters.add(len(messages), time.Since(begun))
	return receipts, err
}

// single ends messages of which the engine says, as a batch, that it will not take them: one may be at fault, and the
// others must not suffer for it.
func (c *committer) single(b batch, err error) {
	switch {
	case b.len() == 0:
	case b.len() > 1:
		for b.len() > 0 {
			var one batch
			one, b = b.cut(1)
			c.settle(one)
		}
	case err == nil:
		c.refuse(b, Errorf(Internal, "internal error"))
	default:
		c.refuse(b, AsError(err))
	}
}

// leave notes that the engine is away, and refuses what waits for it.
func (c *committer) leave(cause error) {
	c.mu.Lock()
	if !c.away {
		c.away = true
		c.log.Warn("the engine does not answer, messages are refused", "error", cause)
	}
	refused := c.queue
	c.queue, c.bytes = batch{}, 0
	c.makeSpace()
	c.mu.Unlock()
	c.refuse(refused, errRefused())
}

// back notes that the engine is there.
func (c *committer) back() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away {
		c.away = false
		c.log.Info("the engine answers again, messages are taken")
	}
}

func (c *committer) isAway() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.away
}

// probe returns when the engine shows that it is there, or the committer is closed.
func (c *committer) probe(conv ConvID) {
	for wait := backOffMin; c.pause(wait); wait = min(2*wait, backOffMax) {
		ctx, cancel := context.WithTimeout(context.Background(), probeWait)
		_, err := c.store.Last(ctx, []ConvID{conv})
		cancel()
		if CodeOf(err) != Unavailable {
			c.back()
			return
		}
	}
}

// pause waits; false says that the committer was closed meanwhile.
func (c *committer) pause(wait time.Duration) bool {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.closing:
		return false
	}
}

func (c *committer) refuse(b batch, err *Error) {
	for i := range b.outcomes {
		b.outcomes[i].Err = err
	}
	c.deliver(b)
}

// nonces names messages: a prefix that no other committer has, and a count.
type nonces struct {
	prefix string
	given  uint64
}

const nonceDigits = 16

// give sets the Nonce of each message. All of a batch lie in one text.
func (n *nonces) give(messages []Message) {
	size := len(n.prefix) + nonceDigits
	text := make([]byte, 0, len(messages)*size)
	for range messages {
		n.given++
		text = append(text, n.prefix...)
		for shift := 4 * (nonceDigits - 1); shift >= 0; shift -= 4 {
			text = append(text, "0123456789abcdef"[n.given>>shift&15])
		}
	}
	all := string(text)
	for i := range messages {
		messages[i].Nonce = all[i*size : (i+1)*size]
	}
}
