package chat

import (
	"context"
	"log/slog"
	"time"
)

// Socket says where a user can be reached.
type Socket struct {
	ID     SocketID
	User   UserID
	Device DeviceID
	Node   NodeID
	Since  time.Time
}

// SocketStore keeps the mapping from users to sockets. It may lose in a crash what it was told in the last second: the
// sockets died with the node. An engine that serves one node alone may lose all when it closes, for the same reason.
type SocketStore interface {
	// PutSocket stores an entry, or replaces the one of the same user and id.
	PutSocket(ctx context.Context, s Socket) error
	// DeleteSocket removes an entry. A missing one is no error.
	DeleteSocket(ctx context.Context, user UserID, id SocketID) error
	// Sockets lists the sockets of some users on nodes that are alive at now, in no order.
	Sockets(ctx context.Context, users []UserID, now time.Time) ([]Socket, error)
	// Beat says that a node is alive until the given time.
	Beat(ctx context.Context, node NodeID, until time.Time) error
	// SweepSockets removes the nodes that are dead at now and their entries, and says how many entries those were.
	SweepSockets(ctx context.Context, now time.Time) (removed int, err error)
}

// A node says every nodeBeat that it lives; one silent for nodeLife is dead: three beats may be lost.
const (
	nodeBeat = 10 * time.Second
	nodeLife = 4 * nodeBeat
)

// Registry tells the engine, for one node, which users it serves.
type Registry struct {
	Store SocketStore
	Node  NodeID
	Now   func() time.Time
	Log   *slog.Logger
}

// Enter stores a socket of this node.
func (r *Registry) Enter(ctx context.Context, user UserID, device DeviceID, id SocketID) error {
	return r.Store.PutSocket(ctx, Socket{ID: id, User: user, Device: device, Node: r.Node, Since: r.Now()})
}

// Leave removes a socket. It logs a failure and goes on: the entry dies with the node.
func (r *Registry) Leave(ctx context.Context, user UserID, id SocketID) {
	if err := r.Store.DeleteSocket(ctx, user, id); err != nil {
		r.Log.Warn("socket not removed from the registry", "socket", id, "error", err)
	}
}

// Start says that this node lives and removes what dead nodes left.
func (r *Registry) Start(ctx context.Context) error {
	now := r.Now()
	if err := r.Store.Beat(ctx, r.Node, now.Add(nodeLife)); err != nil {
		return err
	}
	_, err := r.Store.SweepSockets(ctx, now)
	return err
}

// Run repeats Start until ctx ends, then declares the node dead and removes its entries.
func (r *Registry) Run(ctx context.Context) {
	tick := time.NewTicker(nodeBeat)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := r.Start(ctx); err != nil && ctx.Err() == nil {
				r.Log.Warn("registry heartbeat failed", "error", err)
			}
		case <-ctx.Done():
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			now := r.Now()
			if err := r.Store.Beat(end, r.Node, now.Add(-time.Second)); err == nil {
				_, err = r.Store.SweepSockets(end, now)
				if err != nil {
					r.Log.Warn("registry not emptied", "error", err)
				}
			}
			return
		}
	}
}
