package main

import (
	"errors"
	"unicode/utf8"

	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io/v2/socket"
)

// maxText bounds names and what is said, in bytes.
const maxText = 1000

var (
	errRoom    = errors.New("say which room, as text")
	errOutside = errors.New("join the room first")
	errText    = errors.New("say something, at most 1000 bytes of it")
	errDrawing = errors.New("a drawing is bytes")
)

// register adds the namespace /rooms. A client brings {name} as auth, and sends:
//
//	join  room             -> ack {ok, people}; the others hear `joined` {room, name}
//	leave room             -> ack {ok};         the others hear `left` {room, name}
//	say   room, text       -> ack {ok};         everyone hears  `said` {room, name}, text
//	draw  room, bytes      -> ack {ok};         the others hear `drawn` {room, name}, bytes
//
// An ack says {error} when it did not work.
func register(io *socket.Server) {
	rooms := io.Of("/rooms", nil)
	rooms.Use(func(client *socket.Socket, next func(*socket.ExtendedError)) {
		auth, _ := client.Handshake().Auth.(map[string]any)
		name, _ := auth["name"].(string)
		if !isText(name) {
			next(socket.NewExtendedError("connect with {auth: {name}}", nil))
			return
		}
		client.SetData(name)
		next(nil)
	})
	rooms.On("connection", func(args ...any) {
		m := &member{socket: args[0].(*socket.Socket), rooms: rooms}
		m.on("join", m.join)
		m.on("leave", m.leave)
		m.on("say", m.say)
		m.on("draw", m.draw)
		m.socket.On("disconnecting", func(...any) {
			for _, room := range m.socket.Rooms().Keys() {
				m.socket.To(room).Emit("left", m.from(room))
			}
		})
	})
}

// member is one client of /rooms.
type member struct {
	socket *socket.Socket
	rooms  socket.Namespace
}

// note is who does something, and where.
type note struct {
	Room socket.Room `json:"room"`
	Name string      `json:"name"`
}

func (m *member) from(room socket.Room) note {
	name, _ := m.socket.Data().(string)
	return note{room, name}
}

// on hears an event whose first argument is a room, and answers the ack, if the client asks for one.
func (m *member) on(event string, do func(room socket.Room, rest []any) (reply map[string]any, err error)) {
	m.socket.On(event, func(args ...any) {
		ack := func([]any, error) {}
		if n := len(args) - 1; n >= 0 {
			if f, ok := args[n].(socket.Ack); ok {
				ack, args = f, args[:n]
			}
		}
		reply, err := map[string]any(nil), errRoom
		if len(args) > 0 {
			if room, ok := args[0].(string); ok && isText(room) {
				reply, err = do(socket.Room(room), args[1:])
			}
		}
		if err != nil {
			reply = map[string]any{"error": err.Error()}
		}
		ack([]any{reply}, nil)
	})
}

func (m *member) join(room socket.Room, _ []any) (map[string]any, error) {
	m.socket.Join(room)
	m.socket.To(room).Emit("joined", m.from(room))
	people := 0
	var failed error
	m.rooms.In(room).FetchSockets()(func(sockets []*socket.RemoteSocket, err error) { people, failed = len(sockets), err })
	return map[string]any{"ok": true, "people": people}, failed
}

func (m *member) leave(room socket.Room, _ []any) (map[string]any, error) {
	if !m.socket.Rooms().Has(room) {
		return nil, errOutside
	}
	m.socket.Leave(room)
	m.socket.To(room).Emit("left", m.from(room))
	return map[string]any{"ok": true}, nil
}

func (m *member) say(room socket.Room, rest []any) (map[string]any, error) {
	if !m.socket.Rooms().Has(room) {
		return nil, errOutside
	}
	if len(rest) != 1 {
		return nil, errText
	}
	text, ok := rest[0].(string)
	if !ok || !isText(text) {
		return nil, errText
	}
	m.rooms.To(room).Emit("said", m.from(room), text)
	return map[string]any{"ok": true}, nil
}

func (m *member) draw(room socket.Room, rest []any) (map[string]any, error) {
	if !m.socket.Rooms().Has(room) {
		return nil, errOutside
	}
	if len(rest) != 1 {
		return nil, errDrawing
	}
	drawing, ok := rest[0].(types.BufferInterface) // bytes come as buffers, and go out as buffers or []byte
	if !ok {
		return nil, errDrawing
	}
	m.socket.To(room).Emit("drawn", m.from(room), drawing.Bytes())
	return map[string]any{"ok": true}, nil
}

func isText(s string) bool { return s != "" && len(s) <= maxText && utf8.ValidString(s) }
