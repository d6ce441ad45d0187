package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/bench/sio"
)

// answerWait is how long anything may take before a test gives up.
const answerWait = 30 * time.Second

// embed runs a server inside the test.
func embed(t *testing.T, settings ...string) (s *Server, url string) {
	t.Helper()
	dir := t.TempDir()
	cfg, err := Load(environment(append([]string{"DATA_DIR=" + dir + "/data", "TMP_DIR=" + dir + "/tmp", "BCRYPT_COST=4"}, settings...)...))
	if err != nil {
		t.Fatal(err)
	}
	if s, err = New(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), answerWait)
		defer cancel()
		for range 2 {
			if err := s.Close(ctx); err != nil {
				t.Error(err)
			}
		}
		web.Close()
	})
	return s, web.URL
}

// register makes an account and returns its id and token.
func register(t *testing.T, url, name, phone string) (id, token string) {
	t.Helper()
	body := fmt.Sprintf(`{"username":%q,"password":"secret","email":"%s@example.com","phoneNum":%q}`, name, phone, phone)
	res, err := http.Post(url+"/toregister", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		Token    string
		UserInfo struct{ UserID string }
	}
	text, _ := io.ReadAll(res.Body)
	if err := json.Unmarshal(text, &answer); err != nil || answer.Token == "" {
		t.Fatalf("/toregister: %s", text)
	}
	return answer.UserInfo.UserID, answer.Token
}

// dial opens a connection that has joined no namespace.
func dial(t *testing.T, url string) *sio.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), answerWait)
	defer cancel()
	conn, err := sio.Open(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(answerWait))
	return conn
}

// watch asks to be let into /admin and returns the answer.
func watch(t *testing.T, url, token string) (*sio.Conn, string) {
	t.Helper()
	conn := dial(t, url)
	conn.Write(fmt.Appendf(nil, `40/admin,{"token":%q}`, token))
	return conn, hear(t, conn)
}

func hear(t *testing.T, conn *sio.Conn) string {
	t.Helper()
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	packet, err := conn.Read()
	if err != nil {
		t.Fatal(err)
	}
	return string(packet)
}

// Ann is an administrator by name, Bob by id, Carl is none. Dave has taken Bob's id for a name.
func TestAdminIsForAdministrators(t *testing.T) {
	_, first := embed(t)
	if _, answer := watch(t, first, "x"); answer != `4/admin,{"message":"Invalid namespace"}` {
		t.Errorf("without administrators: %s", answer)
	}
	s, url := embed(t, "ADMIN_USERS=ann")
	_, ann := register(t, url, "ann", "1001")
	bobID, bob := register(t, url, "bob", "1002")
	_, carl := register(t, url, "carl", "1003")
	for token, want := range map[string]string{
		ann: `0/admin,{"sid":`, bob: `4/admin,{"data":{"code":"forbidden"`, carl: `4/admin,{"data":{"code":"forbidden"`,
		"": `4/admin,{"data":{"code":"unauthenticated"`, "nonsense": `4/admin,{"data":{"code":"unauthenticated"`,
	} {
		if _, answer := watch(t, url, token); !strings.HasPrefix(answer, want) {
			t.Errorf("%.10q…: %s, not %s", token, answer, want)
		}
	}
	_, dave := register(t, url, bobID, "1004")
	allowed := administrators(s.accounts, []string{bobID})
	for token, want := range map[string]bool{bob: true, dave: false, ann: false} {
		if err := allowed(t.Context(), token); (err == nil) != want {
			t.Errorf("%v, not %v", err, want)
		}
	}
}

// Ann watches while Bob chats: the figures come each second and tell of it. When she has gone, nothing runs on.
func TestAdminSeesFigures(t *testing.T) {
	_, url := embed(t, "ADMIN_USERS=ann")
	_, annToken := register(t, url, "ann", "1001")
	bobID, bobToken := register(t, url, "bob", "1002")
	quiet := runtime.NumGoroutine()
	ann, answer := watch(t, url, annToken)
	if !strings.HasPrefix(answer, "0/admin,") {
		t.Fatal(answer)
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerWait)
	defer cancel()
	bob, err := sio.Open(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer bob.Close()
	bob.SetReadDeadline(time.Now().Add(answerWait))
	if _, err := bob.Connect(map[string]string{"token": bobToken}); err != nil {
		t.Fatal(err)
	}
	for seen := false; !seen; {
		bob.Write(fmt.Appendf(nil, `421["chat",{"form_id":%q,"toUserid":%q,"data":"hi"}]`, bobID, bobID))
		if ack := hear(t, bob); !strings.HasPrefix(ack, `31[{"ok":true`) {
			t.Fatal(ack)
		}
		bob.Write([]byte(`422["login"]`))
		for !strings.HasPrefix(hear(t, bob), "32[") {
		}
		packet := hear(t, ann)
		var f figures
		if err := json.NewDecoder(bytes.NewReader([]byte(strings.TrimSuffix(strings.TrimPrefix(packet, `2/admin,["stats",`), "]")))).Decode(&f); err != nil {
			t.Fatalf("%v: %s", err, packet)
		}
		if f.Connections != 2 || f.Transports["websocket"] != 2 || f.Protocols["4"] != 2 || f.Memory.Heap == 0 || f.Goroutines == 0 {
			t.Errorf("%+v", f)
		}
		seen = f.MessagesPerSecond > 0 && f.EventsPerSecond > f.MessagesPerSecond && f.Commit.BatchSize >= 1 && f.Commit.Latency > 0
	}
	ann.Close()
	bob.Close()
	for deadline := time.Now().Add(answerWait); runtime.NumGoroutine() > quiet; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), quiet)
		}
	}
}
