package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/parley-chat/parley/bench/proc"
	"github.com/parley-chat/parley/bench/sio"
)

const startWait = 30 * time.Second

// peer is one server under test.
type peer struct {
	kind
	dir  string   // for binaries and data; gone after the program's end
	data string   // Parley's DATA_DIR, kept over restarts
	env  []string // further settings, as NAME=value

	process *proc.Process
}

// user is someone who can log in. Only Parley wants a token.
type user struct{ id, token string }

// start builds what is not built yet and starts the server, on the data it had before.
func (p *peer) start() error {
	cmd, err := p.command(p)
	if err != nil {
		return err
	}
	p.process, err = proc.Start(cmd, startWait)
	return err
}

// freeAddress is one that nobody listens at now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func (p *peer) stop() {
	if p.process != nil {
		p.process.Stop(10 * time.Second)
		p.process = nil
	}
}

// users makes n users that can log in.
func (p *peer) users(ctx context.Context, n int) ([]user, error) {
	users := make([]user, n)
	return users, inParallel(n, func(i int) error {
		if !p.accounts {
			users[i] = user{id: fmt.Sprintf("%024x", i)}
			return nil
		}
		var err error
		users[i], err = register(ctx, p.process.URL, i)
		return err
	})
}

func register(ctx context.Context, url string, i int) (user, error) {
	body := fmt.Sprintf(`{"username":"user %d","password":"secret","email":"user%d@example.com","phoneNum":"%d"}`, i, i, 100+i)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/toregister", bytes.NewReader([]byte(body)))
	if err != nil {
		return user{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return user{}, err
	}
	defer res.Body.Close()
	var answer struct {
		Message  string
		Token    string
		UserInfo struct{ UserID string }
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return user{}, err
	}
	if answer.Token == "" {
		return user{}, fmt.Errorf("/toregister answered %d: %s", res.StatusCode, answer.Message)
	}
	return user{answer.UserInfo.UserID, answer.Token}, nil
}

// login connects a user and returns once the server knows her: her ack has come.
func (p *peer) login(ctx context.Context, u user) (*sio.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	conn, err := sio.Open(ctx, p.process.URL)
	if err != nil {
		return nil, err
	}
	if err := handshake(conn, u); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func handshake(conn *sio.Conn, u user) error {
	conn.SetReadDeadline(time.Now().Add(startWait))
	defer conn.SetReadDeadline(time.Time{})
	if _, err := conn.Connect(map[string]string{"token": u.token}); err != nil {
		return err
	}
	conn.Write(fmt.Appendf(nil, `420["login",{"userid":"%s","device":"bench"}]`, u.id))
	if err := conn.Flush(); err != nil {
		return err
	}
	for {
		packet, err := conn.Read()
		if err != nil {
			return err
		}
		if ack, ok := bytes.CutPrefix(packet, []byte("30")); ok {
			if !bytes.Contains(ack, []byte(`"ok":true`)) {
				return fmt.Errorf("login: %s", ack)
			}
			return nil
		}
	}
}
