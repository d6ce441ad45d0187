package socketio

import (
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/parley-chat/parley/realtime/engineio"
	"github.com/parley-chat/parley/realtime/rawjson"
)

// client is one connection and the sockets that it carries, one per namespace.
type client struct {
	server    *Server
	conn      *engineio.Conn
	handshake any
	waiting   *assembly // a packet whose attachments are still coming; touched by Message alone
	extended  *extended // nil when there is no extension

	mu     sync.Mutex // guards what follows
	main   *Socket    // of "/": nearly every client has this one alone
	others map[string]*Socket
	closed bool
}

// assembly is a packet with attachments, as far as it has come.
type assembly struct {
	packet      packet
	attachments [][]byte
	bytes       int
}

var (
	errText         = errors.New("text where an attachment was due")
	errBinary       = errors.New("binary without a packet that announces it")
	errTooMuch      = errors.New("attachments over the bound")
	errNotConnected = errors.New("packet for a namespace that is not joined")
	errConnected    = errors.New("namespace joined already")
)

// Message implements engineio.Handler. An error closes the connection, as the official server does.
func (c *client) Message(data []byte, binary bool) error {
	switch {
	case binary:
		return c.attach(data)
	case c.waiting != nil:
		return errText
	}
	p, err := parse(data)
	if err != nil {
		return err
	}
	if p.attachments > 0 {
		if p.attachments > c.server.cfg.MaxAttachments {
			return errAttachments
		}
		if !c.foreign(p.namespace) && c.socket(p.namespace) == nil { // before anything is kept of it
			return errNotConnected
		}
		p.data = append([]byte(nil), p.data...)
		c.waiting = &assembly{packet: p}
		return nil
	}
	return c.handle(p, nil)
}

func (c *client) attach(data []byte) error {
	w := c.waiting
	if w == nil {
		return errBinary
	}
	if w.bytes += len(data); w.bytes > c.server.cfg.MaxAttachmentBytes {
		return errTooMuch
	}
	w.attachments = append(w.attachments, append([]byte(nil), data...))
	if len(w.attachments) < w.packet.attachments {
		return nil
	}
	c.waiting = nil
	return c.handle(w.packet, w.attachments)
}

func (c *client) handle(p packet, attachments [][]byte) error {
	if c.foreign(p.namespace) {
		c.conn.FlushNow() // a program's handlers may hold the connection up
		return c.extend(p, attachments)
	}
	if p.kind == typeConnect {
		return c.connect(p)
	}
	s := c.socket(p.namespace)
	if s == nil {
		return errNotConnected
	}
	if p.kind == typeDisconnect {
		if len(p.data) > 0 {
			return errPayload
		}
		c.leave(s, "disconnected by the client")
		return nil
	}
	e := c.server.events.Get().(*Event)
	defer c.release(e)
	name, args, err := arguments(p, e.room[:0])
	if err != nil {
		return err
	}
	e.Name, e.Args, e.ID, e.Attachments = name, args, p.id, attachments
	if p.kind == typeEvent || p.kind == typeBinaryEvent {
		s.handler.Event(e)
	} else if h, ok := s.handler.(AckHandler); ok {
		h.Ack(e.ID, e.Args, e.Attachments) // one that nobody waits for is no error
	}
	return nil
}

// foreign tells whether a namespace is the extension's.
func (c *client) foreign(namespace string) bool {
	return c.extended != nil && c.server.cfg.Namespaces[namespace] == nil
}

func (c *client) release(e *Event) {
	*e = Event{} // hold on to nothing
	c.server.events.Put(e)
}

// connect joins a namespace or says why not.
func (c *client) connect(p packet) error {
	auth, err := c.authOf(p)
	if err != nil {
		return err
	}
	if c.socket(p.namespace) != nil {
		if c.old() && p.namespace == "/" {
			return nil // the server has joined it for the client, which may not know
		}
		return errConnected
	}
	namespace := c.server.cfg.Namespaces[p.namespace]
	if namespace == nil {
		c.refuse(p.namespace, &ConnectError{Message: "Invalid namespace"})
		return nil
	}
	s := &Socket{client: c, namespace: p.namespace, id: c.socketID(p.namespace)}
	handler, err := namespace.Connect(s, auth)
	if err != nil {
		c.refuse(p.namespace, err)
		return nil
	}
	s.handler = handler
	if !c.join(s) {
		handler.Disconnected("connection closed")
		return nil
	}
	c.conn.CloseAfter(0, "")
	c.conn.Enqueue(c.welcome(s))
	if h, ok := handler.(ConnectedHandler); ok {
		h.Connected()
	}
	return nil
}

// authOf returns the auth object of a CONNECT packet, or nil.
func (c *client) authOf(p packet) ([]byte, error) {
	if c.old() && len(p.query) > 0 {
		return queryAuth(p.query)
	}
	if len(p.data) == 0 {
		return nil, nil
	}
	if err := rawjson.Valid(p.data); err != nil {
		return nil, err
	}
	if p.data[0] != '{' {
		return nil, errPayload
	}
	return p.data, nil
}

func (c *client) refuse(namespace string, err error) {
	var refusal *ConnectError
	if !errors.As(err, &refusal) {
		refusal = &ConnectError{Message: "internal error"}
	}
	c.conn.Enqueue(controlFrame(typeConnectError, namespace, c.refusalPayload(refusal)))
}

func (c *client) socket(namespace string) *Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	if namespace == "/" {
		return c.main
	}
	return c.others[namespace]
}

func (c *client) join(s *Socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return false
	case s.namespace == "/":
		c.main = s
	case c.others == nil:
		c.others = map[string]*Socket{s.namespace: s}
	default:
		c.others[s.namespace] = s
	}
	return true
}

// leave takes a socket out and tells its handler; the second of two calls does nothing.
func (c *client) leave(s *Socket, reason string) {
	c.mu.Lock()
	present := c.main == s || c.others[s.namespace] == s
	if c.main == s {
		c.main = nil
	}
	if c.others[s.namespace] == s {
		delete(c.others, s.namespace)
	}
	c.mu.Unlock()
	if present {
		s.handler.Disconnected(reason)
	}
}

// each calls do with every socket of the connection. A connection with that of "/" alone pays no memory for it.
func (c *client) each(do func(s *Socket)) {
	c.mu.Lock()
	main, others := c.main, slices.Collect(maps.Values(c.others))
	c.mu.Unlock()
	if main != nil {
		do(main)
	}
	for _, s := range others {
		do(s)
	}
}

// Pong implements engineio.Handler.
func (c *client) Pong(index uint32) { c.each(func(s *Socket) { s.handler.Pong(index) }) }

// Tick implements engineio.Handler.
func (c *client) Tick() { c.each(func(s *Socket) { s.handler.Tick() }) }

// Closed implements engineio.Handler.
func (c *client) Closed(reason string) {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.each(func(s *Socket) { c.leave(s, reason) })
	if c.extended != nil {
		c.extended.close(reason)
	}
}
