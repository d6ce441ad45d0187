package ferrettest

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/bson"
)

// proxy stands between the engine and FerretDB. It counts commands and can lose an answer: the command is done, and
// its sender never knows.
type proxy struct {
	uri    string // of a fresh database behind it
	server string // host:port

	mu    sync.Mutex // guards what follows
	count map[string]int
	lose  string // the command whose answer is lost …
	after int    // … after so many more of them
}

// newProxy starts a proxy before a FerretDB of its own. FerretDB answers each message with one, so one goroutine per
// connection will do; MongoDB also streams, so there is no proxy before MongoDB.
func newProxy(t *testing.T) *proxy {
	t.Helper()
	server, _ := startFerret(t, t.TempDir(), "127.0.0.1:0")
	direct := fresh(t, server)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	noError(t, err)
	host := strings.Trim(strings.TrimPrefix(server, "mongodb://"), "/")
	p := &proxy{server: host, uri: strings.Replace(direct, host, l.Addr().String(), 1), count: make(map[string]int)}
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			connections.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() { // before FerretDB ends, after the engine has closed its connections
		l.Close()
		connections.Wait()
	})
	return p
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	for {
		request, err := readMessage(client)
		if err != nil {
			return
		}
		lose := p.note(commandOf(request))
		if _, err := server.Write(request); err != nil {
			return
		}
		answer, err := readMessage(server)
		if err != nil || lose {
			return
		}
		if _, err := client.Write(answer); err != nil {
			return
		}
	}
}

// note counts a command and says whether its answer is to be lost.
func (p *proxy) note(command string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count[command]++
	if p.lose == "" || p.lose != command {
		return false
	}
	if p.after--; p.after >= 0 {
		return false
	}
	p.lose = ""
	return true
}

func (p *proxy) loseAnswer(command string, after int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose, p.after = command, after
}

// counted returns the commands since the last call, without those of the driver's own.
func (p *proxy) counted() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	count := p.count
	p.count = make(map[string]int)
	for _, own := range []string{"", "hello", "isMaster", "ismaster", "endSessions"} {
		delete(count, own)
	}
	return count
}

// The layout of messages: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
func readMessage(r io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	message := make([]byte, max(binary.LittleEndian.Uint32(length[:]), 4))
	copy(message, length[:])
	_, err := io.ReadFull(r, message[4:])
	return message, err
}

// commandOf names the command of an OP_MSG, whose first section follows 16 bytes of header, 4 of flags and 1 of kind.
func commandOf(message []byte) string {
	const opMsg, body = 2013, 21
	if len(message) < body || binary.LittleEndian.Uint32(message[12:]) != opMsg {
		return ""
	}
	elements, err := bson.Raw(message[body:]).Elements()
	if len(elements) == 0 || err != nil {
		return ""
	}
	return elements[0].Key()
}
