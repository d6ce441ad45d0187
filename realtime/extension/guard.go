package extension

import (
	"errors"
	"log/slog"
	"runtime/debug"
	"sync/atomic"

	"github.com/zishang520/engine.io/v2/events"
	"github.com/zishang520/socket.io/v2/socket"
)

// protect runs what others wrote. A panic is logged and goes no further.
func protect(log *slog.Logger, where string, do func()) {
	defer func() {
		if cause := recover(); cause != nil {
			log.Error("handler panicked", "where", where, "cause", cause, "stack", string(debug.Stack()))
		}
	}()
	do()
}

// socketEvents takes the place of a library socket's emitter: listeners run protected, and the end of the socket is
// told once, whoever brings it about, and never before the listeners of `connection` have run.
type socketEvents struct {
	events.EventEmitter
	member               *member
	disconnecting, ended atomic.Bool
}

// Emit implements events.EventEmitter.
func (e *socketEvents) Emit(name events.EventName, args ...any) {
	m := e.member
	switch name {
	case "disconnecting", "disconnect":
		if m.hold(func() { e.Emit(name, args...) }) {
			return
		}
		once := &e.disconnecting
		if name == "disconnect" {
			once = &e.ended
		}
		if !once.CompareAndSwap(false, true) {
			return
		}
		if why := m.why(); why != nil {
			args = why
		}
	}
	protect(m.conn.server.log, m.namespace+" "+string(name), func() { e.EventEmitter.Emit(name, args...) })
	if name == "disconnect" {
		m.left()
	}
}

// namespaceEvents takes the place of a namespace's emitter: listeners run protected, and once those of `connection`
// have run, the socket's events follow.
type namespaceEvents struct {
	events.EventEmitter
	server *Server
	name   string
}

// Emit implements events.EventEmitter.
func (e *namespaceEvents) Emit(name events.EventName, args ...any) {
	protect(e.server.log, e.name+" "+string(name), func() { e.EventEmitter.Emit(name, args...) })
	if name != "connection" || len(args) == 0 {
		return
	}
	if s, ok := args[0].(*socket.Socket); ok {
		if m := e.server.member(s); m != nil {
			m.connected()
		}
	}
}

// mainEvents takes the place of the emitter of "/": what would never be heard is refused.
type mainEvents struct {
	events.EventEmitter
	log *slog.Logger
}

// On implements events.EventEmitter.
func (e *mainEvents) On(name events.EventName, listeners ...events.Listener) error {
	return e.AddListener(name, listeners...)
}

// AddListener implements events.EventEmitter.
func (e *mainEvents) AddListener(name events.EventName, listeners ...events.Listener) error {
	switch name {
	case "connect", "connection":
		e.log.Warn(errMain.Error())
		return errMain
	}
	return e.EventEmitter.AddListener(name, listeners...)
}

// Once implements events.EventEmitter.
func (e *mainEvents) Once(name events.EventName, listeners ...events.Listener) error {
	switch name {
	case "connect", "connection":
		return e.AddListener(name, listeners...)
	}
	return e.EventEmitter.Once(name, listeners...)
}

var errMain = errors.New("extension: the namespace / is the chat's: register another one with Of")
