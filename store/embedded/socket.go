package embedded

import (
	"context"
	"time"

	"github.com/parley-chat/parley/chat"
)

// socket is the value of a socket. Its user and id are in the key.
type socket struct {
	Device chat.DeviceID `json:"device"`
	Node   chat.NodeID   `json:"node"`
	Since  time.Time     `json:"since"`
}

// PutSocket implements chat.SocketStore.
func (s *Store) PutSocket(ctx context.Context, sock chat.Socket) error {
	k, err := key(kindSocket, sock.User)
	if err != nil {
		return err
	}
	return s.update(ctx, func(c *change) error {
		c.mayLose = true
		return c.put(append(k, sock.ID...), socket{Device: sock.Device, Node: sock.Node, Since: sock.Since})
	})
}

// DeleteSocket implements chat.SocketStore.
func (s *Store) DeleteSocket(ctx context.Context, user chat.UserID, id chat.SocketID) error {
	k, err := key(kindSocket, user)
	if err != nil {
		return err
	}
	return s.update(ctx, func(c *change) error {
		c.mayLose = true
		return broken(c.Delete(append(k, id...), nil))
	})
}

// Sockets implements chat.SocketStore.
func (s *Store) Sockets(ctx context.Context, users []chat.UserID, now time.Time) ([]chat.Socket, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	var sockets []chat.Socket
	for _, user := range users {
		k, err := key(kindSocket, user)
		if err != nil {
			return nil, err
		}
		err = s.each(k, func(rest, value []byte) error {
			var v socket
			if err := unpack(value, &v); err != nil {
				return err
			}
			var until time.Time
			if _, err := s.load(named(kindNode, string(v.Node)), &until); err != nil || !until.After(now) {
				return err
			}
			sockets = append(sockets, chat.Socket{
				ID: chat.SocketID(rest), User: user, Device: v.Device, Node: v.Node, Since: v.Since,
			})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return sockets, nil
}

// Beat implements chat.SocketStore.
func (s *Store) Beat(ctx context.Context, node chat.NodeID, until time.Time) error {
	return s.update(ctx, func(c *change) error {
		c.mayLose = true
		return c.put(named(kindNode, string(node)), until)
	})
}

// SweepSockets implements chat.SocketStore. It reads through all sockets only when a node died.
func (s *Store) SweepSockets(ctx context.Context, now time.Time) (removed int, err error) {
	err = s.update(ctx, func(c *change) error {
		c.mayLose = true
		dead := make(map[chat.NodeID]bool)
		err := s.each([]byte{kindNode}, func(node, value []byte) error {
			var until time.Time
			if err := unpack(value, &until); err != nil || until.After(now) {
				return err
			}
			dead[chat.NodeID(node)] = true
			return broken(c.Delete(named(kindNode, string(node)), nil))
		})
		if err != nil || len(dead) == 0 {
			return err
		}
		return s.each([]byte{kindSocket}, func(rest, value []byte) error {
			var v socket
			if err := unpack(value, &v); err != nil || !dead[v.Node] {
				return err
			}
			removed++
			return broken(c.Delete(named(kindSocket, string(rest)), nil))
		})
	})
	return removed, err
}
