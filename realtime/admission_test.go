package realtime_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/parley-chat/parley/bench/sio"
	"github.com/parley-chat/parley/limit"
	"github.com/parley-chat/parley/realtime"
)

func TestAnAddressHasSoManyConnections(t *testing.T) {
	h := open(t, func(c *realtime.Config) { c.Connections = limit.NewCount(2) })
	ann := h.register("ann")
	first := h.join(ann, "phone")
	h.join(ann, "laptop")
	ctx, cancel := context.WithTimeout(t.Context(), answerWait)
	defer cancel()
	if _, err := sio.Open(ctx, h.url); err == nil {
		t.Error("a third connection was let in")
	}
	answer, err := http.Get(h.url + "/socket.io/?EIO=4&transport=polling")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a third one by polling: %s", answer.Status)
	}
	h.leave(first)
	h.until("there is room again", func() bool {
		conn, err := sio.Open(ctx, h.url)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

func TestHandshakesOfAnAddressArePaced(t *testing.T) {
	now := time.Now()
	h := open(t, func(c *realtime.Config) { c.Handshakes = limit.New(3, time.Minute, func() time.Time { return now }) })
	for range 3 {
		h.connect(user{}, object{})
	}
	answer, err := http.Get(h.url + "/socket.io/?EIO=4&transport=polling")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusTooManyRequests || answer.Header.Get("Retry-After") != "60" {
		t.Errorf("the fourth handshake: %s, Retry-After %q", answer.Status, answer.Header.Get("Retry-After"))
	}
}
