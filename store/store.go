// Package store opens the engine that a URL names.
package store

import (
	"context"
	"log/slog"
	"strings"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/store/embedded"
	"github.com/parley-chat/parley/store/mongo"
)

// Open opens an engine: MongoDB for a URL that begins with mongodb:// or mongodb+srv://, else the embedded engine, for
// which url is a folder.
//
// Errors: those of mongo.Open and embedded.Open, with messages for whoever starts the server.
func Open(ctx context.Context, url string, log *slog.Logger) (chat.Store, error) {
	if strings.HasPrefix(url, "mongodb://") || strings.HasPrefix(url, "mongodb+srv://") {
		return orNil(mongo.Open(ctx, url, log))
	}
	return orNil(embedded.Open(ctx, url, log))
}

// orNil keeps a nil pointer out of the interface.
func orNil[S chat.Store](s S, err error) (chat.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
