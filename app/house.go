package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/parley-chat/parley/auth"
	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/media"
	"github.com/parley-chat/parley/realtime"
	"github.com/parley-chat/parley/realtime/extension"
	"github.com/parley-chat/parley/routes"
	"github.com/parley-chat/parley/store"
	"github.com/parley-chat/parley/words"
)

// Server is the whole of Parley, in the command parley or inside another program. It is made by New and ended by Close,
// or by Run or Serve, which close it themselves.
type Server struct {
	cfg       Config
	log       *slog.Logger
	store     chat.Store
	accounts  *chat.Accounts
	messages  *chat.Messages
	door      *realtime.Server
	doors     doors             // all that hold connections, door among them
	extension *extension.Server // nil when there is no namespace but the chat's
	handler   http.Handler

	control    *control
	debug      *debugDoor
	background sync.WaitGroup
	stop       context.CancelFunc // ends what runs in the background

	closing  sync.Once
	closeErr error
}

// New opens Parley for a program that embeds it: the engine, the rules and the doors. Nothing listens yet but what has
// a port of its own: TCP_PORT, DEBUG_ADDR. ctx bounds the opening alone. The log is slog.Default.
//
//	cfg, err := app.Load(os.Getenv)
//	...
//	parley, err := app.New(ctx, cfg)
//	...
//	parley.Sockets().Of("/rooms", nil).On("connection", ...)
//	err = parley.Run(ctx)
func New(ctx context.Context, cfg Config) (*Server, error) {
	return open(ctx, cfg, slog.Default(), true)
}

// Sockets returns the server of github.com/zishang520/socket.io/v2, on which the program registers namespaces of its
// own before it calls Run or serves Handler. The namespace "/" is the chat's. Package extension says what is otherwise
// than on the library's own transport.
func (s *Server) Sockets() *extension.Sockets { return s.extension.Sockets() }

// Handler returns everything that is served: the routes, and Socket.IO at /socket.io/. A program that has an
// http.Server of its own serves it there, and calls Close before, or beside, its Shutdown: polls that wait are requests
// too, and end by Close.
func (s *Server) Handler() http.Handler { return s.handler }

// Close stores and delivers what was taken, tells every client, and closes the engine, until ctx ends. The error says
// what did not end in time. A second call returns what the first one did.
func (s *Server) Close(ctx context.Context) error { return s.close(ctx, nil) }

// roomReload is how long another process's changes of rooms may go unseen: with MongoDB there may be several.
const roomReload = 30 * time.Second

