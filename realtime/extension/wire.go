package extension

import (
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/zishang520/engine.io-go-parser/packet"
	"github.com/zishang520/engine.io/v2/engine"
	"github.com/zishang520/engine.io/v2/events"
	"github.com/zishang520/engine.io/v2/transports"
	"github.com/zishang520/engine.io/v2/types"

	"github.com/parley-chat/parley/realtime/engineio"
)

// maxVolatile is how many bytes may wait for a connection that volatile packets are still sent to.
const maxVolatile = 64 << 10

// States of a connection, as the library names them.
const (
	stateOpen    = "open"
	stateClosing = "closing"
	stateClosed  = "closed"
)

// wire is a connection of ours as the library sees it: an engine.Socket.
type wire struct {
	events.EventEmitter
	owner   *connection
	conn    *engineio.Conn
	request *remembered
	state   atomic.Value // string
	context func() *types.HttpContext

	mu      sync.Mutex // guards what follows
	parts   []*engineio.Frame
	missing int // parts that belong to parts and have not come yet
}

func newWire(owner *connection, conn *engineio.Conn, request *remembered) *wire {
	w := &wire{EventEmitter: events.New(), owner: owner, conn: conn, request: request}
	w.context = sync.OnceValue(request.context)
	w.state.Store(stateOpen)
	return w
}

// Protocol implements engine.Socket.
func (w *wire) Protocol() int { return w.conn.Protocol() }

// Id implements engine.Socket.
func (w *wire) Id() string { return w.conn.ID() }

// ReadyState implements engine.Socket.
func (w *wire) ReadyState() string { return w.state.Load().(string) }

// SetReadyState implements engine.Socket.
func (w *wire) SetReadyState(state string) { w.state.Store(state) }

// Request implements engine.Socket.
func (w *wire) Request() *types.HttpContext { return w.context() }

// RemoteAddress implements engine.Socket: an address without a port, "" when the request is not remembered.
func (w *wire) RemoteAddress() string {
	if w.request == nil {
		return ""
	}
	if host, _, err := net.SplitHostPort(w.request.address); err == nil {
		return host
	}
	return w.request.address
}

// Transport implements engine.Socket.
func (w *wire) Transport() transports.Transport {
	return &transport{Transport: transports.MakeTransport(), wire: w}
}

// Upgraded implements engine.Socket.
func (w *wire) Upgraded() bool { return false }

// Upgrading implements engine.Socket.
func (w *wire) Upgrading() bool { return false }

// Construct implements engine.Socket; there is nothing to do.
func (w *wire) Construct(string, engine.BaseServer, transports.Transport, *types.HttpContext, int) {}

// MaybeUpgrade implements engine.Socket: upgrades are the transport's own business.
func (w *wire) MaybeUpgrade(transports.Transport) {}

// Close implements engine.Socket.
func (w *wire) Close(bool) {
	if w.state.CompareAndSwap(stateOpen, stateClosing) {
		w.conn.Close("closed by the server")
	}
}

// Send implements engine.Socket.
func (w *wire) Send(data io.Reader, opts *packet.Options, sent engine.SendCallback) engine.Socket {
	return w.Write(data, opts, sent)
}

// Write implements engine.Socket: it queues one part of a packet. The parts of a binary packet, which the library
// writes one after the other, are held back until the last one, and go out together.
func (w *wire) Write(data io.Reader, _ *packet.Options, sent engine.SendCallback) engine.Socket {
	frame, text := frameOf(data)
	if frame == nil || w.ReadyState() != stateOpen {
		return w
	}
	if text != nil && !w.owner.sending(text) {
		return w
	}
	w.mu.Lock()
	if w.parts = append(w.parts, frame); text != nil {
		w.missing = attachments(text)
	} else {
		w.missing--
	}
	flush := false
	if w.missing <= 0 {
		flush = w.conn.Enqueue(w.parts...)
		clear(w.parts)
		w.parts, w.missing = w.parts[:0], 0
	}
	w.mu.Unlock()
	if flush {
		w.conn.Flush()
	}
	if sent != nil {
		sent(w.Transport())
	}
	return w
}

// frameOf encodes a part. text is nil for binary.
func frameOf(data io.Reader) (frame *engineio.Frame, text []byte) {
	switch data := data.(type) {
	case *types.StringBuffer:
		if data == nil || data.Buffer == nil || data.Len() == 0 {
			return nil, nil
		}
		return textFrame(data.Bytes()), data.Bytes()
	case *types.BytesBuffer:
		if data == nil || data.Buffer == nil {
			return nil, nil
		}
		return engineio.NewBinary(data.Bytes()), nil
	default:
		raw, err := io.ReadAll(data)
		if err != nil {
			return nil, nil
		}
		return engineio.NewBinary(raw), nil
	}
}

func textFrame(text []byte) *engineio.Frame {
	return engineio.NewText(len(text), func(dst []byte) []byte { return append(dst, text...) })
}

// writable tells whether volatile packets are sent.
func (w *wire) writable() bool { return w.conn.Queued() <= maxVolatile }

// attachments returns how many binary parts follow a text: the number in front of the first dash of a binary packet.
func attachments(text []byte) (n int) {
	if text[0] != typeBinaryEvent && text[0] != typeBinaryAck {
		return 0
	}
	for _, c := range text[1:] {
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// transport tells the library what carries a connection.
type transport struct {
	transports.Transport
	wire *wire
}

// Name implements transports.Transport.
func (t *transport) Name() string { return t.wire.conn.Transport() }

// Protocol implements transports.Transport.
func (t *transport) Protocol() int { return t.wire.Protocol() }

// ReadyState implements transports.Transport.
func (t *transport) ReadyState() string { return t.wire.ReadyState() }

// Writable implements transports.Transport; volatile packets are dropped where it is false.
func (t *transport) Writable() bool { return t.wire.writable() }

// SupportsBinary implements transports.Transport.
func (t *transport) SupportsBinary() bool { return true }

// Close implements transports.Transport.
func (t *transport) Close(...types.Callable) { t.wire.Close(false) }
