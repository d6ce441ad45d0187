package socketio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/parley-chat/parley/realtime/engineio"
	"github.com/parley-chat/parley/realtime/rawjson"
)

// FuzzParse checks that a packet is within its bounds and, encoded again, parses to the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`0`, `0/shop,{"a":1}`, `0/shop?x=1,`, `1/shop`, `2["chat",{}]`, `2/shop,12["chat"]`, `312[]`,
		`52-/shop,7["a",{"_placeholder":true,"num":0}]`, `5`, `2[`, `2/`, `2//,`, `2/,1`, `2007["a"]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parse(data)
		if err != nil {
			return
		}
		if p.namespace == "" || p.namespace[0] != '/' || len(p.namespace) > maxNamespace || p.id < NoAck ||
			p.attachments < 0 || p.attachments > maxAttachments || len(p.data) > len(data) {
			t.Fatalf("%q became %+v", data, p)
		}
		if auth, err := queryAuth(p.query); err == nil && !json.Valid(auth) {
			t.Fatalf("%q became %q", p.query, auth)
		}
		var id string
		if p.id != NoAck {
			id = fmt.Sprint(p.id)
		}
		head := appendHead(nil, p.kind, p.attachments, p.namespace)
		if p.attachments == 0 && (p.kind == typeBinaryEvent || p.kind == typeBinaryAck) ||
			len(p.data) > 0 && p.data[0] != '[' && p.data[0] != '{' {
			return // not a packet that this side makes
		}
		again, err := parse(append(append(head, id...), p.data...))
		if err != nil || again.kind != p.kind || again.namespace != p.namespace || again.id != p.id ||
			again.attachments != p.attachments || !bytes.Equal(again.data, p.data) {
			t.Fatalf("%q became %+v became %+v, %v", data, p, again, err)
		}
	})
}

// FuzzClient lets a client say a sequence of packets, one on each line, binary behind a "b". Whatever it says, the
// server stands, what it keeps is bounded, and its answers are well formed.
func FuzzClient(f *testing.F) {
	for _, seed := range []string{
		"0\n2[\"echo\",1]\n25[\"ask\"]\n1",
		"0{\"a\":1}\n0/shop\n2/shop,[\"echo\",{\"b\":[null]}]\n0/nope,",
		"0\n52-[\"echo\",{\"_placeholder\":true,\"num\":0}]\nb123\nb\n2[\"leave\"]\n0",
		"0\n51-7[\"ask\"]\nbxyz\n312[1]\n61-0[]\nb",
		"0\n51-[\"echo\"]\n2[\"echo\"]", "b", "0\n0", "2[\"echo\"]", "0\n2[\"disconnect\"]",
	} {
		f.Add([]byte(seed))
	}
	var heard *client
	h := &house{came: make(chan *guest, 1000)}
	h.Server = NewServer(Config{Namespaces: map[string]Namespace{"/": door{h, nil}, "/shop": door{h, nil}}})
	engine := engineio.Config{Open: func(c *engineio.Conn, r *http.Request) engineio.Handler {
		heard = h.open(c, r).(*client)
		return heard
	}}
	server := engineio.NewServer(engine)
	ask := func(query string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		server.ServeHTTP(w, httptest.NewRequest("GET", "/?EIO=4&transport=polling"+query, nil))
		return w
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		ask("")
		c := heard
		for line := range bytes.SplitSeq(said, []byte("\n")) {
			data, binary := bytes.CutPrefix(line, []byte("b"))
			if err := c.Message(data, binary); err != nil {
				break
			}
			if w := c.waiting; w != nil && (w.bytes > c.server.cfg.MaxAttachmentBytes || len(w.attachments) >= w.packet.attachments) {
				t.Fatalf("waits with %d bytes in %d attachments", w.bytes, len(w.attachments))
			}
			for len(h.came) > 0 {
				<-h.came
			}
		}
		c.conn.Close("enough")
		for {
			w := ask("&sid=" + c.conn.ID())
			if w.Code != 200 {
				break
			}
			for packet := range strings.SplitSeq(w.Body.String(), "\x1e") {
				if message, ok := strings.CutPrefix(packet, "4"); ok {
					mustBeWellFormed(t, message)
				}
			}
		}
	})
}

// mustBeWellFormed checks a packet of the server.
func mustBeWellFormed(t *testing.T, packet string) {
	if strings.HasPrefix(packet, "4") { // an error of connecting is like a connect, but parse refuses it
		packet = "0" + packet[1:]
	}
	p, err := parse([]byte(packet))
	if err == nil && len(p.data) > 0 {
		err = rawjson.Valid(p.data)
	}
	if err != nil {
		t.Fatalf("the server said %q: %v", packet, err)
	}
}
