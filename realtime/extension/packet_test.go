package extension_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io/v2/socket"

	"github.com/parley-chat/parley/realtime/engineio"
	"github.com/parley-chat/parley/realtime/extension"
)

// Malformed packets, two of which end the process of the stock library, end Bob's connection alone. The library hears
// nothing of them, and Ann goes on.
func TestMalformedPacketsNeverReachTheLibrary(t *testing.T) {
	heard := make(chan string, 100)
	h := open(t, engineio.Config{}, func(io *extension.Sockets) {
		onConnect(io, "/rooms", func(s *socket.Socket) {
			s.OnAny(func(args ...any) { heard <- fmt.Sprint(args[0]) })
			s.On("hello", func(...any) { s.Emit("hi") })
		})
	})
	ann := h.join("/rooms")
	for _, bad := range []string{
		"2/rooms,", "2/rooms,[]", "2/rooms,{}", "2/rooms,null", "2/rooms,[null]", "2/rooms,[1]", `2/rooms,["a"`, `2/rooms,["a"]x`,
		`2/rooms,["disconnect"]`, `2/rooms,["connect_error"]`, `2/rooms,["a",1e999]`, `2/rooms,` + strings.Repeat("[", 100_000),
		"3/rooms,", "3/rooms,[]", "3/rooms,1", "3/rooms,1{}", "3/rooms,null", "4/rooms,", `4/rooms,{"message":"x"}`,
		"5/rooms,", "5/rooms,[]", "5-/rooms,[]", `5999-/rooms,["a"]`, `51/rooms,["a"]`, `50-/rooms,[]`, "6/rooms,", "60-/rooms,",
		"0/rooms,", `0/rooms,[]`, `0/rooms,{`, `1/rooms,{}`, "7/rooms,", "2/other,[\"a\"]", "1/other,", "3/other,1[]",
		`2/rooms,99999999999999999999["a"]`,
	} {
		bob := h.join("/rooms")
		bob.says(bad)
		if reason := bob.isClosed(); !strings.Contains(reason, "closed by the server") {
			t.Errorf("%.40q: %s", bad, reason)
		}
	}
	bob := h.join("/rooms")
	bob.says(`51-/rooms,["a",{"_placeholder":true,"num":3}]`)
	bob.attaches([]byte("x"))
	bob.isClosed()

	ann.says(event("/rooms", "hello"))
	ann.hears(event("/rooms", "hi"))
	if first := happens(t, "an event", heard); first != "hello" || len(heard) != 0 {
		t.Errorf("the library heard %q and %d more", first, len(heard))
	}
}

// Acks go both ways, with several arguments and with binary. The parts of a binary packet arrive together.
func TestAcksAndBinaryBothWays(t *testing.T) {
	answers := make(chan []any, 1)
	h := open(t, engineio.Config{}, func(io *extension.Sockets) {
		onConnect(io, "/rooms", func(s *socket.Socket) {
			s.On("echo", func(args ...any) {
				ack := args[len(args)-1].(socket.Ack)
				ack(args[:len(args)-1], nil)
				ack([]any{"twice"}, nil)
			})
			s.On("ask", func(...any) {
				s.Emit("what", []byte("one"), map[string]any{"two": []byte("two")}, func(args []any, err error) { answers <- args })
			})
			s.On("quiet", func(args ...any) { args[0].(socket.Ack)(nil, nil) })
		})
	})
	ann := h.join("/rooms")
	ann.says(`2/rooms,5["echo","a",{"b":[1,null]},true]`)
	ann.hears(`3/rooms,5["a",{"b":[1,null]},true]`)
	ann.says(`2/rooms,6["quiet"]`)
	ann.hears(`3/rooms,6[]`)

	ann.says(`52-/rooms,7["echo",{"_placeholder":true,"num":1},"x",{"deep":{"_placeholder":true,"num":0}}]`)
	ann.attaches([]byte("first"))
	ann.attaches([]byte("second"))
	ann.hears(`62-/rooms,7[{"_placeholder":true,"num":0},"x",{"deep":{"_placeholder":true,"num":1}}]`)
	if a, b := ann.receives(), ann.receives(); string(a) != "second" || string(b) != "first" {
		t.Errorf("%q, %q", a, b)
	}

	ann.says(event("/rooms", "ask"))
	asked := ann.hears("52-/rooms,")
	if a, b := ann.receives(), ann.receives(); string(a) != "one" || string(b) != "two" {
		t.Errorf("%q, %q", a, b)
	}
	var id int
	fmt.Sscanf(asked, "52-/rooms,%d", &id)
	ann.says(fmt.Sprintf(`61-/rooms,%d["well",{"_placeholder":true,"num":0},3]`, id))
	ann.attaches([]byte("bytes"))
	got := happens(t, "the ack", answers)
	if len(got) != 3 || got[0] != "well" || got[2] != 3.0 || !bytes.Equal(got[1].(types.BufferInterface).Bytes(), []byte("bytes")) {
		t.Errorf("%v", got)
	}
	ann.says(fmt.Sprintf(`3/rooms,%d["again"]`, id), "3/rooms,12345[]", `2/rooms,8["quiet"]`)
	ann.hears(`3/rooms,8[]`)
	if len(answers) != 0 {
		t.Error("an ack was heard twice")
	}
}

// While binary packets go to Ann from one side, texts go from another. No text comes between a packet and its parts.
func TestNothingComesBetweenThePartsOfABinaryPacket(t *testing.T) {
	const each = 200
	h := open(t, engineio.Config{}, func(io *extension.Sockets) {
		n := onConnect(io, "/texts", func(*socket.Socket) {})
		onConnect(io, "/rooms", func(s *socket.Socket) {
			s.On("go", func(...any) {
				go func() {
					for range each {
						n.Emit("text")
					}
				}()
				for range each {
					s.Emit("binary", []byte("a"), []byte("b"), []byte("c"))
				}
			})
		})
	})
	ann := h.join("/rooms")
	ann.says("0/texts,")
	ann.hears("0/texts,")
	ann.says(event("/rooms", "go"))
	for texts, binaries := 0, 0; texts+binaries < 2*each; {
		packet := ann.hears("")
		if packet[0] == '2' {
			texts++
			continue
		}
		binaries++
		parts := [][]byte{ann.receives(), ann.receives(), ann.receives()}
		if !slices.EqualFunc(parts, []string{"a", "b", "c"}, func(p []byte, s string) bool { return string(p) == s }) {
			t.Fatalf("%q", parts)
		}
	}
}

// What has no JSON is not sent, where the library would send half a packet; and nothing else is lost with it.
func TestWhatCannotBeEncodedIsNotSent(t *testing.T) {
	h := open(t, engineio.Config{}, func(io *extension.Sockets) {
		onConnect(io, "/rooms", func(s *socket.Socket) {
			s.Emit("channel", make(chan int))
			s.Emit("fine")
		})
	})
	h.join("/rooms").hears(event("/rooms", "fine"))
	if !strings.Contains(h.log.String(), "packet not encoded") {
		t.Error("nothing in the log")
	}
}
