package socketio

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// room lets in who does not call himself nobody, tells each his id, and notes the acks.
type room struct{ acks chan string }

func (r room) Connect(s *Socket, auth []byte) (Handler, error) {
	switch {
	case strings.Contains(string(auth), "nobody"):
		return nil, &ConnectError{Message: "who?"}
	case strings.Contains(string(auth), "broken"):
		return nil, errors.New("secret of the house")
	}
	return &oldGuest{r, s}, nil
}

type oldGuest struct {
	room room
	*Socket
}

func (g *oldGuest) Connected() {
	id, _ := json.Marshal(g.ID())
	g.Conn().Enqueue(EventFrames(g.Namespace(), "id", 7, [][]byte{id}, nil)...)
}
func (g *oldGuest) Event(*Event) {}
func (g *oldGuest) Ack(id int64, args, attachments [][]byte) {
	g.room.acks <- fmt.Sprintf("%s%d %s %x", g.Namespace(), id, args, attachments)
}
func (g *oldGuest) Pong(uint32)         {}
func (g *oldGuest) Tick()               {}
func (g *oldGuest) Disconnected(string) {}

func TestOldClientsKnowTheirIDs(t *testing.T) {
	r := room{make(chan string, 10)}
	s := NewServer(Config{Namespaces: map[string]Namespace{"/": r, "/room": r}})
	web := httptest.NewServer(s)
	defer web.Close()
	defer s.Shutdown(t.Context())
	sid := ""
	ask := func(body string) string {
		t.Helper()
		method := http.MethodGet
		if body != "" {
			method, body = http.MethodPost, fmt.Sprint(len(body), ":", body)
		}
		request, err := http.NewRequestWithContext(t.Context(), method, web.URL+"/?EIO=3&b64=1&transport=polling&sid="+sid, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%d %s, %v", response.StatusCode, answer, err)
		}
		return string(answer)
	}
	first := ask("")
	_, sid, _ = strings.Cut(first, `"sid":"`)
	sid, _, _ = strings.Cut(sid, `"`)
	hears := func(got string, packets ...string) {
		t.Helper()
		var want strings.Builder
		for _, p := range packets {
			fmt.Fprint(&want, len(p), ":", p)
		}
		if !strings.HasSuffix(got, want.String()) {
			t.Errorf("heard %s, want %s", got, want.String())
		}
	}
	hears(first, "40", `427["id","`+sid+`"]`) // with the opening: joined before anything is asked
	ask("40/room?name=ann,")
	hears(ask(""), "40/room,", `42/room,7["id","/room#`+sid+`"]`)
	ask("41/room")
	ask("40/room?name=nobody,")
	hears(ask(""), `44/room,"who?"`)
	ask("40/room?name=broken,")
	hears(ask(""), `44/room,"internal error"`)

	// Acks reach the handler, with all their arguments and attachments.
	ask(`437["yes",{"a":1}]`)
	if got := <-r.acks; got != `/7 ["yes" {"a":1}] []` {
		t.Errorf("the ack was %s", got)
	}
	ask(`461-8[{"_placeholder":true,"num":0}]`)
	ask("b4AQI=")
	if got := <-r.acks; got != `/8 [{"_placeholder":true,"num":0}] [0102]` {
		t.Errorf("the ack was %s", got)
	}
	ask("1")
}
