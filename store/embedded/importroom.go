package embedded

import "github.com/parley-chat/parley/chat"

// Rooms and who is in them, on their way into the engine.

func (i *importer) room(r *chat.Room) error {
	k, err := roomKey(kindRoom, r.ID)
	if err != nil {
		return err
	}
	var v room
	if known, err := i.load(k, &v); err != nil {
		return err
	} else if known {
		if there := v.of(r.ID); !chat.SameRoom(&there, r) {
			return chat.Errorf(chat.Conflict, "room %s is there already, and is another", r.ID)
		}
		return nil
	}
	for _, unique := range [][]byte{roomNumberKey(r.Number), named(kindOpens, r.Code)} {
		if len(unique) == 1 {
			continue // it has no code
		}
		if err := i.claim(unique, k[1:], "room %s: its number or code is another's", r.ID); err != nil {
			return err
		}
	}
	i.added++
	return putJSON(i.Batch, k, roomValue(r))
}

func (i *importer) member(m *chat.RoomMember) error {
	k, _, err := memberKeys(m.Room, m.User)
	if err != nil {
		return err
	}
	if _, known, err := i.get(k); err != nil || known {
		return err
	}
	i.added++
	return putMember(i.Batch, m)
}
