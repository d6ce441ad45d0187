package gateway

import (
	"testing"

	"github.com/parley-chat/parley/chat"
)

func TestWhatHappensInAGroupIsASentence(t *testing.T) {
	for want, h := range map[string]happening{
		"Ann 创建了群聊":             {What: chat.RoomCreated},
		"Ann 邀请 Bob、Carl 加入群聊":  {What: chat.RoomInvited},
		"Ann 加入了群聊":             {What: chat.RoomJoined},
		"Ann 退出了群聊":             {What: chat.RoomLeft},
		"Ann 将 Bob、Carl 移出群聊":   {What: chat.RoomKicked},
		"Ann 将群名改为 Friends":     {What: chat.RoomRenamed, Name: "Friends"},
		"Ann 将 Bob、Carl 设为管理员":  {What: chat.RoomRole, Role: chat.RoleAdmin},
		"Ann 取消了 Bob、Carl 的管理员": {What: chat.RoomRole, Role: chat.RoleMember},
		"Bob、Carl 成为群主":         {What: chat.RoomOwner},
		"Ann 将 Bob、Carl 禁言":     {What: chat.RoomMuted},
		"Ann 解除了 Bob、Carl 的禁言":  {What: chat.RoomUnmuted},
		"Ann 发布了群公告：Hi":         {What: chat.RoomAnnounced, Text: "Hi"},
		"Ann 撤下了群公告":            {What: chat.RoomAnnounced},
		"Ann 修改了历史消息的可见范围":      {What: chat.RoomHistory},
		"Ann 解散了群聊":             {What: chat.RoomDissolved},
		"[系统消息]":                {What: "something new"},
	} {
		users := "Bob、Carl"
		if h.What == chat.RoomCreated {
			users = ""
		}
		if got := h.say("Ann", users); got != want {
			t.Errorf("%s: %q, want %q", h.What, got, want)
		}
	}
	for _, what := range []chat.RoomWhat{chat.RoomMuted, chat.RoomUnmuted} {
		all := happening{What: what}
		if got := all.say("Ann", ""); got == "" || got == all.say("Ann", "Bob") {
			t.Errorf("of all: %q", got)
		}
	}
}
