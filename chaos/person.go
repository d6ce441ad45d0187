package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/parley-chat/parley/bench/sio"
)

// person is a user with devices, who writes to her contacts.
type person struct {
	name, id, token string
	contacts        []*person
	devices         []*device
}

// converse names the conversation of two users.
func converse(a, b string) string { return min(a, b) + "|" + max(a, b) }

// register makes an account, past the network.
func register(ctx context.Context, url string, i int) (*person, error) {
	p := &person{name: fmt.Sprintf("p%d", i)}
	body := fmt.Sprintf(`{"username":"%s","password":"secret","email":"%s@example.com","phoneNum":"%d"}`, p.name, p.name, 1000+i)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/toregister", bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var answer struct {
		Message, Token string
		UserInfo       struct{ UserID string }
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Token == "" {
		return nil, fmt.Errorf("/toregister answered %d: %s", res.StatusCode, answer.Message)
	}
	p.id, p.token = answer.UserInfo.UserID, answer.Token
	return p, nil
}

// historian asks past the network, when all is quiet.
type historian struct{ sio.Asker }

func newHistorian(ctx context.Context, url string, p *person) (*historian, error) {
	conn, err := sio.Open(ctx, url)
	if err != nil {
		return nil, err
	}
	conn.SetReadDeadline(time.Now().Add(askWait))
	if _, err := conn.Connect(map[string]string{"token": p.token}); err != nil {
		conn.Close()
		return nil, err
	}
	return &historian{sio.Asker{Conn: conn, Wait: askWait}}, nil
}

const askWait = 60 * time.Second // for one answer; FerretDB may take seconds

// all reads a conversation from its beginning, page by page.
func (h *historian) all(conv string) ([]message, error) {
	var messages []message
	for {
		var page struct {
			Messages []message
			More     bool
		}
		after := uint64(0)
		if n := len(messages); n > 0 {
			after = messages[n-1].Seq
		}
		if err := h.Ask("message:since", map[string]any{"conv": conv, "after": after, "limit": 200}, &page); err != nil {
			return nil, err
		}
		messages = append(messages, page.Messages...)
		if !page.More || len(page.Messages) == 0 {
			return messages, nil
		}
	}
}

// recall reads the history of all conversations.
func (r *run) recall(ctx context.Context) (history, error) {
	h := make(history)
	for _, p := range r.people {
		if err := r.recallFor(ctx, p, h); err != nil {
			return nil, fmt.Errorf("history: %w", err)
		}
	}
	return h, nil
}

// question asks everybody's marks and has everybody sync. It must be the last, for a mark may move until all is heard.
func (r *run) question(ctx context.Context, h history) error {
	for _, p := range r.people {
		asker, err := newHistorian(ctx, *r.house.url.Load(), p)
		if err == nil {
			err = r.askMarks(asker, p)
			if err == nil {
				err = r.syncAll(asker, p, h)
			}
			asker.Conn.Close()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *run) recallFor(ctx context.Context, p *person, h history) error {
	asker, err := newHistorian(ctx, *r.house.url.Load(), p)
	if err != nil {
		return err
	}
	defer asker.Conn.Close()
	for _, contact := range p.contacts {
		conv := converse(p.id, contact.id)
		if _, known := h[conv]; known {
			continue
		}
		if h[conv], err = asker.all(conv); err != nil {
			return err
		}
	}
	return nil
}
