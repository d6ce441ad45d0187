package realtime

import (
	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime/rawjson"
)

// everyone is how a message mentions all of its room, beside or instead of users' ids.
const everyone = "all"

// readMentions reads the field `mentions` of `chat`: an array of user ids and "all", or "all" alone. Who is not a user
// the rule drops.
func readMentions(value []byte) (users []chat.UserID, all bool, err error) {
	if len(value) == 0 || string(value) == "null" {
		return nil, false, nil
	}
	ids := [][]byte{value}
	if value[0] == '[' {
		if ids, err = rawjson.Elements(value, make([][]byte, 0, chat.MaxMentions+1)); err != nil {
			return nil, false, chat.Errorf(chat.Invalid, "mentions: at most %d users, and all", chat.MaxMentions)
		}
	}
	for _, raw := range ids {
		id, ok := rawjson.String(raw)
		switch {
		case !ok:
			return nil, false, chat.Errorf(chat.Invalid, "mentions: user ids, or all")
		case id == everyone:
			all = true
		default:
			users = append(users, chat.UserID(id))
		}
	}
	return users, all, nil
}

// appendMentions appends the member mentions, if the message has any.
func appendMentions(b []byte, m *chat.Message) []byte {
	if len(m.Mentions) == 0 && !m.MentionsAll {
		return b
	}
	b = append(b, `,"mentions":[`...)
	if m.MentionsAll {
		b = append(b, `"`+everyone+`",`...)
	}
	for _, user := range m.Mentions {
		b = append(append(append(b, '"'), user...), `",`...)
	}
	b[len(b)-1] = ']'
	return b
}
