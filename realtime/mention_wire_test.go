package realtime

import (
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime/socketio"
)

// What a client may write for mentions, and what others hear of it.
func TestMentionsOnTheWire(t *testing.T) {
	ann, bob := string(benchAnn), string(benchBob)
	many := "[" + strings.Repeat(`"`+bob+`",`, chat.MaxMentions) + `"all"`
	for _, c := range []struct {
		mentions string
		code     chat.Code
		users    []chat.UserID
		all      bool
		heard    string
	}{
		{mentions: `null`},
		{mentions: `[]`},
		{mentions: `"all"`, all: true, heard: `,"mentions":["all"]`},
		{mentions: `["all"]`, all: true, heard: `,"mentions":["all"]`},
		{mentions: `["` + bob + `"]`, users: []chat.UserID{benchBob}, heard: `,"mentions":["` + bob + `"]`},
		{mentions: `"` + bob + `"`, users: []chat.UserID{benchBob}, heard: `,"mentions":["` + bob + `"]`},
		{
			mentions: `[ "` + bob + `" , "all", "` + ann + `"]`, users: []chat.UserID{benchBob, benchAnn}, all: true,
			heard: `,"mentions":["all","` + bob + `","` + ann + `"]`,
		},
		{mentions: many + `]`, users: slices.Repeat([]chat.UserID{benchBob}, chat.MaxMentions), all: true},
		{mentions: many + `,"` + ann + `"]`, code: chat.Invalid},
		{mentions: `[1]`, code: chat.Invalid},
		{mentions: `[null]`, code: chat.Invalid},
		{mentions: `true`, code: chat.Invalid},
		{mentions: `{"all":true}`, code: chat.Invalid},
	} {
		args := `{"room":"65f0000000000000000000aa","message":"hello","mentions":` + c.mentions + `}`
		d, err := readChat(&socketio.Event{Name: "chat", Args: [][]byte{[]byte(args)}}, benchAnn)
		if chat.CodeOf(err) != c.code {
			t.Errorf("%s: error %v, want code %q", c.mentions, err, c.code)
			continue
		}
		if err != nil {
			continue
		}
		if !slices.Equal(d.Mentions, c.users) || d.MentionsAll != c.all {
			t.Errorf("%s is read as %v, all %v", c.mentions, d.Mentions, d.MentionsAll)
		}
		m := &chat.Message{Mentions: d.Mentions, MentionsAll: d.MentionsAll}
		if heard := string(appendMentions(nil, m)); c.heard != "" && heard != c.heard || len(d.Mentions) == 0 && !d.MentionsAll && heard != "" {
			t.Errorf("%s is heard as %s, want %s", c.mentions, heard, c.heard)
		}
	}
}
