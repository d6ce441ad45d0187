package main

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-chat/parley/app"
	"github.com/parley-chat/parley/bench/sio"
)

const answerWait = 30 * time.Second

// open runs Parley with /rooms, as main does, on an address of the test's.
func open(t *testing.T) (url string) {
	t.Helper()
	dir := t.TempDir()
	cfg, err := app.Load(func(name string) string {
		return map[string]string{"DATA_DIR": dir + "/data", "TMP_DIR": dir + "/tmp"}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	parley, err := app.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	register(parley.Sockets())
	web := httptest.NewServer(parley.Handler())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), answerWait)
		defer cancel()
		if err := parley.Close(ctx); err != nil {
			t.Error(err)
		}
		web.Close()
	})
	return web.URL
}

// person is a client of /rooms.
type person struct {
	t    *testing.T
	conn *sio.Conn
}

func connect(t *testing.T, url, auth string) *person {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), answerWait)
	defer cancel()
	conn, err := sio.Open(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(answerWait))
	p := &person{t, conn}
	p.says("0/rooms," + auth)
	return p
}

func (p *person) says(packet string, attachments ...string) {
	p.t.Helper()
	p.conn.Write([]byte("4" + packet))
	for _, a := range attachments {
		p.conn.WriteFrame(ws.OpBinary, []byte(a))
	}
	if err := p.conn.Flush(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *person) hears(start string, attachments ...string) {
	p.t.Helper()
	packet, err := p.conn.Read()
	if err != nil || !strings.HasPrefix(string(packet), start) {
		p.t.Fatalf("%q, %v; not %q", packet, err, start)
	}
	for _, want := range attachments {
		if op, data, err := p.conn.ReadFrame(); err != nil || op != ws.OpBinary || string(data) != want {
			p.t.Fatalf("%q, %v; not the bytes %q", data, err, want)
		}
	}
}

// Ann and Bob meet in the kitchen, talk, draw and part. Carl stays outside.
func TestRooms(t *testing.T) {
	url := open(t)
	connect(t, url, "").hears(`4/rooms,{"data":null,"message":"connect with {auth: {name}}"}`)
	ann, bob, carl := connect(t, url, `{"name":"Ann"}`), connect(t, url, `{"name":"Bob"}`), connect(t, url, `{"name":"Carl"}`)
	for _, p := range []*person{ann, bob, carl} {
		p.hears(`0/rooms,{"sid":`)
	}
	ann.says(`2/rooms,1["join","kitchen"]`)
	ann.hears(`3/rooms,1[{"ok":true,"people":1}]`)
	bob.says(`2/rooms,1["join","kitchen"]`)
	bob.hears(`3/rooms,1[{"ok":true,"people":2}]`)
	ann.hears(`2/rooms,["joined",{"room":"kitchen","name":"Bob"}]`)

	ann.says(`2/rooms,2["say","kitchen","hello, Bob"]`)
	ann.hears(`2/rooms,["said",{"room":"kitchen","name":"Ann"},"hello, Bob"]`)
	ann.hears(`3/rooms,2[{"ok":true}]`)
	bob.hears(`2/rooms,["said",{"room":"kitchen","name":"Ann"},"hello, Bob"]`)

	bob.says(`51-/rooms,2["draw","kitchen",{"_placeholder":true,"num":0}]`, "a cat")
	bob.hears(`3/rooms,2[{"ok":true}]`)
	ann.hears(`51-/rooms,["drawn",{"room":"kitchen","name":"Bob"},{"_placeholder":true,"num":0}]`, "a cat")

	for packet, answer := range map[string]string{
		`2/rooms,3["say","kitchen","let me in"]`:   errOutside.Error(),
		`2/rooms,3["draw","kitchen","no bytes"]`:   errOutside.Error(),
		`2/rooms,3["leave","kitchen"]`:             errOutside.Error(),
		`2/rooms,3["join"]`:                        errRoom.Error(),
		`2/rooms,3["join",{"room":"the kitchen"}]`: errRoom.Error(),
	} {
		carl.says(packet)
		carl.hears(`3/rooms,3[{"error":"` + answer)
	}
	bob.says(`2/rooms,4["say","kitchen",1]`)
	bob.hears(`3/rooms,4[{"error":"` + errText.Error())
	bob.says(`2/rooms,5["draw","kitchen","a cat"]`)
	bob.hears(`3/rooms,5[{"error":"` + errDrawing.Error())

	bob.says(`2/rooms,6["leave","kitchen"]`)
	bob.hears(`3/rooms,6[{"ok":true}]`)
	ann.hears(`2/rooms,["left",{"room":"kitchen","name":"Bob"}]`)
	bob.says(`2/rooms,7["join","kitchen"]`)
	bob.hears(`3/rooms,7[{"ok":true,"people":2}]`)
	ann.hears(`2/rooms,["joined",`)
	bob.conn.Close()
	ann.hears(`2/rooms,["left",{"room":"kitchen","name":"Bob"}]`)

	// The chat is where it always was, on the same connection.
	ann.says("0")
	ann.hears(`0{"sid":"`)
	ann.says(`21["login"]`)
	ann.hears(`2["unauthorized",{"code":"unauthenticated"`)
}
