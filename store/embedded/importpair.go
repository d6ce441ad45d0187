package embedded

import "github.com/parley-chat/parley/chat"

// What stands between two users, on its way into the engine.

func (i *importer) friend(f *chat.Friendship) error {
	k, err := pairKey(kindFriend, f.Owner, f.Friend)
	if err != nil {
		return err
	}
	return i.fresh(friendshipValue(f), k)
}

func (i *importer) block(b *chat.Block) error {
	k, err := pairKey(kindBlock, b.Owner, b.Other)
	if err != nil {
		return err
	}
	return i.fresh(b.At, k)
}

func (i *importer) request(r *chat.FriendRequest) error {
	keys, err := requestKeys(r.From, r.To)
	if err != nil {
		return err
	}
	return i.fresh(request{r.Note, r.At}, keys[:]...)
}

// fresh stores a value under all of its keys, unless it is there.
func (i *importer) fresh(value any, keys ...[]byte) error {
	if _, known, err := i.get(keys[0]); err != nil || known {
		return err
	}
	i.added++
	for _, k := range keys {
		if err := putJSON(i.Batch, k, value); err != nil {
			return err
		}
	}
	return nil
}
