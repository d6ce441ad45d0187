package apptest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
)

// Whoever guesses at a password or a code, or registers without end, is stopped, whichever doors she uses.
func TestGuessesEndInALock(t *testing.T) {
	h := Open(t, "RATE_LIMITS=on")
	ann, eve := h.Register("Ann"), h.nobody("Eve")
	guess := func(guesses int, path string, body object, wrong, over func(status int, answer []byte) bool) (looked int) {
		t.Helper()
		locked := 0
		for i := range guesses {
			body["password"], body["passwd"], body["code"], body["varifycode"] = "a guess", "a guess", fmt.Sprintf("%06d", i), fmt.Sprintf("%06d", i)
			switch status, answer := eve.post(path, body); {
			case over(status, answer):
				locked++
			case wrong(status, answer):
				looked++
			default:
				t.Fatalf("%s: %d %s", path, status, answer)
			}
		}
		if locked < guesses/2 {
			t.Errorf("%s: %d guesses of %d were looked at", path, looked, guesses)
		}
		return looked
	}
	status := func(want int) func(int, []byte) bool { return func(got int, _ []byte) bool { return got == want } }
	number := func(want int) func(int, []byte) bool {
		return func(status int, answer []byte) bool {
			var a struct{ Error int }
			return status == http.StatusOK && json.Unmarshal(answer, &a) == nil && a.Error == want
		}
	}
	// The doors share their locks: what one let in is missing at the next.
	passwords := guess(10_000, "/login", object{"username": ann.Name}, status(407), status(429))
	passwords += guess(1000, "/user_login", object{"email": ann.Email}, number(1009), number(1002))
	passwords += guess(1000, "/account/login", object{"account": ann.Name}, status(401), status(429))
	if passwords > 100 {
		t.Errorf("%d guesses at one password", passwords)
	}
	codes := guess(10_000, "/resetPassword", object{"email": ann.Email}, status(410), status(429))
	codes += guess(1000, "/reset_pwd", object{"email": ann.Email, "user": ann.Name}, number(1003), number(1002))
	if codes > 100 {
		t.Errorf("%d guesses at one code", codes)
	}
	// The right one is refused too while it is locked. Should the lock open between two questions, it is asked again.
	refused := false
	for range 200 {
		wrong, _ := eve.post("/login", object{"username": ann.Name, "password": "a guess"})
		if wrong != http.StatusTooManyRequests {
			continue
		}
		if right, _ := eve.post("/login", object{"username": ann.Name, "password": ann.password}); right == http.StatusTooManyRequests {
			refused = true
			break
		}
	}
	if !refused {
		t.Error("the right password is never refused: there is no lock")
	}
	registered := 0
	for i := range 1000 {
		status, answer := eve.post("/toregister", object{
			"username": fmt.Sprint("eve ", i), "password": "secret", "email": fmt.Sprintf("eve%d@mail.example", i), "phoneNum": fmt.Sprint(6_000_000 + i),
		})
		switch status {
		case http.StatusOK:
			registered++
		case http.StatusTooManyRequests:
		default:
			t.Fatalf("/toregister: %d %s", status, answer)
		}
	}
	if registered < 20 || registered > 100 {
		t.Errorf("%d of 1,000 registrations from one address", registered)
	}
	h.noLeak()
}
