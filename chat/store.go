package chat

import "context"

// Store is what an engine keeps. The rules use its parts; an engine implements all of them, and store/storetest
// holds every engine to the comments on each method.
//
// Every method may be called from many goroutines. Errors are *Error: the code each method names, and Unavailable
// where the engine does not answer. Uniqueness holds under any race.
type Store interface {
	AccountStore
	CodeStore
	FriendStore
	RoomStore
	MessageStore
	FileStore
	CursorStore
	DeviceStore
	SocketStore
	SketchStore
	ArchiveStore
	RetentionStore

	// Ping returns nil when the engine answers.
	Ping(ctx context.Context) error
	// Close makes everything durable and lets go of it. A second Close returns nil.
	Close() error
}
