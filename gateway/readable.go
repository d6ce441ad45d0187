package gateway

import (
	"context"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/parley-chat/parley/chat"
)

// readable is what a client that knows text alone shows of a message: of what other doors send as JSON, its texts and
// links; of what the system says, a sentence. It is at most maxContent long, as JSON.
func (d *Server) readable(ctx context.Context, m *chat.Message) (string, error) {
	switch {
	case m.State == chat.Recalled:
		return "[消息已撤回]", nil
	case m.State == chat.Expired:
		return "[消息已过期]", nil
	case m.Type == systemType:
		return d.sentence(ctx, m)
	}
	var body any
	if json.Unmarshal(m.Body, &body) != nil {
		return "", nil // no engine has such a message
	}
	text := textOf(body)
	if text == "" { // nothing that anybody could read
		text = string(m.Body)
	}
	return cut(text), nil
}

// textOf makes text of JSON. An object with a link is a file: its kind, its name, and where it is.
func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		parts := make([]string, 0, len(v))
		for _, one := range v {
			if text := textOf(one); text != "" {
				parts = append(parts, text)
			}
		}
		return strings.Join(parts, " ")
	case map[string]any:
		if url, _ := v["url"].(string); url != "" {
			name, _ := v["name"].(string)
			kind, _ := v["mime"].(string)
			return strings.Join(present(label(kind), name, url), " ")
		}
		var parts []string
		for _, name := range []string{"text", "content", "message", "data", "files", "file", "image"} {
			if text := textOf(v[name]); text != "" {
				parts = append(parts, text)
			}
		}
		return strings.Join(parts, " ")
	}
	return ""
}

// present returns those of texts that are not empty.
func present(texts ...string) (some []string) {
	for _, text := range texts {
		if text != "" {
			some = append(some, text)
		}
	}
	return some
}

// label says what a file is, by its media type.
func label(mime string) string {
	kind, _, _ := strings.Cut(mime, "/")
	switch kind {
	case "image":
		return "[图片]"
	case "audio":
		return "[语音]"
	case "video":
		return "[视频]"
	default:
		return "[文件]"
	}
}

// systemType is the type of what the server itself says in a room.
const systemType = "system"

// happening is the body of a message of the system.
type happening struct {
	What  chat.RoomWhat `json:"what"`
	Users []chat.UserID `json:"users"`
	Name  string        `json:"name"`
	Role  chat.Role     `json:"role"`
	Text  string        `json:"text"`
}

// happened reads a message of the system. What it does not know happened is nothing.
func happened(m *chat.Message) (h happening) {
	_ = json.Unmarshal(m.Body, &h)
	return h
}

// shownNames is how many users a sentence names.
const shownNames = 10

// sentence says what happened in a room.
func (d *Server) sentence(ctx context.Context, m *chat.Message) (string, error) {
	h := happened(m)
	by, err := d.person(ctx, m.Sender)
	if err != nil {
		return "", err
	}
	people, err := d.persons(ctx, h.Users[:min(len(h.Users), shownNames)])
	if err != nil {
		return "", err
	}
	names := make([]string, len(people))
	for i, p := range people {
		names[i] = p.name
	}
	users := strings.Join(present(names...), "、")
	if len(h.Users) > shownNames {
		users += "等"
	}
	return cut(h.say(by.name, users)), nil
}

func (h *happening) say(by, users string) string {
	switch h.What {
	case chat.RoomCreated:
		if users == "" {
			return by + " 创建了群聊"
		}
		return by + " 创建了群聊，成员：" + users
	case chat.RoomInvited:
		return by + " 邀请 " + users + " 加入群聊"
	case chat.RoomJoined:
		return by + " 加入了群聊"
	case chat.RoomLeft:
		return by + " 退出了群聊"
	case chat.RoomKicked:
		return by + " 将 " + users + " 移出群聊"
	case chat.RoomRenamed:
		return by + " 将群名改为 " + h.Name
	case chat.RoomRole:
		if h.Role == chat.RoleAdmin {
			return by + " 将 " + users + " 设为管理员"
		}
		return by + " 取消了 " + users + " 的管理员"
	case chat.RoomOwner:
		return users + " 成为群主"
	case chat.RoomMuted:
		if users == "" {
			return by + " 开启了全员禁言"
		}
		return by + " 将 " + users + " 禁言"
	case chat.RoomUnmuted:
		if users == "" {
			return by + " 解除了全员禁言"
		}
		return by + " 解除了 " + users + " 的禁言"
	case chat.RoomAnnounced:
		if h.Text == "" {
			return by + " 撤下了群公告"
		}
		return by + " 发布了群公告：" + h.Text
	case chat.RoomHistory:
		return by + " 修改了历史消息的可见范围"
	case chat.RoomDissolved:
		return by + " 解散了群聊"
	default:
		return "[系统消息]"
	}
}

// cut shortens a text that would not fit into a frame, at a character.
func cut(text string) string {
	if len(text) <= maxContent/6 || sizeOf(text)-1 <= maxContent { // a sixth fits however it is escaped
		return text
	}
	const end = "…"
	left := maxContent - len(end) - len(`""`)
	for i, r := range text {
		size := utf8.RuneLen(r)
		if r < ' ' || r == '"' || r == '\\' || r == '\u2028' || r == '\u2029' || r == utf8.RuneError {
			size = len(`\u0000`)
		}
		if left -= size; left < 0 {
			return text[:i] + end
		}
	}
	return text
}
