package app

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/bench/sio"
	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/store/embedded"
)

// post sends JSON to a route, with a token if there is one.
func post(t *testing.T, url, token, body string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// acked emits an event and returns its ack.
func acked(t *testing.T, conn *sio.Conn, id, event string) string {
	t.Helper()
	conn.Write([]byte("42" + id + event))
	for {
		if ack, ok := strings.CutPrefix(hear(t, conn), "3"+id+"["); ok {
			return ack
		}
	}
}

// Ann deletes her account: her socket hears that it is over, her token is dead, and Bob, who counted her as a friend, has
// none, cannot write to her, and owns what was her room.
func TestAnnDeletesHerAccount(t *testing.T) {
	_, url := embed(t)
	ann, token := register(t, url, "ann", "1001")
	bobID, bobs := register(t, url, "bob", "1002")
	post(t, url+"/Addfriends", bobs, `{"userID":"`+ann+`"}`)
	if status, body := listFriends(t, url, bobs); !strings.Contains(body, ann) {
		t.Fatalf("before: %d %s", status, body)
	}
	phone, bob := enter(t, url, token, "phone"), enter(t, url, bobs, "phone")
	if ack := acked(t, phone, "31", `["room:create",{"name":"hers","members":["`+bobID+`"]}]`); !strings.Contains(ack, `"ok":true`) {
		t.Fatalf("her room: %s", ack)
	}
	if status, body := post(t, url+"/deleteAccount", token, `{"password":"secret"}`); status != http.StatusOK {
		t.Fatalf("deleting: %d %s", status, body)
	}
	for packet := hear(t, phone); !strings.HasPrefix(packet, `2["kicked",{"reason":`); packet = hear(t, phone) {
	}
	if status, body := listFriends(t, url, token); status != http.StatusUnauthorized {
		t.Errorf("her token: %d %s", status, body)
	}
	if status, body := listFriends(t, url, bobs); status != http.StatusOK || strings.Contains(body, ann) {
		t.Errorf("Bob's friends: %d %s", status, body)
	}
	if ack := acked(t, bob, "35", `["chat",{"toUserid":"`+ann+`","data":"are you there?"}]`); !strings.Contains(ack, `"code":"not_found"`) {
		t.Errorf("writing to her: %s", ack)
	}
	if ack := acked(t, bob, "36", `["room:list"]`); !strings.Contains(ack, `"owner":"`+bobID+`"`) || strings.Contains(ack, ann) {
		t.Errorf("Bob's rooms: %s", ack)
	}
	if _, again := register(t, url, "ann", "1001"); again == token {
		t.Error("another Ann has her token")
	}
}

// Whoever took an administrator's free name would be one.
func TestAnAdministratorsNameIsNeverFree(t *testing.T) {
	_, url := embed(t, "ADMIN_USERS=ann")
	_, token := register(t, url, "ann", "1001")
	status, body := post(t, url+"/deleteAccount", token, `{"password":"secret"}`)
	if status != http.StatusForbidden || !strings.Contains(body, "ADMIN_USERS") {
		t.Errorf("deleting: %d %s", status, body)
	}
	if status, body := listFriends(t, url, token); status != http.StatusOK {
		t.Errorf("her token: %d %s", status, body)
	}
}

// counted are passwords that cost nothing, and say how many guesses were looked at for a hash.
type counted struct{ looks map[string]int }

func (c *counted) Hash(password string) (string, error) { return "hash of " + password, nil }

func (c *counted) Verify(hash, password string) (ok, stale bool) {
	c.looks[hash]++
	return hash == "hash of "+password, false
}

// plain are tokens that say whose they are.
type plain struct{}

func (plain) Issue(a chat.Account) (string, error) { return string(a.ID), nil }
func (plain) Parse(token string) (chat.Claims, error) {
	return chat.Claims{User: chat.UserID(token)}, nil
}
func (plain) Fits(c chat.Claims, a chat.Account) bool { return true }

// paced are the rules with the limits of a server, and a clock that stands until pass moves it.
func paced(t *testing.T) (s *chat.Accounts, looks *counted, pass func(time.Duration)) {
	t.Helper()
	engine, err := embedded.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	at := time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	looks = &counted{looks: make(map[string]int)}
	return &chat.Accounts{
		Store: engine, Passwords: looks, Tokens: plain{}, Limits: accountLimits(true, now), Now: now,
		Log: slog.New(slog.DiscardHandler),
	}, looks, func(d time.Duration) { at = at.Add(d) }
}

func annRegisters(t *testing.T, s *chat.Accounts) chat.Account {
	t.Helper()
	ann, _, err := s.Register(t.Context(), chat.Registration{
		Username: "ann", Password: "secret", Email: "ann@example.org", Address: "192.0.2.1",
	})
	if err != nil {
		t.Fatal(err)
	}
	return ann
}

// Mallory has ten thousand addresses, and guesses from each of them at Ann's password, by name and by email in turns,
// ten guesses a second. A handful are looked at. Then she gives up, and the lock opens by itself.
func TestTenThousandGuessesAtAPassword(t *testing.T) {
	s, looks, pass := paced(t)
	ann := annRegisters(t, s)
	const guesses, each = 10_000, 100 * time.Millisecond
	for i := range guesses {
		pass(each)
		address := fmt.Sprintf("198.18.%d.%d", i/256, i%256)
		var err error
		if i%2 == 0 {
			_, _, err = s.Login(t.Context(), "ann", fmt.Sprint("guess ", i), address)
		} else {
			_, _, err = s.LoginByEmail(t.Context(), "Ann@example.org", fmt.Sprint("guess ", i), address)
		}
		if code := chat.CodeOf(err); code != chat.Unauthenticated && code != chat.TooMany {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	// Ten at once, then one each 30 s.
	if got, most := looks.looks[ann.Password], 10+int(guesses*each/(30*time.Second))+1; got > most || got < 10 {
		t.Errorf("%d guesses were looked at, want 10 to %d", got, most)
	}
	pass(time.Minute)
	if _, _, err := s.Login(t.Context(), "ann", "secret", "192.0.2.1"); err != nil {
		t.Errorf("Ann, a minute after the last guess: %v", err)
	}
	if _, _, err := s.LoginByEmail(t.Context(), "ann@example.org", "secret", "192.0.2.1"); err != nil {
		t.Errorf("Ann by email: %v", err)
	}
}

// From one address, ten thousand accounts are tried with one password each.
func TestOneAddressTriesTenThousandAccounts(t *testing.T) {
	s, looks, pass := paced(t)
	for i := range 10_000 {
		pass(10 * time.Millisecond)
		_, _, err := s.Login(t.Context(), fmt.Sprint("user ", i), "123456", "198.18.0.1")
		if code := chat.CodeOf(err); code != chat.Unauthenticated && code != chat.TooMany {
			t.Fatalf("account %d: %v", i, err)
		}
	}
	if got := looks.looks[""]; got < 100 || got > 100+100+1 { // and one a second, for 100 s
		t.Errorf("%d tries were looked at, want 100 to 201", got)
	}
	pass(2 * time.Second)
	_, _, err := s.Login(t.Context(), "ann", "123456", "198.18.0.1")
	if chat.CodeOf(err) != chat.Unauthenticated {
		t.Errorf("afterwards: %v", err)
	}
}

// A thousand registrations from one address: thirty, then one each 10 s. Other addresses do not notice.
func TestAThousandRegistrationsFromOneAddress(t *testing.T) {
	s, _, pass := paced(t)
	made := 0
	for i := range 1000 {
		pass(100 * time.Millisecond)
		_, _, err := s.Register(t.Context(), chat.Registration{
			Username: fmt.Sprint("user ", i), Password: "secret", Address: "198.18.0.1",
		})
		switch chat.CodeOf(err) {
		case "":
			made++
		case chat.TooMany:
			if chat.AsError(err).RetryAfter <= 0 {
				t.Fatal("it does not say when to come back")
			}
		default:
			t.Fatalf("registration %d: %v", i, err)
		}
	}
	if made < 30 || made > 30+10+1 {
		t.Errorf("%d accounts were made, want 30 to 41", made)
	}
	annRegisters(t, s)
}

// One user asks for ten thousand phone numbers.
func TestTenThousandPhoneNumbers(t *testing.T) {
	s, _, pass := paced(t)
	ann := annRegisters(t, s)
	asked := 0
	for i := range 10_000 {
		pass(10 * time.Millisecond)
		_, err := s.Search(t.Context(), ann.ID, fmt.Sprint(13_800_000_000+i))
		switch chat.CodeOf(err) {
		case chat.NotFound:
			asked++
		case chat.TooMany:
		default:
			t.Fatalf("search %d: %v", i, err)
		}
	}
	if asked < 60 || asked > 60+10+1 {
		t.Errorf("%d searches were answered, want 60 to 71", asked)
	}
}
