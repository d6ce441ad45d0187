package chat

import "context"

// MaxMentions bounds those whom one message mentions by name.
const MaxMentions = 50

// mentionMark is the newest message of a room that mentions a user. Under a room's id in the user's place it is the
// newest that mentions everyone there, so that 5,000 members cost one cursor. A crash may lose the marks of the last half
// second, so they are asked only about what a sync does not read: see Syncs.
const mentionMark DeviceID = "\x00mention"

// mentions tells whether a stored message calls this user.
func (m *Message) mentions(user UserID) bool {
	if m.MentionsAll {
		return true
	}
	for _, called := range m.Mentions {
		if called == user {
			return true
		}
	}
	return false
}

// noteMentions moves the marks of those whom a stored message mentions.
func (c *Cursors) noteMentions(m *Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting > maxCursors {
		return
	}
	for _, user := range m.Mentions {
		c.advance(user, mentionMark, m.Conv, m.Seq)
	}
	if m.MentionsAll {
		c.advance(UserID(m.Room), mentionMark, m.Conv, m.Seq)
	}
}

// mentioned returns the number of the newest message of a room that mentions a user, by name or with everyone; 0 for none.
func (c *Cursors) mentioned(ctx context.Context, user UserID, room RoomID) (newest uint64, err error) {
	conv := RoomConv(room)
	marks := []Cursor{{User: user, Device: mentionMark, Conv: conv}, {User: UserID(room), Device: mentionMark, Conv: conv}}
	c.mu.Lock() // what waits is read first, see Load
	for _, m := range marks {
		key := deviceKey{m.User, m.Device}
		newest = max(newest, c.writing[key][conv], c.pending[key][conv])
	}
	c.mu.Unlock()
	at, err := c.store.CursorsAt(ctx, marks)
	if err != nil {
		return 0, err
	}
	return max(newest, at[0], at[1]), nil
}
