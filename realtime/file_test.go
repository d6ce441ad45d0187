package realtime_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime"
)

// hole stands for an attachment, as clients write it.
func hole(n int) object { return object{"_placeholder": true, "num": n} }

// sendBinary emits a binary event and returns the id of its ack.
func (p *person) sendBinary(name string, argument any, parts ...[]byte) string {
	p.t.Helper()
	p.asked++
	id := fmt.Sprint(p.asked)
	args, err := json.Marshal([]any{name, argument})
	if err != nil {
		p.t.Fatal(err)
	}
	p.conn.Write(fmt.Appendf(nil, "45%d-%s%s", len(parts), id, args))
	for _, part := range parts {
		p.conn.WriteFrame(ws.OpBinary, part)
	}
	if err := p.conn.Flush(); err != nil {
		p.t.Fatal(err)
	}
	return id
}

func (p *person) askBinary(argument any, parts ...[]byte) (object, *failure) {
	p.t.Helper()
	return p.answer(p.sendBinary("chat", argument, parts...))
}

// fetch returns the bytes behind a link in a message.
func (h *house) fetch(link any, thumb bool) []byte {
	h.t.Helper()
	url, _ := link.(string)
	_, rest, _ := strings.Cut(url, "/files/")
	id, _, _ := strings.Cut(rest, "/")
	f, err := h.engine.File(h.t.Context(), chat.FileID(id))
	if err != nil {
		h.t.Fatalf("%q: %v", url, err)
	}
	w := httptest.NewRecorder()
	if err := h.bodies.Serve(w, httptest.NewRequest("GET", "/", nil), f, thumb); err != nil {
		h.t.Fatal(err)
	}
	return w.Body.Bytes()
}

func smallPNG(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 6, 4))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBinaryContentBecomesAFile(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	a, b := h.join(ann, "phone"), h.join(bob, "phone")
	text, picture, voice := []byte("read me"), smallPNG(t), []byte("#!AMR\n\x3c\x00")

	answer, f := a.askBinary(object{"toUserid": bob.id, "message": hole(0), "ref": "r1"}, text)
	if f != nil || answer["seq"] != 1.0 {
		t.Fatalf("%v, %+v", answer, f)
	}
	m := b.hearMessage("newMessage")
	file, _ := m.Message.(object)
	if m.Type != "file" || m.Ref != "r1" || file["name"] != "file.txt" || file["size"] != 7.0 || file["mime"] != "text/plain" || len(file) != 4 {
		t.Errorf("Bob heard %+v", m)
	}
	if url, _ := file["url"].(string); !strings.HasPrefix(url, "/files/") {
		t.Errorf("url %q", url)
	}
	if got := h.fetch(file["url"], false); !bytes.Equal(got, text) {
		t.Errorf("Bob got %q", got)
	}

	// An object says more; the type is the first one's.
	body := object{"name": "red.png", "caption": "look <&>", "n": json.Number("12345678901234567890"), "parts": []any{hole(0), hole(1), hole(0)}}
	if _, f := a.askBinary(object{"toUserid": bob.id, "data": body, "message": "not this"}, picture, voice); f != nil {
		t.Fatalf("%+v", f)
	}
	m = b.hearMessage("newMessage")
	said, _ := m.Message.(object)
	parts, _ := said["parts"].([]any)
	if m.Type != "image" || said["caption"] != "look <&>" || len(parts) != 3 {
		t.Fatalf("Bob heard %+v", m)
	}
	first, second, again := parts[0].(object), parts[1].(object), parts[2].(object)
	if first["name"] != "red.png" || first["width"] != 6.0 || first["height"] != 4.0 || first["thumb"] == nil || second["mime"] != "audio/amr" {
		t.Errorf("%v, %v", first, second)
	}
	if again["url"] != first["url"] {
		t.Error("one attachment became two files")
	}
	if got := h.fetch(first["thumb"], true); len(got) == 0 {
		t.Error("no thumbnail")
	}
	page, err := h.engine.Since(t.Context(), chat.ConvID(m.Conv), 1, 1)
	if err != nil || len(page) != 1 || len(page[0].Files) != 2 || !bytes.Contains(page[0].Body, []byte(`"n":12345678901234567890`)) {
		t.Errorf("stored %+v, %v", page, err)
	}

	// What its sender says of the type stands, and helps where the bytes say too little.
	film := []byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom")
	if _, f := a.askBinary(object{"toUserid": bob.id, "message": hole(0), "type": "voice"}, film); f != nil {
		t.Fatalf("%+v", f)
	}
	if m = b.hearMessage("newMessage"); m.Type != "voice" || m.Message.(object)["mime"] != "audio/mp4" {
		t.Errorf("Bob heard %+v", m)
	}
}

