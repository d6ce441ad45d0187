package main

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// network is a TCP proxy: the network between two sides, where it can be broken. Its address stays when the server
// behind it comes back at another one.
type network struct {
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex    // guards what follows
	target string        // host:port; "" while nobody is there, and who comes is reset
	dark   chan struct{} // while nothing passes; closed when that is over
	links  map[*link]struct{}
	closed bool
}

func newNetwork() (*network, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	n := &network{listener: l, links: make(map[*link]struct{})}
	n.running.Go(n.accept)
	return n, nil
}

// address is host:port.
func (n *network) address() string { return n.listener.Addr().String() }

// leadTo says where the other side is from now on.
func (n *network) leadTo(address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.target = address
}

func (n *network) close() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.listener.Close()
	n.lighten()
	for _, l := range n.all() {
		l.reset()
	}
	n.running.Wait()
}

func (n *network) accept() {
	for {
		conn, err := n.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			n.running.Go(func() { n.serve(conn.(*net.TCPConn)) })
		}
	}
}

func (n *network) serve(client *net.TCPConn) {
	n.mu.Lock()
	dark, target := n.dark, n.target
	n.mu.Unlock()
	if dark != nil { // who comes meanwhile waits, as SYNs do that nobody answers
		<-dark
	}
	server, err := net.DialTimeout("tcp", target, time.Second)
	if err != nil {
		abort(client)
		return
	}
	l := newLink(client, server.(*net.TCPConn))
	n.mu.Lock()
	if n.closed {
		l.reset()
	}
	n.links[l] = struct{}{}
	n.mu.Unlock()
	l.run()
	n.mu.Lock()
	delete(n.links, l)
	n.mu.Unlock()
}

// all are the connections of this moment, in no order.
func (n *network) all() []*link {
	n.mu.Lock()
	defer n.mu.Unlock()
	links := make([]*link, 0, len(n.links))
	for l := range n.links {
		links = append(links, l)
	}
	return links
}

// darken lets nothing pass and nobody in until lighten.
func (n *network) darken() {
	n.mu.Lock()
	if n.dark == nil {
		n.dark = make(chan struct{})
	}
	n.mu.Unlock()
	for _, l := range n.all() {
		l.stall()
	}
}

func (n *network) lighten() {
	n.mu.Lock()
	if n.dark != nil {
		close(n.dark)
		n.dark = nil
	}
	n.mu.Unlock()
	for _, l := range n.all() {
		l.resume()
	}
}

// link is one connection through the network.
type link struct {
	client, server *net.TCPConn
	up, down       pump
	over           chan struct{}
	end            sync.Once
	vanished       atomic.Bool // the client is gone, and nobody told the server
}

func newLink(client, server *net.TCPConn) *link {
	l := &link{client: client, server: server, over: make(chan struct{})}
	l.up = pump{link: l, from: client, to: server, left: -1}
	l.down = pump{link: l, from: server, to: client, left: -1}
	return l
}

// run returns when the connection has ended on both sides.
func (l *link) run() {
	var pumps sync.WaitGroup
	pumps.Go(l.up.run)
	pumps.Go(l.down.run)
	pumps.Wait()
	if l.vanished.Load() {
		<-l.over
	}
	l.reset()
}

// reset ends both sides at once; what the kernel still had to send is gone.
func (l *link) reset() {
	l.end.Do(func() {
		close(l.over)
		abort(l.client)
		abort(l.server)
	})
}

// abort closes with a reset instead of an orderly end.
func abort(conn *net.TCPConn) {
	conn.SetLinger(0)
	conn.Close()
}

// stall lets nothing pass, in either direction, until resume. The kernels of both sides believe that all is well.
func (l *link) stall() {
	l.up.stall()
	l.down.stall()
}

func (l *link) resume() {
	l.up.resume()
	l.down.resume()
}

// vanish takes the client away without a word to the server, which finds out by itself, or after the given time.
func (l *link) vanish(after time.Duration) {
	l.vanished.Store(true)
	l.stall()
	abort(l.client)
	time.AfterFunc(after, l.reset)
}

// pump carries one direction of a link.
type pump struct {
	link     *link
	from, to *net.TCPConn

	mu   sync.Mutex    // guards what follows
	gate chan struct{} // while nothing passes; closed when that is over
	left int           // bytes until the cut; negative: no cut is planned
	half bool          // the cut ends this direction alone, in good order
}

func (p *pump) stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gate == nil {
		p.gate = make(chan struct{})
	}
}

func (p *pump) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gate != nil {
		close(p.gate)
		p.gate = nil
	}
}

// cut plans the end: so many bytes pass, and no more. That is mid-frame more often than not. A half cut is an orderly
// end of this direction, while the other goes on.
func (p *pump) cut(after int, half bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left, p.half = after, half
}

func (p *pump) run() {
	buf := make([]byte, 32<<10)
	for {
		n, err := p.from.Read(buf)
		if n > 0 && !p.pass(buf[:n]) {
			return
		}
		switch {
		case err == nil:
		case p.link.vanished.Load():
			return
		case err == io.EOF:
			p.to.CloseWrite()
			return
		default:
			p.link.reset()
			return
		}
	}
}

// pass hands bytes on; false ends the pump.
func (p *pump) pass(data []byte) bool {
	p.mu.Lock()
	for p.gate != nil {
		gate := p.gate
		p.mu.Unlock()
		select {
		case <-gate:
		case <-p.link.over:
			return false
		}
		p.mu.Lock()
	}
	ends, half := p.left >= 0 && len(data) >= p.left, p.half
	if ends {
		data = data[:p.left]
	} else if p.left >= 0 {
		p.left -= len(data)
	}
	p.mu.Unlock()
	if _, err := p.to.Write(data); err != nil {
		p.link.reset()
		return false
	}
	switch {
	case ends && half:
		p.to.CloseWrite()
	case ends:
		// In good order as far as the bytes go, so that they arrive: a reset would take them along.
		p.to.CloseWrite()
		abort(p.from)
		time.AfterFunc(cutGrace, p.link.reset)
	}
	return !ends
}

// cutGrace is how long the last bytes before a cut have to arrive.
const cutGrace = 100 * time.Millisecond
