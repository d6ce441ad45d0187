package realtime

import (
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime/socketio"
)

const (
	benchAnn chat.UserID = "65f000000000000000000001"
	benchBob chat.UserID = "65f000000000000000000002"
)

// BenchmarkReadChat reads what a front end sends with a message.
func BenchmarkReadChat(b *testing.B) {
	e := &socketio.Event{Name: "chat", Args: [][]byte{[]byte(`{"form_id":"` + benchAnn + `","toUserid":"` + benchBob +
		`","message":"good morning, is the kettle on?","time":1714557600000,"ref":"7f1c"}`)}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := readChat(e, benchAnn); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMessageFrame encodes a message for all who are to hear it.
func BenchmarkMessageFrame(b *testing.B) {
	m := &chat.Message{
		Conv: chat.DirectConv(benchAnn, benchBob), Seq: 1234, Sender: benchAnn, To: benchBob, Type: "text", Ref: "7f1c",
		Body: []byte(`"good morning, is the kettle on?"`), At: time.UnixMilli(1714557600000),
	}
	b.ReportAllocs()
	for b.Loop() {
		messageFrame("newMessage", m, false)
	}
}
