package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/gateway"
	"github.com/parley-chat/parley/gateway/gatewaytest"
)

// text is one in text_array.
func text(content, unique string) object { return object{"content": content, "unique_id": unique} }

func texts(all ...object) []object { return all }

func TestAnnWritesToBob(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	hers, his := h.enter(ann), h.enter(bob)
	// Who sends is known: what the body says of it is not read.
	o := hers.Ask(1017, object{"fromuid": bob.uid, "touid": bob.uid, "thread_id": bob.uid, "text_array": texts(text("你好 <b>", "u-1"))}, 1018)
	if o["fromuid"] != float64(ann.uid) || o["touid"] != float64(bob.uid) || o["thread_id"] != float64(bob.uid) {
		t.Errorf("Ann's answer: %v", o)
	}
	sent := chats(o, "chat_datas")
	if len(sent) != 1 || sent[0]["message_id"] != 1.0 || sent[0]["unique_id"] != "u-1" || sent[0]["content"] != "你好 <b>" || sent[0]["status"] != 2.0 {
		t.Errorf("Ann sent %v", sent)
	}
	if _, err := time.Parse(time.DateTime, sent[0]["chat_time"].(string)); err != nil {
		t.Error(err)
	}
	o = his.Hears(1019)
	if o["error"] != 0.0 || o["fromuid"] != float64(ann.uid) || o["touid"] != float64(bob.uid) || o["thread_id"] != float64(ann.uid) {
		t.Errorf("Bob heard %v", o)
	}
	heard, old := chats(o, "chat_datas"), chats(o, "text_array")
	if len(heard) != 1 || heard[0]["message_id"] != 1.0 || heard[0]["content"] != "你好 <b>" || heard[0]["unique_id"] != "u-1" {
		t.Errorf("Bob heard %v", heard)
	}
	if len(old) != 1 || old[0]["content"] != "你好 <b>" || old[0]["msgid"] != "u-1" {
		t.Errorf("an older client heard %v", old)
	}
	m := h.stored()[0]
	if m.Sender != ann.id || m.To != bob.id || string(m.Body) != `"你好 <b>"` || m.Type != "text" || m.Ref != "u-1" {
		t.Errorf("stored: %+v", m)
	}
}

// A unique_id that Ann used in another thread is answered with its number there, which says nothing of what she read here.
func TestARepeatOfAnotherThreadMarksNothing(t *testing.T) {
	h := open(t)
	ann, bob, carl := h.join("Ann"), h.join("Bob"), h.join("Carl")
	c := h.enter(ann)
	for i := range 3 {
		c.Ask(1017, object{"touid": bob.uid, "text_array": texts(text("hi", fmt.Sprint(i)))}, 1018)
	}
	o := c.Ask(1017, object{"touid": carl.uid, "text_array": texts(text("hi", "2"))}, 1018)
	if id := chats(o, "chat_datas")[0]["message_id"]; id != 3.0 {
		t.Errorf("answered with %v", id)
	}
	ended, end := context.WithCancel(context.Background())
	end()
	h.cfg.Cursors.Run(ended) // writes what there is
	marks, err := h.cfg.Cursors.Marks(context.Background(), []chat.Member{
		{User: ann.id, Conv: chat.DirectConv(ann.id, bob.id)}, {User: ann.id, Conv: chat.DirectConv(ann.id, carl.id)},
	})
	if err != nil || marks[0].Read != 3 || marks[1].Read != 0 {
		t.Errorf("she has read %v, %v", marks, err)
	}
}

// Ann writes, and deletes her account: her name and number are not told any more, for the name may be another's.
func TestWhoDeletedHerAccountHasNoName(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	hers, his := h.enter(ann), h.enter(bob)
	room, _, err := h.cfg.Rooms.Create(context.Background(), bob.id, "Friends", []chat.UserID{ann.id}, "")
	if err != nil {
		t.Fatal(err)
	}
	his.Hears(1120)
	h.write(chat.Draft{Sender: ann.id, Room: room.ID, Body: []byte(`"farewell"`)})
	his.Hears(1019)
	hers.Hears(1120)
	hers.Hears(1019)
	if err := h.cfg.Accounts.Delete(context.Background(), ann.id, "Ann's password"); err != nil {
		t.Fatal(err)
	}
	hers.Ends(1010)
	list := chats(his.Ask(1029, object{"thread_id": room.Number}, 1030), "chat_datas")
	if last := list[len(list)-1]; last["msg_content"] != "farewell" || last["sender"] != 0.0 {
		t.Errorf("the history: %v", list)
	}
	his.Refused(1027, object{"other_id": ann.uid}, 1028, 1011)
}

