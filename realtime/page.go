package realtime

import (
	"strconv"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime/rawjson"
)

// written is a reply that appends its members itself, without the braces; there is at least one. Replies full of
// messages do so: those are JSON already, and encoding/json would check and copy each once more.
type written interface {
	// wireSize is nearly what appendMembers appends.
	wireSize() int
	appendMembers(dst []byte) []byte
}

// page is the answer to a question for messages: {messages, more}.
type page struct {
	messages []chat.Message
	more     bool
}

func (p page) wireSize() int { return 32 + messagesSize(p.messages) }

func (p page) appendMembers(b []byte) []byte {
	b = appendMessages(append(b, `"messages":`...), p.messages)
	return strconv.AppendBool(append(b, `,"more":`...), p.more)
}

// foundPage is a page of what a search found, and where to go on: {messages, more, next?}.
type foundPage struct {
	page
	next chat.Place
}

func (p foundPage) wireSize() int { return p.page.wireSize() + nextSize }

func (p foundPage) appendMembers(b []byte) []byte { return appendNext(p.page.appendMembers(b), p.next) }

// nextSize is room for the member next.
const nextSize = 100

// appendNext appends the member next, unless there is nothing to go on to.
func appendNext(b []byte, next chat.Place) []byte {
	if next.IsZero() {
		return b
	}
	return rawjson.AppendString(append(b, `,"next":`...), next.String())
}

func messagesSize(messages []chat.Message) (size int) {
	for i := range messages {
		size += messageSize(&messages[i]) + 1
	}
	return size
}

func appendMessages(b []byte, messages []chat.Message) []byte {
	b = append(b, '[')
	for i := range messages {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendMessage(b, &messages[i], false)
	}
	return append(b, ']')
}