func TestLinksInMessagesAreAbsoluteWithAPublicURL(t *testing.T) {
	h := open(t, func(c *realtime.Config) { c.PublicURL = "https://chat.example" })
	ann := h.register("ann")
	a, other := h.join(ann, "phone"), h.join(ann, "laptop")
	if _, f := a.askBinary(object{"toUserid": ann.id, "message": hole(0)}, []byte("x")); f != nil {
		t.Fatalf("%+v", f)
	}
	m := other.hearMessage("sentMessage")
	if url, _ := m.Message.(object)["url"].(string); !strings.HasPrefix(url, "https://chat.example/files/") {
		t.Errorf("%+v", m)
	}
}

func TestMessagesKeepTheirOrderAroundFiles(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	a, b := h.join(ann, "phone"), h.join(bob, "phone")
	const rounds = 10
	picture := smallPNG(t)
	for i := range rounds {
		a.emit("chat", object{"toUserid": bob.id, "message": fmt.Sprint("before ", i)})
		a.sendBinary("chat", object{"toUserid": bob.id, "message": hole(0)}, picture)
		a.emit("chat", object{"toUserid": bob.id, "message": fmt.Sprint("after ", i)})
	}
	for i := range rounds {
		for _, want := range []any{fmt.Sprint("before ", i), nil, fmt.Sprint("after ", i)} {
			m := b.hearMessage("newMessage")
			if link, isFile := m.Message.(object); isFile && want == nil && link["mime"] == "image/png" {
				continue
			}
			if m.Message != want {
				t.Fatalf("round %d: heard %v, want %v", i, m.Message, want)
			}
		}
	}
}

func TestBinaryContentThatIsRefused(t *testing.T) {
	h := open(t, func(c *realtime.Config) { c.Files.Most = 1000 })
	ann, bob := h.register("ann"), h.register("bob")
	a, b := h.join(ann, "phone"), h.join(bob, "phone")
	part := []byte("x")
	for what, c := range map[string]struct {
		argument object
		parts    [][]byte
		code     string
	}{
		"nowhere in the message":   {object{"toUserid": bob.id, "message": "text", "extra": hole(0)}, [][]byte{part}, "invalid"},
		"no message":               {object{"toUserid": bob.id, "extra": hole(0)}, [][]byte{part}, "invalid"},
		"one left over":            {object{"toUserid": bob.id, "message": hole(0)}, [][]byte{part, part}, "invalid"},
		"one that never came":      {object{"toUserid": bob.id, "message": []any{hole(0), hole(1)}}, [][]byte{part}, "invalid"},
		"a negative one":           {object{"toUserid": bob.id, "message": hole(-1)}, [][]byte{part}, "invalid"},
		"half a one":               {object{"toUserid": bob.id, "message": object{"_placeholder": true, "num": 0.5}}, [][]byte{part}, "invalid"},
		"none":                     {object{"toUserid": bob.id, "message": object{"_placeholder": true}}, [][]byte{part}, "invalid"},
		"in place of a text":       {object{"toUserid": hole(0), "message": "x"}, [][]byte{part}, "invalid"},
		"empty":                    {object{"toUserid": bob.id, "message": hole(0)}, [][]byte{{}}, "invalid"},
		"a damaged picture":        {object{"toUserid": bob.id, "message": hole(0)}, [][]byte{[]byte("\xff\xd8\xff\xe0")}, "invalid"},
		"over the bound":           {object{"toUserid": bob.id, "message": hole(0)}, [][]byte{make([]byte, 1001)}, "too_large"},
		"to nobody":                {object{"toUserid": chat.NewUserID(time.Now()), "message": hole(0)}, [][]byte{part}, "not_found"},
		"with the server's type":   {object{"toUserid": bob.id, "message": hole(0), "type": "system"}, [][]byte{part}, "invalid"},
		"an attachment that stays": {object{"toUserid": bob.id, "message": "[\"_placeholder\"]"}, [][]byte{part}, "invalid"},
	} {
		if _, f := a.askBinary(c.argument, c.parts...); f == nil || f.Code != c.code {
			t.Errorf("%s: %+v, want %s", what, f, c.code)
		}
	}
	if _, f := a.answer(a.sendBinary("message:before", object{"with": bob.id, "x": hole(0)}, part)); f == nil || f.Code != "invalid" {
		t.Errorf("to another event: %+v", f)
	}
	a.say(bob, "the socket lives")
	if m := b.hearMessage("newMessage"); m.Seq != 1 || m.Message != "the socket lives" {
		t.Errorf("Bob heard %+v", m)
	}
}