func TestARepeatIsStoredOnce(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	hers, his := h.enter(ann), h.enter(bob)
	for range 3 {
		o := hers.Ask(1017, object{"touid": bob.uid, "text_array": texts(object{"content": "hi", "msgid": "m1"})}, 1018)
		if sent := chats(o, "chat_datas"); sent[0]["message_id"] != 1.0 {
			t.Errorf("sent as %v", sent)
		}
	}
	his.Hears(1019)
	his.Ask(1023, object{}, 1024)
	if n := len(h.stored()); n != 1 {
		t.Errorf("%d stored", n)
	}
}

func TestSeveralTextsInOneFrameKeepTheirOrder(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	hers, his := h.enter(ann), h.enter(bob)
	var all []object
	for i := range 64 {
		all = append(all, text(fmt.Sprint(i), fmt.Sprintf("u%d", i)))
	}
	o := hers.Ask(1017, object{"touid": bob.uid, "text_array": all}, 1018)
	for i, sent := range chats(o, "chat_datas") {
		if sent["content"] != fmt.Sprint(i) || sent["message_id"] != float64(i+1) {
			t.Errorf("%d was sent as %v", i, sent)
		}
	}
	for i := range 64 {
		if heard := chats(his.Hears(1019), "chat_datas"); heard[0]["content"] != fmt.Sprint(i) {
			t.Fatalf("Bob heard %v as number %d", heard, i+1)
		}
	}
	hers.Refused(1017, object{"touid": bob.uid, "text_array": append(all, text("65", ""))}, 1018, 1001)
	hers.Refused(1017, object{"touid": bob.uid, "text_array": texts()}, 1018, 1001)
	hers.Refused(1017, object{"touid": bob.uid}, 1018, 1001)
}

