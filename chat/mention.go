package chat

import (
	"context"
	"slices"
)

// MaxMentions bounds those whom one message mentions by name.
const MaxMentions = 50

// mentionMark is the newest message of a room that mentions a user. Under a room's id in the user's place it is the
// newest that mentions everyone there, so that 5,000 members cost one cursor. A crash may lose the marks of the last half
// second, so they are asked only about what a sync does not read: see Syncs.
const mentionMark DeviceID = "\x00mention"

// mentions tells whether a stored message calls this user.
func (m *Message) mentions(user UserID) bool {
	return m.MentionsAll || slices.Contains(m.Mentions, user)
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

// settleMentions leaves in a draft for a room, of those whom it mentions, the other members, each once.
//
// Errors: Forbidden for everyone, unless the sender is the owner or an admin; NotFound, Unavailable.
func (d *Draft) settleMentions(ctx context.Context, rooms *Rooms) error {
	if d.Room == "" {
		d.Mentions, d.MentionsAll = nil, false
		return nil
	}
	var role Role
	var called []UserID // d.Mentions is the caller's
	err := rooms.rosters.ask(ctx, d.Room, func(e *rosterEntry) {
		role, called = e.now.Role(d.Sender), nil
		for _, user := range d.Mentions {
			if e.now.Role(user) != "" && user != d.Sender && !slices.Contains(called, user) {
				called = append(called, user)
			}
		}
	})
	if err == nil && d.MentionsAll && role.rank() < RoleAdmin.rank() {
		err = Errorf(Forbidden, "mentions: only the owner and admins mention all")
	}
	d.Mentions = called
	return err
}

// olderMention looks for a mention below what was counted of a room's unread messages. It finds the newest that was ever
// noted, unless that one is gone: one that stands behind a recalled one is not found.
func (s *Syncs) olderMention(ctx context.Context, user UserID, c *ConvState, read, counted uint64) error {
	if c.Room == "" || c.Mention != 0 {
		return nil
	}
	seq, err := s.cursors.mentioned(ctx, user, c.Room)
	if err != nil || seq <= read || seq >= counted {
		return err
	}
	there, err := s.store.Since(ctx, c.Conv, seq-1, 1)
	if err == nil && len(there) > 0 && there[0].Seq == seq && there[0].mentions(user) {
		c.Mention = seq
	}
	return err
}
