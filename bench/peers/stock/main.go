// Command stock is the relay on github.com/zishang520/socket.io/v2 as it comes, transport and dispatch included:
// everything in memory, nothing stored, nobody checked. It is what Parley would cost and lose if it stood on it.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io/v2/socket"
)

func main() {
	options := socket.DefaultServerOptions()
	options.SetTransports(types.NewSet("polling", "websocket"))
	io := socket.NewServer(nil, nil)
	r := &relay{users: make(map[string]*socket.Socket), numbers: make(map[string]int)}
	// Listeners are registered by middlewares: the connection event runs in a goroutine of its own, beside the answer to
	// the client, whose first event may then find nobody.
	io.Use(func(client *socket.Socket, next func(*socket.ExtendedError)) {
		r.chat(client)
		next(nil)
	})
	rooms := io.Of("/bench", nil)
	rooms.Use(func(client *socket.Socket, next func(*socket.ExtendedError)) {
		inRooms(rooms, client)
		next(nil)
	})

	mux := http.NewServeMux()
	mux.Handle("/socket.io/", io.ServeHandler(options))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		fmt.Printf("listening on http://%s\n", listener.Addr())
		err = http.Serve(listener, mux)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

type relay struct {
	mu      sync.Mutex
	users   map[string]*socket.Socket // by user id
	numbers map[string]int            // of a conversation's last message
}

func (r *relay) of(user string) *socket.Socket {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.users[user]
}

func (r *relay) next(conv string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.numbers[conv]++
	return r.numbers[conv]
}

// chat plays the events of the chat. A client's user is kept as its socket's data.
func (r *relay) chat(client *socket.Socket) {
	client.On("login", func(args ...any) {
		me := text(args, "userid")
		client.SetData(me)
		r.mu.Lock()
		r.users[me] = client
		r.mu.Unlock()
		client.Emit("login", map[string]any{"message": "登录成功", "id": client.Id(), "userId": me, "device": text(args, "device")})
		answer(args, map[string]any{"ok": true})
	})
	client.On("chat", func(args ...any) {
		me, to, at := user(client), text(args, "toUserid"), time.Now().UnixMilli()
		conv := between(me, to)
		seq := r.next(conv)
		id := fmt.Sprintf("%s/%d", conv, seq)
		if receiver := r.of(to); receiver != nil {
			receiver.Emit("newMessage", map[string]any{
				"f_id": me, "time": at, "message": text(args, "message"), "id": id, "conv": conv, "seq": seq, "at": at, "type": "text", "to": to,
			})
		}
		answer(args, map[string]any{"ok": true, "id": id, "conv": conv, "seq": seq, "at": at})
	})
	client.On("typing", func(args ...any) {
		me, to := user(client), text(args, "to")
		if receiver := r.of(to); receiver != nil {
			receiver.Emit("typing", map[string]any{"user": me, "conv": between(me, to), "on": field(args, "on")})
		}
		answer(args, map[string]any{"ok": true})
	})
	client.On("disconnect", func(...any) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if me := user(client); r.users[me] == client {
			delete(r.users, me)
		}
	})
}

func inRooms(rooms socket.Namespace, client *socket.Socket) {
	client.On("join", func(args ...any) {
		room, _ := args[0].(string)
		client.Join(socket.Room(room))
		answer(args, map[string]any{"ok": true})
	})
	client.On("say", func(args ...any) {
		room, _ := args[0].(string)
		rooms.To(socket.Room(room)).Emit("said", args[1])
		answer(args, map[string]any{"ok": true})
	})
}

func user(client *socket.Socket) string {
	me, _ := client.Data().(string)
	return me
}

func between(a, b string) string { return min(a, b) + "|" + max(a, b) }

// field is one of an event's first argument.
func field(args []any, name string) any {
	object, _ := args[0].(map[string]any)
	return object[name]
}

func text(args []any, name string) string {
	value, _ := field(args, name).(string)
	return value
}

// answer sends the ack if one was asked for.
func answer(args []any, reply map[string]any) {
	if ack, asked := args[len(args)-1].(socket.Ack); asked {
		ack([]any{reply}, nil)
	}
}
