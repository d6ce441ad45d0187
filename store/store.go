// Package store opens the engine that a URL names.
package store

import (
	"context"
	"log/slog"
	"strings"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/store/embedded"
)

// Open opens an engine: MongoDB for a URL that begins with mongodb:// or mongodb+srv://, else the embedded engine, for
// which url is a folder. log may be nil.
//
// Errors: Unavailable, with a message for whoever starts the server.
func Open(ctx context.Context, url string, log *slog.Logger) (chat.Store, error) {
	if strings.HasPrefix(url, "mongodb://") || strings.HasPrefix(url, "mongodb+srv://") {
		return nil, chat.Errorf(chat.Unavailable, "this build has no engine for MongoDB")
	}
	s, err := embedded.Open(ctx, url, log)
	if err != nil {
		return nil, err // not a nil *Store in an interface
	}
	return s, nil
}
