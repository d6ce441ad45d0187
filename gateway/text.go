package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/uschat"
)

// idText is the notice of a text.
const idText uint16 = 1019

// What becomes of a text, in the words of UsChat: 0 and 2 are unread and read, 1 is failed. Its server calls all that it
// stored read.
const (
	statusFailed = 1
	statusSent   = 2
)

func textRequests() map[uint16]request {
	return map[uint16]request{1017: {reply: 1018, handle: (*session).sendTexts}}
}

const (
	// maxTexts bounds the texts of one frame.
	maxTexts = 64
	// maxContent bounds a text as JSON: what goes around it fits into the frame as well.
	maxContent = 14 << 10
)

// textRequest names the sender (fromuid) and the members of a group (to_member_uids) in the body, and neither is read.
type textRequest struct {
	Thread uschat.Number `json:"thread_id"`
	To     uschat.Number `json:"touid"` // 0 for a group
	Texts  []struct {
		Content uschat.Text `json:"content"`
		Unique  uschat.Text `json:"unique_id"`
		MsgID   uschat.Text `json:"msgid"` // what older clients call it
	} `json:"text_array"`
}

// textAnswer is the answer to texts; where they do not fit into one frame together there are several.
type textAnswer struct {
	answer
	From   uint64     `json:"fromuid"`
	To     uint64     `json:"touid"`
	Thread uint64     `json:"thread_id"`
	Chats  []sentText `json:"chat_datas"`
}

type sentText struct {
	ID      uint64 `json:"message_id"`
	Unique  string `json:"unique_id"`
	Content string `json:"content"`
	Status  int    `json:"status"`
	Time    string `json:"chat_time"`
}

// sending are the texts of one frame on their way. They are answered when the end of each is known.
type sending struct {
	session *session
	request request
	conv    chat.ConvID

	mu    sync.Mutex // guards what follows
	reply textAnswer
	left  int    // texts whose end is not known
	last  uint64 // the highest number that one got
}

// submission is the origin of one text.
type submission struct {
	*sending
	index int
}

// sendTexts sends texts into one thread. A client that repeats a unique_id is answered with the first one's number.
func (s *session) sendTexts(r request, body []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTime)
	defer cancel()
	q, err := decode[textRequest](body)
	var to thread
	switch {
	case err != nil:
	case len(q.Texts) == 0 || len(q.Texts) > maxTexts:
		err = chat.Errorf(chat.Invalid, "text_array: 1 to %d texts", maxTexts)
	case q.To != 0:
		to, err = s.thread(ctx, uint64(q.To))
	default:
		to, err = s.thread(ctx, uint64(q.Thread))
	}
	if err != nil {
		s.refuse(r, err)
		return
	}
	all := &sending{
		session: s, request: r, conv: to.conv, left: len(q.Texts),
		reply: textAnswer{From: s.number, To: to.user.number, Thread: to.number, Chats: make([]sentText, len(q.Texts))},
	}
	for i, t := range q.Texts {
		if t.Unique == "" {
			t.Unique = t.MsgID
		}
		all.reply.Chats[i] = sentText{Unique: string(t.Unique), Content: string(t.Content)}
	}
	for i := range q.Texts {
		select {
		case s.slots <- struct{}{}: // here, and not read, it waits while too many are on their way
		case <-s.over:
			return
		}
		if err := all.submit(to, i); err != nil {
			all.settle(i, nil, chat.AsError(err))
		}
	}
}

// submit sends one text on its way. After nil, Deliver settles it.
func (a *sending) submit(to thread, i int) error {
	t, s := &a.reply.Chats[i], a.session
	body := quote(t.Content)
	if len(body) > maxContent {
		return chat.Errorf(chat.TooLarge, "content: over %d bytes", maxContent)
	}
	return s.door.cfg.Messages.Submit(context.Background(), chat.Draft{
		Sender: s.user, Device: s.device, To: to.user.id, Room: to.room, Ref: t.Unique, Type: "text", Body: body,
	}, submission{a, i})
}

// quote is a text as JSON, without the escapes for web pages.
func quote(text string) []byte {
	var b bytes.Buffer
	writer := json.NewEncoder(&b)
	writer.SetEscapeHTML(false)
	_ = writer.Encode(text)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// settle notes the end of a text, and answers the client when it was the last.
func (a *sending) settle(i int, m *chat.Message, err *chat.Error) {
	s := a.session
	<-s.slots
	a.mu.Lock()
	defer a.mu.Unlock()
	t := &a.reply.Chats[i]
	if err != nil {
		t.Status, t.Time = statusFailed, timeText(s.door.cfg.Now())
		if a.reply.Error == uschat.Success {
			a.reply.answer = answer{uschat.ErrorOf(err.Code), err.Message}
		}
		s.log(a.request, err)
	} else {
		t.ID, t.Status, t.Time = m.Seq, statusSent, timeText(m.At)
		if m.Conv == a.conv { // a repeated unique_id may be of another thread
			a.last = max(a.last, m.Seq)
		}
	}
	if a.left--; a.left > 0 {
		return
	}
	if a.last > 0 { // who writes has read what came before
		s.door.cfg.Cursors.Advance(s.user, s.device, nil, map[chat.ConvID]uint64{a.conv: a.last})
	}
	s.send(a.frames()...)
}

// frames makes the answer, in as many frames as it takes.
func (a *sending) frames() (all [][]byte) {
	part := a.reply
	part.Chats = nil
	room := MaxBody - sizeOf(part)
	left := room
	for _, t := range a.reply.Chats {
		size := sizeOf(t)
		if size > left && len(part.Chats) > 0 {
			all = append(all, encode(a.request.reply, part))
			part.Chats, left = nil, room
		}
		if size > left { // it was refused for that
			t.Content, size = "", sizeOf(sentText{Unique: t.Unique})
		}
		part.Chats, left = append(part.Chats, t), left-size
	}
	return append(all, encode(a.request.reply, part))
}

// timeText is a time as UsChat writes it, in the server's own zone.
func timeText(t time.Time) string { return t.Local().Format(time.DateTime) }
