package extension_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/zishang520/socket.io/v2/socket"

	"github.com/parley-chat/parley/realtime/engineio"
	"github.com/parley-chat/parley/realtime/extension"
)

// request sends one request of a polling client.
func request(t *testing.T, method, url, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d %s %v", res.StatusCode, answer, err)
	}
	return string(answer)
}

// Ann polls with a client of today, Bob with one of Socket.IO 2, who brings his name in a query. Handlers see the same
// of both, and each is answered in the generation that he speaks.
func TestPollingClientsOfBothGenerations(t *testing.T) {
	h := open(t, engineio.Config{}, func(io *extension.Sockets) {
		n := onConnect(io, "/rooms", func(s *socket.Socket) {
			if name := s.Conn().Transport().Name(); name != "polling" {
				t.Errorf("transport %s", name)
			}
			s.On("who am I?", func(args ...any) {
				args[0].(socket.Ack)([]any{s.Handshake().Auth.(map[string]any)["name"]}, nil)
			})
		})
		n.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
			if s.Handshake().Auth == nil {
				next(socket.NewExtendedError("who are you?", nil))
				return
			}
			next(nil)
		})
	})
	sid := regexp.MustCompile(`"sid":"([^"]+)"`)
	for _, c := range []struct {
		eio               int
		said              []string
		refused, accepted string
		answer            string
	}{
		{4, []string{`40/rooms,`, `40/rooms,{"name":"Ann"}`, `42/rooms,1["who am I?"]`},
			`44/rooms,{"data":null,"message":"who are you?"}`, `40/rooms,{"sid":`, `43/rooms,1["Ann"]`},
		{3, []string{`40/rooms`, `40/rooms?name=Bob`, `42/rooms,1["who am I?"]`},
			`44/rooms,"who are you?"`, `40/rooms,`, `43/rooms,1["Bob"]`},
	} {
		url := fmt.Sprintf("%s/socket.io/?EIO=%d&transport=polling", h.url, c.eio)
		url += "&sid=" + sid.FindStringSubmatch(request(t, http.MethodGet, url, ""))[1]
		heard := ""
		for i, want := range []string{c.refused, c.accepted, c.answer} {
			body := c.said[i]
			if c.eio == 3 {
				body = fmt.Sprintf("%d:%s", len(body), body)
			}
			request(t, http.MethodPost, url, body)
			for !strings.Contains(heard, want) {
				heard += request(t, http.MethodGet, url, "")
			}
			_, heard, _ = strings.Cut(heard, want)
		}
	}
}

// For clients of old the library takes a namespace for a URL. Another spelling of a name leads nowhere.
func TestNamespaceHasOneSpelling(t *testing.T) {
	h := open(t, engineio.Config{}, func(io *extension.Sockets) {
		onConnect(io, "/rooms", func(*socket.Socket) { t.Error("joined") })
	})
	for _, name := range []string{"/%72ooms", "/rooms#x", "//rooms", "/%zz"} {
		url := h.url + "/socket.io/?EIO=3&transport=polling"
		_, rest, _ := strings.Cut(request(t, http.MethodGet, url, ""), `"sid":"`)
		id, _, _ := strings.Cut(rest, `"`)
		packet := "40" + name + ","
		res, err := http.Post(url+"&sid="+id, "text/plain;charset=UTF-8", strings.NewReader(fmt.Sprintf("%d:%s", len(packet), packet)))
		if err != nil {
			t.Fatal(err)
		}
		if res.Body.Close(); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
}
