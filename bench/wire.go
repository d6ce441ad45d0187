package main

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/parley-chat/parley/bench/sio"
)

// connector logs a user in. What writes on the wire later holds the lock, heartbeats too.
type connector func(ctx context.Context, p *peer, u user, writing sync.Locker) (wire, error)

func byWebSocket(ctx context.Context, p *peer, u user, writing sync.Locker) (wire, error) {
	conn, err := p.login(ctx, u)
	if err != nil {
		return nil, err
	}
	conn.Share(writing)
	return conn, nil
}

// byPolling is Engine.IO 4 by HTTP long-polling: like clients in the field it has one poll and one post under way at
// the same time, and posts together what was written during the post before.
func byPolling(ctx context.Context, p *peer, u user, _ sync.Locker) (wire, error) {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	session, err := sio.Join(ctx, p.process.URL, sio.Kind{Protocol: 4, Polling: true}, u.token, "bench")
	if err != nil {
		return nil, err
	}
	if err := session.Send(fmt.Appendf(nil, `20["login",{"userid":"%s","device":"bench"}]`, u.id)); err != nil {
		session.Close()
		return nil, err
	}
	for {
		packet, err := session.Read()
		if err == nil {
			ack, isAck := bytes.CutPrefix(packet, []byte("30"))
			if !isAck {
				continue
			}
			if bytes.Contains(ack, []byte(`"ok":true`)) {
				break
			}
			err = fmt.Errorf("login: %s", ack)
		}
		session.Close()
		return nil, err
	}
	poll := &polling{Session: session, filled: make(chan struct{}, 1), over: make(chan struct{})}
	go poll.post()
	return poll, nil
}

// polling is a wire whose posts a goroutine makes.
type polling struct {
	*sio.Session
	mu      sync.Mutex
	waiting [][]byte
	err     error
	filled  chan struct{}
	over    chan struct{}
	closing sync.Once
}

func (p *polling) Write(packet []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = append(p.waiting, bytes.Clone(packet[1:]))
}

// Flush returns the error of an earlier post, if there was one.
func (p *polling) Flush() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) > 0 {
		select {
		case p.filled <- struct{}{}:
		default:
		}
	}
	return p.err
}

func (p *polling) post() {
	for {
		select {
		case <-p.over:
			return
		case <-p.filled:
		}
		p.mu.Lock()
		packets := p.waiting
		p.waiting = nil
		p.mu.Unlock()
		if len(packets) == 0 {
			continue
		}
		if err := p.Send(packets...); err != nil {
			p.mu.Lock()
			p.err = err
			p.mu.Unlock()
			p.Close() // the reader finds it closed
			return
		}
	}
}

func (p *polling) Close() error {
	p.closing.Do(func() { close(p.over) })
	p.Session.Close()
	return nil
}