// open builds the house from the cellar up; embedded says that a program may add namespaces. What it opened is closed again when a later part fails.
func open(ctx context.Context, cfg Config, log *slog.Logger, embedded bool) (s *Server, err error) {
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("DATA_DIR: %w", err)
	}
	secret := []byte(cfg.JWTSecret)
	if len(secret) == 0 {
		if secret, err = auth.LoadSecret(cfg.DataDir); err != nil {
			return nil, err
		}
	}
	passwords, err := auth.NewPasswords(cfg.BcryptCost)
	if err != nil {
		return nil, fmt.Errorf("BCRYPT_COST: %w", err)
	}
	pictures, err := media.Open(filepath.Join(cfg.DataDir, "img"), cfg.TmpDir, log)
	if err != nil {
		return nil, err
	}
	bodies, err := media.OpenFiles(filepath.Join(cfg.DataDir, "files"), pictures)
	if err != nil {
		return nil, err
	}
	engine, err := store.Open(ctx, enginePlace(cfg), log)
	if err != nil {
		return nil, err
	}
	s = &Server{cfg: cfg, log: log, store: engine}

	now := time.Now
	s.accounts = &chat.Accounts{
		Store: engine, Passwords: passwords, Tokens: auth.NewTokens(secret, now),
		Limits: accountLimits(cfg.RateLimits, now), Now: now, Log: log, DemandCode: cfg.RegisterCode,
	}
	var post *auth.Post
	if s.accounts.Codes, post, err = newCodes(cfg, secret, engine, now, log); err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	cursors := chat.NewCursors(engine, log)
	registry := &chat.Registry{Store: engine, Node: chat.NodeID(chat.RandomID(9)), Now: now, Log: log}
	presence := chat.NewPresence(chat.PresenceConfig{
		Friends: engine, Devices: engine, Sockets: engine, Node: registry.Node, Grace: cfg.PresenceGrace, Now: now, Log: log,
	})
	s.messages = chat.NewMessages(engine, engine, now)
	s.messages.Files, s.messages.Cursors = engine, cursors
	rooms := chat.RoomsConfig{
		Store: engine, Messages: engine, Accounts: engine, Say: s.messages.System, Here: presence.Here,
		Blocks: engine.Blocks, Now: now, Log: log,
	}
	if cfg.FriendsOnly {
		rooms.Befriended = engine.Befriended
	}
	if cfg.MongoURI != "" {
		rooms.Reload = roomReload
	}
	s.messages.Rooms = chat.NewRooms(rooms)
	files := &chat.Files{
		Store: engine, Bodies: bodies, Most: int64(cfg.MaxUpload), Quota: int64(cfg.UploadQuota), Types: cfg.UploadTypes,
		Keep: cfg.UploadKeep, Now: now, Log: log,
	}
	friends := &chat.Friends{
		Store: engine, Accounts: engine, Now: now, AskFirst: cfg.AskFriends, FriendsOnly: cfg.FriendsOnly, Presence: presence,
		Changed: s.messages.Forget, Asks: askLimit(cfg.RateLimits, now),
	}
	s.messages.Gate = friends.MayWrite
	s.messages.LogTo(log)
	s.messages.ChangeTime, s.messages.RoomBacklog = cfg.ChangeTime, cfg.RoomBacklog
	err = s.extend(embedded, now)
	if err == nil {
		err = registry.Start(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	events, bytes := socketLimits(cfg.RateLimits)
	door := realtime.Config{
		Accounts: s.accounts, Messages: s.messages, Cursors: cursors,
		Rooms:    s.messages.Rooms,
		Receipts: &chat.Receipts{Messages: engine, Cursors: cursors, Rooms: s.messages.Rooms}, Syncs: chat.NewSyncs(engine, cursors),
		Registry: registry, Presence: presence, Friends: friends,
		Files: files, PublicURL: strings.TrimRight(cfg.PublicURL, "/"),
		Devices: &chat.Devices{
			Store: engine, Accounts: engine, Sockets: engine, Cursors: cursors, Now: now, One: cfg.OneDevice,
		},
		Searches: chat.NewSearches(s.messages, engine, words.New(), now),
		Trust:    cfg.Trust, Events: events, Bytes: bytes, Now: now, Log: log,
		Transport: cfg.Transport,
	}
	door.Handshakes, door.Connections = connectionLimits(cfg, now)
	if s.extension != nil {
		door.Transport.Extension = s.extension
	}
	s.door = realtime.New(door)
	plain := openPlain(door)
	s.doors = doors{s.door, plain}
	tcp, err := openTCP(cfg, door, engine)
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	if tcp.server != nil {
		s.doors = append(s.doors, tcp.server)
	}
	avatars := &chat.Pictures{Files: pictures, Accounts: engine, Log: log}
	door.Syncs.Rooms = s.messages.Rooms
	s.messages.Rooms.Tell(those[chat.RoomAudience](s.doors)...)
	s.accounts.Revoked = s.doors.Revoke
	s.accounts.Leavers = []chat.Leaver{friends, s.messages, s.messages.Rooms, door.Devices, avatars}
	s.accounts.Stays = staysAdministrator(cfg.Admins)
	door.Devices.End = s.doors.Evict
	friends.Tell = those[chat.FriendAudience](s.doors)
	cursors.Moved = s.door.Moved
	s.handler = routes.New(routes.Config{
		Accounts: s.accounts,
		Codes:    s.accounts.Codes,
		Friends:  friends,
		Pictures: avatars,
		Files:    pictures, Uploads: files, Bodies: bodies, Ready: engine.Ping, Socket: s.door, Plain: plain,
		Gateway:   tcp.config(cfg, registry.Node, s.doors.Connections),
		PublicURL: cfg.PublicURL, Origins: cfg.Origins, TrustedProxies: cfg.TrustedProxies, Log: log,
	})
	if cfg.Trust {
		log.Warn("SOCKET_AUTH=trust: any client that can connect can log in as anyone")
	}

	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.background.Go(func() { cursors.Run(background) })
	s.background.Go(func() { registry.Run(background) })
	s.background.Go(func() { presence.Run(background, s.door) })
	retention := &chat.Retention{Store: engine, Keep: cfg.Retention, Now: now, Log: log}
	s.background.Go(func() { retention.Run(background) })
	s.background.Go(func() { files.Run(background) })
	s.background.Go(func() { s.messages.Rooms.Run(background) })
	s.background.Go(func() { s.accounts.Codes.Run(background) })
	s.background.Go(func() { post.Run(background) })
	s.messages.Start(those[chat.Door](s.doors)...)
	tcp.serve(&s.background, log)
	if cfg.MongoURI == "" {
		w := &worker{cfg: cfg, store: engine, log: log, now: now}
		if s.control, err = startControl(cfg.DataDir, w, log); err != nil {
			log.Warn("no control socket: parley export and its like wait until this server is stopped", "error", err)
		}
	}
	if s.debug, err = startDebug(cfg.Debug, &sources{server: s, started: now(), now: now}, log); err != nil {
		return nil, errors.Join(err, s.closeWithin(ctx, nil))
	}
	return s, nil
}

// extend makes what carries other namespaces than the chat's; nothing when there are none.
func (s *Server) extend(embedded bool, now func() time.Time) (err error) {
	if !embedded && len(s.cfg.Admins) == 0 {
		return nil
	}
	// A program's own handlers may look at the first request. /admin does not.
	s.extension, err = extension.New(extension.Config{Log: s.log, KeepRequests: embedded})
	if err == nil && len(s.cfg.Admins) > 0 {
		from := &sources{server: s, started: now(), now: now}
		s.extension.ServeAdmin(extension.AdminConfig{Allowed: administrators(s.accounts, s.cfg.Admins), Watch: from.watch})
	}
	return err
}

// close takes the house down from the roof: nothing new comes in, what is under way is stored and delivered, clients
// are told, and only then does the engine close. Its error says what did not end in time. web may be nil.
func (s *Server) close(ctx context.Context, web *http.Server) error {
	s.closing.Do(func() {
		s.control.close()
		err := s.messages.Close(ctx)
		s.doors.Shutdown(ctx) // before the listener closes: a poller's next poll fetches its last words
		if s.extension != nil {
			s.extension.Close()
		}
		if web != nil {
			err = errors.Join(err, web.Shutdown(ctx))
		}
		s.stop()
		s.background.Wait()
		s.debug.close() // late: what a shutdown waits for is worth a look
		s.closeErr = errors.Join(err, s.store.Close())
	})
	return s.closeErr
}
