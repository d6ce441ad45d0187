package socketio

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/parley-chat/parley/realtime/engineio"
)

// counter hears events and does nothing.
type counter struct{ events int }

func (c *counter) Connect(*Socket, []byte) (Handler, error) { return c, nil }
func (c *counter) Event(*Event)                             { c.events++ }
func (c *counter) Pong(uint32)                              {}
func (c *counter) Tick()                                    {}
func (c *counter) Disconnected(string)                      {}

// BenchmarkEvent is what an event costs between the transport and its handler: parsed, checked, split.
func BenchmarkEvent(b *testing.B) {
	var heard counter
	var client engineio.Handler
	s := NewServer(Config{Namespaces: map[string]Namespace{"/": &heard}})
	engine := engineio.NewServer(engineio.Config{Open: func(c *engineio.Conn, r *http.Request) engineio.Handler {
		client = s.open(c, r)
		return client
	}})
	engine.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/?EIO=4&transport=polling", nil))
	if err := client.Message([]byte("0"), false); err != nil {
		b.Fatal(err)
	}
	packet := []byte(`217["chat",{"form_id":"65f1c0ffee65f1c0ffee65f1","toUserid":"65f1c0ffee65f1c0ffee65f2","message":"hello there"}]`)
	b.ReportAllocs()
	b.SetBytes(int64(len(packet)))
	for b.Loop() {
		if err := client.Message(packet, false); err != nil {
			b.Fatal(err)
		}
	}
	if heard.events == 0 {
		b.Fatal("nothing was heard")
	}
}
