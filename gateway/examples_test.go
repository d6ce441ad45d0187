package gateway_test

import (
	"strconv"
	"testing"

	"github.com/parley-chat/parley/docs"
)

// What the door answers and tells fits what docs/asyncapi.yaml says of it, refusals too.
func TestTheFramesOfAsyncAPI(t *testing.T) {
	d, err := docs.AsyncAPI()
	if err != nil {
		t.Fatal(err)
	}
	h := open(t)
	annsAccount, bobsAccount := h.join("ann"), h.join("bob")
	seen := make(map[string]bool)
	fits := func(id uint16, body any) {
		t.Helper()
		name := strconv.Itoa(int(id))
		seen[name] = true
		if err := d.Check(body, "channels", "gateway", "messages", name, "payload"); err != nil {
			t.Errorf("%s: %v: %v", name, body, err)
		}
	}
	plays := func(c *client, id uint16, body object, reply uint16) object {
		t.Helper()
		sent := make(object) // as JSON has it
		for name, value := range body {
			if number, ok := value.(uint64); ok {
				value = float64(number)
			}
			sent[name] = value
		}
		fits(id, sent)
		answer := c.Ask(id, body, reply)
		fits(reply, answer)
		return answer
	}
	hears := func(c *client, id uint16) object {
		t.Helper()
		body := c.Hears(id)
		fits(id, body)
		return body
	}

	ann, bob := h.dial(), h.dial()
	ann.Send(1007, object{"uid": "bob"})
	fits(1008, ann.Hears(1008)) // log in first
	plays(ann, 1005, object{"uid": annsAccount.uid, "token": annsAccount.token}, 1006)
	plays(bob, 1005, object{"uid": bobsAccount.uid, "token": bobsAccount.token}, 1006)
	plays(ann, 1023, object{}, 1024)
	plays(ann, 1007, object{"uid": "bob"}, 1008)
	ann.Send(1009, object{"touid": annsAccount.uid})
	fits(1010, ann.Hears(1010)) // not oneself
	plays(ann, 1009, object{"touid": bobsAccount.uid, "applyname": "It is Ann"}, 1010)
	hears(bob, 1011)
	plays(bob, 1013, object{"touid": annsAccount.uid, "back": "Annie"}, 1014)
	hears(ann, 1015)
	plays(ann, 1027, object{"other_id": bobsAccount.uid}, 1028)
	plays(ann, 1017, object{
		"thread_id": bobsAccount.uid, "text_array": []any{object{"content": "see you at the 河 tomorrow", "unique_id": "1"}},
	}, 1018)
	hears(bob, 1019)
	plays(ann, 1101, object{"other_member": []any{float64(bobsAccount.uid)}, "group_name": "choir"}, 1102)
	hears(bob, 1120)
	plays(bob, 1025, object{"thread_id": 0.0}, 1026)
	plays(bob, 1029, object{"thread_id": annsAccount.uid, "message_id": 0.0}, 1030)
	h.enter(bobsAccount)
	hears(bob, 1021)
	for _, id := range d.Names("channels", "gateway", "messages") {
		if !seen[id] {
			t.Errorf("nobody plays %s", id)
		}
	}
}