func TestABurstArrivesWholeAndInOrder(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	hers, his := h.enter(ann), h.enter(bob)
	const many = 2000
	go func() {
		for i := range many {
			b, _ := json.Marshal(object{"touid": bob.uid, "text_array": texts(text(fmt.Sprint(i), fmt.Sprint(i)))})
			if _, err := hers.Conn.Write(gatewaytest.Frame(1017, uint16(len(b)), string(b))); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	answered := make(chan error, 1)
	go func() {
		for i := range many {
			id, o, err := hers.Next()
			if err != nil || id != 1018 || o["error"] != 0.0 {
				answered <- fmt.Errorf("answer %d: %d %v %v", i, id, o, err)
				return
			}
		}
		answered <- nil
	}()
	for i := range many {
		if heard := chats(his.Hears(1019), "chat_datas"); heard[0]["message_id"] != float64(i+1) || heard[0]["content"] != fmt.Sprint(i) {
			t.Fatalf("Bob heard %v as number %d", heard, i+1)
		}
	}
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
}

func TestATextThatCannotBeSentIsRefused(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	hers, his := h.enter(ann), h.enter(bob)
	hers.Refused(1017, object{"touid": 12345678, "text_array": texts(text("hi", "1"))}, 1018, 1011)
	hers.Refused(1017, object{"thread_id": 1234567890, "text_array": texts(text("hi", "2"))}, 1018, 1011)
	hers.Refused(1017, object{"text_array": texts(text("hi", "3"))}, 1018, 1011)
	hers.Refused(1017, object{"touid": bob.uid, "text_array": texts(text("", "4"))}, 1018, 1001)
	hers.Refused(1017, object{"touid": bob.uid, "text_array": texts(text("hi", strings.Repeat("x", 129)))}, 1018, 1001)
	hers.Refused(1017, object{"touid": bob.uid, "text_array": texts(text(strings.Repeat("x", 15000), "5"))}, 1018, 1001)
	if len(h.stored()) != 0 {
		t.Error("something was stored")
	}
	// Of several, those that can be sent are.
	hers.Send(1017, object{"touid": bob.uid, "text_array": texts(text("one", "6"), text("", "7"), text("two", "8"))})
	o := hers.Hears(1018)
	sent := chats(o, "chat_datas")
	if o["error"] != 1001.0 || len(sent) != 3 || sent[0]["status"] != 2.0 || sent[1]["status"] != 1.0 || sent[1]["message_id"] != 0.0 || sent[2]["message_id"] != 2.0 {
		t.Errorf("Ann's answer: %v", o)
	}
	his.Hears(1019)
	his.Hears(1019)
}

func TestLongTextsAreAnsweredInSeveralFrames(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	hers, his := h.enter(ann), h.enter(bob)
	// Short in the request, longer in the answer: a number, a time and a state come with each.
	var all []object
	for i := range 64 {
		all = append(all, text(strings.Repeat("y", 200), fmt.Sprint(i)))
	}
	hers.Send(1017, object{"touid": bob.uid, "text_array": all})
	answered := 0
	for frames := 0; answered < len(all); frames++ {
		o := hers.Hears(1018)
		answered += len(chats(o, "chat_datas"))
		if o["error"] != 0.0 || o["thread_id"] != float64(bob.uid) {
			t.Fatalf("frame %d: %v", frames, o)
		}
		if frames == 0 && answered == len(all) {
			t.Error("all fitted into one frame")
		}
	}
	for range all {
		his.Hears(1019)
	}
}

func TestTheLongestTextArrivesWhole(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	hers, his := h.enter(ann), h.enter(bob)
	longest := strings.Repeat("界", (14<<10-2)/3)
	hers.Ask(1017, object{"touid": bob.uid, "text_array": texts(text(longest, strings.Repeat("r", 128)))}, 1018)
	if heard := chats(his.Hears(1019), "chat_datas"); heard[0]["content"] != longest {
		t.Error("not what Ann wrote")
	}
	h.write(chat.Draft{Sender: ann.id, To: bob.id, Body: quoted(strings.Repeat("界\"\u0001", 20000))})
	hers.Hears(1019)
	heard := chats(his.Hears(1019), "chat_datas")[0]["content"].(string)
	if !strings.HasSuffix(heard, "…") || !utf8.ValidString(heard) || len(heard) < 4000 {
		t.Errorf("%d bytes, ends with %q", len(heard), heard[max(0, len(heard)-10):])
	}
}

func quoted(s string) []byte {
	b, _ := json.Marshal(s)
	return b
}

func TestWhatOtherDoorsSendIsReadable(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	c := h.enter(bob)
	for body, want := range map[string]string{
		`"plain"`: "plain",
		`{"url":"https://x/files/1/a.png","name":"a.png","mime":"image/png","size":3}`: "[图片] a.png https://x/files/1/a.png",
		`{"url":"/files/1/v","mime":"audio/ogg"}`:                                      "[语音] /files/1/v",
		`{"text":"look","files":[{"url":"/files/1/d.pdf","name":"d.pdf"}]}`:            "look [文件] d.pdf /files/1/d.pdf",
		`["a",{"content":"b"}]`: "a b",
		`{"x":[1,2]}`:           `{"x":[1,2]}`,
		`42`:                    "42",
	} {
		h.write(chat.Draft{Sender: ann.id, To: bob.id, Body: []byte(body)})
		if heard := chats(c.Hears(1019), "chat_datas")[0]["content"]; heard != want {
			t.Errorf("%s: %q, want %q", body, heard, want)
		}
	}
}

func TestAnnsOtherDevicesTellHerSessionWhatSheWrote(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	c := h.enter(ann)
	h.write(chat.Draft{Sender: ann.id, To: bob.id, Body: []byte(`"from my phone"`)})
	o := c.Hears(1019)
	if o["fromuid"] != float64(ann.uid) || o["touid"] != float64(bob.uid) || o["thread_id"] != float64(bob.uid) {
		t.Errorf("Ann heard %v", o)
	}
	c.Ask(1017, object{"touid": ann.uid, "text_array": texts(text("to myself", "1"))}, 1018)
	c.Ask(1023, object{}, 1024) // once is enough
}

func TestFramesOfOneClientAreDoneInOrder(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	c := h.enter(ann)
	c.Ask(1017, object{"touid": bob.uid, "text_array": texts(text("1", "1"))}, 1018)
	o := c.Ask(1029, object{"thread_id": bob.uid, "message_id": 0}, 1030)
	if list := chats(o, "chat_datas"); len(list) != 1 {
		t.Errorf("what is answered as sent is in the history: %v", list)
	}
	if gateway.MaxBody != 16384 {
		t.Error("the contract's bound moved")
	}
}
