package routes_test

import (
	"context"
	"testing"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/routes"
)

func TestAnnAddsFriends(t *testing.T) {
	h := open(t)
	ann, bob, carl := h.join("ann"), h.join("bob"), h.join("carl")
	if _, err := h.accounts.SetPicture(context.Background(), chat.UserID(carl.id), "c 1.png"); err != nil {
		t.Fatal(err)
	}
	h.get("/friendList", ann.bearer()...).says(200, `{"message":"暂无好友"}`)

	// The Node server's client posts the whole person that the search gave it.
	h.form("/Addfriends", []string{"userID", bob.id, "userName", "Bobby", "userImg", "x"}, ann.bearer()...).
		says(200, `{"status":"200","message":"添加好友成功!"}`)
	h.json("/addfriends/", `{"userID":"`+carl.id+`","userName":{"$gt":""}}`, ann.bearer()...).
		says(200, `{"status":"200","message":"添加好友成功!"}`)
	h.json("/Addfriends", `{"userID":"`+bob.id+`"}`, ann.bearer()...).says(200, `{"err_code":200,"message":"该好友已存在"}`)

	h.get("/friendList", ann.bearer()...).says(200, `{"message":"获取成功","list":[
		{"userID":"`+bob.id+`","userName":"bob","userImg":""},
		{"userID":"`+carl.id+`","userName":"carl","userImg":"`+h.url+`/mongo/img/c%201.png"}]}`)
	h.get("/friendList", bob.bearer()...).says(200, `{"message":"暂无好友"}`)
}

func TestFriendsThatCannotBe(t *testing.T) {
	h := open(t)
	ann := h.join("ann")
	for _, c := range []struct {
		body   string
		status int
		says   string
	}{
		{`{}`, 400, `{"err_code":400,"message":"userID: missing"}`},
		{`{"userid":"` + ann.id + `"}`, 400, `{"err_code":400,"message":"userID: missing"}`},
		{`{"userID":"../etc"}`, 400, `{"err_code":400,"message":"userID: not a user id"}`},
		{`{"userID":17}`, 400, `{"err_code":400,"message":"userID: not a user id"}`},
		{`{"userID":{"$ne":""}}`, 400, `{"err_code":400,"message":"userID: must be text"}`},
		{`{"userID":"` + ann.id + `"}`, 400, `{"err_code":400,"message":"*"}`},
		{`{"userID":"5e7d00000000000000000000"}`, 404, `{"err_code":404,"message":"*"}`},
	} {
		h.json("/Addfriends", c.body, ann.bearer()...).says(c.status, c.says)
	}
	h.form("/Addfriends", []string{"userID", ann.id, "userID", ann.id}, ann.bearer()...).
		says(400, `{"err_code":400,"message":"userID: given more than once"}`)
}

// Where friends are asked first, the old front end's button asks, and says so in its own words.
func TestAnnAsksFirst(t *testing.T) {
	h := open(t, func(c *routes.Config) { c.Friends.AskFirst = true })
	ann, bob := h.join("ann"), h.join("bob")
	h.json("/Addfriends", `{"userID":"`+bob.id+`"}`, ann.bearer()...).says(200, `{"status":"200","message":"好友申请已发送"}`)
	h.get("/friendList", ann.bearer()...).says(200, `{"message":"暂无好友"}`)
	h.json("/Addfriends", `{"userID":"`+ann.id+`"}`, bob.bearer()...).says(200, `{"status":"200","message":"添加好友成功!"}`)
	h.json("/Addfriends", `{"userID":"`+bob.id+`"}`, ann.bearer()...).says(200, `{"err_code":200,"message":"该好友已存在"}`)
	if err := h.config.Friends.Remark(t.Context(), chat.UserID(ann.id), chat.UserID(bob.id), "小波"); err != nil {
		t.Fatal(err)
	}
	h.get("/friendList", ann.bearer()...).says(200, `{"message":"获取成功","list":[
		{"userID":"`+bob.id+`","userName":"bob","userImg":"","remark":"小波"}]}`)
	h.get("/friendList", bob.bearer()...).says(200, `{"message":"获取成功","list":[
		{"userID":"`+ann.id+`","userName":"ann","userImg":""}]}`)

	if err := h.config.Friends.Block(t.Context(), chat.UserID(ann.id), chat.UserID(bob.id)); err != nil {
		t.Fatal(err)
	}
	h.json("/Addfriends", `{"userID":"`+bob.id+`"}`, ann.bearer()...).says(403, `{"err_code":403,"message":"*"}`)
	h.json("/Addfriends", `{"userID":"`+ann.id+`"}`, bob.bearer()...).says(200, `{"status":"200","message":"好友申请已发送"}`)
}
