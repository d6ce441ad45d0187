package apptest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/bench/sio"
)

// Person is a user with one connection to the Socket.IO door, and all that she was told by any.
type Person struct {
	Name, ID, Email, Phone, Token string
	Number                        uint64

	house    *House
	t        testing.TB
	password string

	writing sync.Mutex
	conn    *sio.Conn
	asked   int

	mu    sync.Mutex
	heard []string
	news  chan struct{}          // closed when there is more in heard
	acks  map[string]chan []byte // by what begins their packet
}

// Register makes an account. Its email and phone number stand in nothing but what she herself asks for.
func (h *House) Register(name string) *Person {
	h.T.Helper()
	n := len(h.people)
	p := &Person{
		Name: fmt.Sprintf("%s%d", name, n), Email: fmt.Sprintf("private-%03d@mail.example", n), Phone: fmt.Sprintf("77001%04d77", n),
		house: h, t: h.T, password: fmt.Sprintf("pass-word-%03d-end", n), acks: map[string]chan []byte{}, news: make(chan struct{}),
	}
	var answer struct {
		Token    string
		UserInfo struct {
			UserID string
			Number uint64
		}
	}
	status, body := p.post("/toregister", object{"username": p.Name, "password": p.password, "email": p.Email, "phoneNum": p.Phone})
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK || answer.Token == "" {
		h.T.Fatalf("/toregister: %d %s", status, body)
	}
	p.Token, p.ID, p.Number = answer.Token, answer.UserInfo.UserID, answer.UserInfo.Number
	h.people = append(h.people, p)
	return p
}

// nobody is who has no account.
func (h *House) nobody(name string) *Person {
	p := &Person{Name: name, house: h, t: h.T, acks: map[string]chan []byte{}, news: make(chan struct{})}
	h.people = append(h.people, p)
	return p
}

// tell keeps what she was told. What she had written herself is no news.
func (p *Person) tell(asked, said []byte) {
	text := string(said)
	if asked != nil {
		for _, other := range p.house.people {
			for _, private := range []string{other.Email, other.Phone} {
				if private != "" && bytes.Contains(asked, []byte(private)) {
					text = strings.ReplaceAll(text, private, "…")
				}
			}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = append(p.heard, text)
	close(p.news)
	p.news = make(chan struct{})
}

// awaits returns once she was told a text.
func (p *Person) awaits(text string) {
	p.t.Helper()
	for deadline := time.After(patience); ; {
		p.mu.Lock()
		news := p.news
		p.mu.Unlock()
		if strings.Contains(p.said(), text) {
			return
		}
		select {
		case <-news:
		case <-deadline:
			p.t.Fatalf("%s never hears %q", p.Name, text)
		}
	}
}

func (p *Person) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.heard, "\n")
}

// Enter connects with her token and logs in.
func (p *Person) Enter() {
	p.t.Helper()
	p.connect(object{"token": p.Token, "device": "phone"})
	if code := p.Ask("login", object{}); code != "ok" {
		p.t.Fatalf("%s logs in: %s", p.Name, code)
	}
}

// connect joins the main namespace with this auth, and begins to listen.
func (p *Person) connect(auth any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := sio.Open(ctx, p.house.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := conn.Connect(auth); err != nil {
		p.t.Fatal(err)
	}
	conn.Share(&p.writing)
	p.conn = conn
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			packet, err := conn.Read()
			if err != nil {
				return
			}
			p.tell(nil, packet)
			begins, rest, _ := bytes.Cut(packet, []byte("["))
			p.mu.Lock()
			if c := p.acks[string(begins)]; c != nil {
				c <- bytes.Clone(bytes.TrimSuffix(rest, []byte("]")))
			}
			p.mu.Unlock()
		}
	}()
	p.t.Cleanup(func() { conn.Close(); <-ended })
}

// ask emits an event and returns its ack.
func (p *Person) ask(event string, argument any) []byte {
	p.t.Helper()
	p.asked++
	begins := fmt.Sprintf("3%d", p.asked)
	c := make(chan []byte, 1)
	p.mu.Lock()
	p.acks[begins] = c
	p.mu.Unlock()
	p.writing.Lock()
	p.conn.Write(fmt.Appendf(nil, "42%d%s", p.asked, marshal(p.t, []any{event, argument})))
	err := p.conn.Flush()
	p.writing.Unlock()
	if err != nil {
		p.t.Fatalf("%s: %s: %v", p.Name, event, err)
	}
	select {
	case ack := <-c:
		p.mu.Lock()
		delete(p.acks, begins)
		p.mu.Unlock()
		return ack
	case <-time.After(patience):
		p.t.Fatalf("%s: %s is not answered", p.Name, event)
		return nil
	}
}

// Ask emits an event and returns the code of its ack, or "ok".
func (p *Person) Ask(event string, argument any) string {
	p.t.Helper()
	return codeOf(p.t, p.ask(event, argument))
}

func codeOf(t testing.TB, ack []byte) string {
	t.Helper()
	var a struct {
		OK    bool
		Error struct{ Code string }
	}
	if err := json.Unmarshal(ack, &a); err != nil || a.OK == (a.Error.Code != "") {
		t.Fatalf("an ack: %s", ack)
	}
	if a.OK {
		return "ok"
	}
	return a.Error.Code
}

// Do emits an event that must go well, and decodes its ack.
func (p *Person) Do(event string, argument, answer any) {
	p.t.Helper()
	ack := p.ask(event, argument)
	if code := codeOf(p.t, ack); code != "ok" {
		p.t.Fatalf("%s: %s: %s", p.Name, event, ack)
	}
	if answer != nil {
		if err := json.Unmarshal(ack, answer); err != nil {
			p.t.Fatalf("%s: %s: %v", event, ack, err)
		}
	}
}

func (p *Person) post(path string, body any) (status int, answer []byte) {
	p.t.Helper()
	return p.request(http.MethodPost, path, p.Token, "application/json", marshal(p.t, body))
}

// request asks a route, with a token if there is one.
func (p *Person) request(method, path, token, kind string, body []byte) (status int, answer []byte) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, p.house.URL+path, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	p.tell(append([]byte(path), body...), answer)
	return res.StatusCode, answer
}

// expired is her token as it is a day after its time is over, and right in everything else.
func (p *Person) expired() string { return p.until(time.Now().Add(-24 * time.Hour)) }

// until is her token, good until then.
func (p *Person) until(end time.Time) string {
	p.t.Helper()
	parts := strings.Split(p.Token, ".")
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims object
	if err == nil {
		err = json.Unmarshal(text, &claims)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	claims["iat"], claims["exp"] = end.Add(-24*time.Hour).Unix(), end.Unix()
	return p.signed(parts[0], claims)
}

func (p *Person) signed(head string, claims object) string {
	signed := head + "." + base64.RawURLEncoding.EncodeToString(marshal(p.t, claims))
	sum := hmac.New(sha256.New, []byte(secret))
	sum.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(sum.Sum(nil))
}
