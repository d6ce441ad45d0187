package app

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/parley-chat/parley/bench/sio"
)

// listFriends asks a route of HTTP and returns the status.
func listFriends(t *testing.T, url, token string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, url+"/friendList", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
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

// enter connects, logs in as a device and returns when that is answered.
func enter(t *testing.T, url, token, device string) *sio.Conn {
	t.Helper()
	conn := dial(t, url)
	if _, err := conn.Connect(map[string]string{"token": token, "device": device}); err != nil {
		t.Fatal(err)
	}
	conn.Write([]byte(`421["login"]`))
	for packet := hear(t, conn); !strings.HasPrefix(packet, `31[{"ok":true`); packet = hear(t, conn) {
	}
	return conn
}

// Ann kicks her phone: its token is dead for HTTP at once, the laptop's is not. Over a restart of the server the dead
// one stays dead.
func TestKickedTokenIsDeadForHTTP(t *testing.T) {
	settings := []string{"DATA_DIR=" + t.TempDir(), "TMP_DIR=" + t.TempDir()}
	first, url := embed(t, settings...)
	_, laptop := register(t, url, "ann", "1001")
	res, err := http.Post(url+"/login", "application/json", strings.NewReader(`{"username":"ann","password":"secret"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var phone struct{ Token string }
	if err := json.NewDecoder(res.Body).Decode(&phone); err != nil {
		t.Fatal(err)
	}
	lost, kept := enter(t, url, phone.Token, "phone"), enter(t, url, laptop, "laptop")
	if status, body := listFriends(t, url, phone.Token); status != http.StatusOK {
		t.Fatalf("before: %d %s", status, body)
	}
	kept.Write([]byte(`422["device:kick",{"device":"phone"}]`))
	for packet := hear(t, kept); packet != `32[{"ok":true}]`; packet = hear(t, kept) {
	}
	for packet := hear(t, lost); !strings.HasPrefix(packet, `2["kicked",{"reason":`); packet = hear(t, lost) {
	}
	check := func(url string) {
		t.Helper()
		if status, body := listFriends(t, url, phone.Token); status != http.StatusUnauthorized || !strings.Contains(body, `"message":"Token失效"`) {
			t.Errorf("the phone's token: %d %s", status, body)
		}
		if status, body := listFriends(t, url, laptop); status != http.StatusOK {
			t.Errorf("the laptop's token: %d %s", status, body)
		}
	}
	check(url)
	ctx, cancel := context.WithTimeout(context.Background(), answerWait)
	defer cancel()
	if err := first.Close(ctx); err != nil {
		t.Fatal(err)
	}
	_, again := embed(t, settings...)
	check(again)
}
