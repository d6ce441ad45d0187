package app

import (
	"net/http"
	"strings"
	"testing"
)

// Where friends are asked first and only friends may write: Ann asks by the old front end's route, Bob hears it at his
// socket and says yes, and then she may write to him. When she deletes her account he is told.
func TestFriendsAreAskedAndMayWrite(t *testing.T) {
	_, url := embed(t, "FRIENDS=ask", "DIRECT_CHAT=friends")
	ann, anns := register(t, url, "ann", "1001")
	bob, bobs := register(t, url, "bob", "1002")
	atAnns, atBobs := enter(t, url, anns, "phone"), enter(t, url, bobs, "phone")
	write := func(ack, want string) {
		t.Helper()
		atAnns.Write([]byte(`42` + ack + `["chat",{"toUserid":"` + bob + `","message":"hello"}]`))
		packet := hear(t, atAnns)
		for !strings.HasPrefix(packet, "3"+ack+"[") {
			packet = hear(t, atAnns)
		}
		if !strings.Contains(packet, want) {
			t.Errorf("Ann writes: %s, want %s", packet, want)
		}
	}
	write("5", `"code":"forbidden"`)
	if status, body := post(t, url+"/Addfriends", anns, `{"userID":"`+bob+`"}`); status != http.StatusOK || !strings.Contains(body, "好友申请已发送") {
		t.Errorf("Ann asks: %d %s", status, body)
	}
	await(t, atBobs, `2["friend:asked",{"user":"`+ann+`","name":"ann"`)
	atBobs.Write([]byte(`426["friend:answer",{"user":"` + ann + `","accept":true}]`))
	await(t, atBobs, `36[{"ok":true}]`)
	await(t, atAnns, `2["friend:answered",{"user":"`+bob+`","name":"bob","accepted":true`)
	write("7", `"ok":true`)
	await(t, atBobs, `2["newMessage",`)

	if status, body := post(t, url+"/deleteAccount", anns, `{"password":"secret"}`); status != http.StatusOK {
		t.Fatalf("deleting: %d %s", status, body)
	}
	await(t, atBobs, `2["friend:removed",{"user":"`+ann+`"}]`)
	atBobs.Write([]byte(`428["chat",{"toUserid":"` + ann + `","message":"where are you?"}]`))
	for packet := hear(t, atBobs); ; packet = hear(t, atBobs) {
		if strings.HasPrefix(packet, "38[") {
			if !strings.Contains(packet, `"code":"not_found"`) {
				t.Errorf("Bob writes: %s", packet)
			}
			break
		}
	}
}
