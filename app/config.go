package app

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/parley-chat/parley/auth"
	"github.com/parley-chat/parley/realtime/socketio"
)

// Config is everything that can be set. Load makes one: an empty environment is a working configuration.
type Config struct {
	Host           string
	Port           int
	TCPPort        *int   // of the door of UsChat's clients; nil for none
	GatewayHost    string // where UsChat's clients are sent; "" for where they asked
	GatewayMasked  bool   // their passwords come masked
	DataDir        string
	TmpDir         string
	MongoURI       string
	Retention      time.Duration // for which messages are kept; 0 for ever
	JWTSecret      string
	PublicURL      string
	Origins        []string
	TrustedProxies []netip.Prefix
	Trust          bool
	Admins         []string // user ids and usernames
	OneDevice      bool
	AskFriends     bool // before they are friends
	FriendsOnly    bool // may write to a user
	PresenceGrace  time.Duration
	RateLimits     bool
	SMTP           auth.Relay    // that codes are mailed by; the zero one to log them
	MailFrom       mail.Address  // whose letters they are
	RegisterCode   bool          // nobody registers without a code
	ChangeTime     time.Duration // in which a message may be edited or recalled; 0 for never
	RoomBacklog    int           // messages of a room that a login sends at most
	BcryptCost     int
	LogLevel       slog.Level
	Debug          netip.AddrPort // of profiles and figures; the zero value for none

	MaxUpload   int           // bytes of one file
	UploadQuota int           // bytes of one user's files
	UploadTypes []string      // that are taken, as "image/*"; none for all
	UploadKeep  time.Duration // before a file that no message names is collected

	ConnectionsPerAddress int             // while RateLimits
	HandshakesPerSecond   int             // of one address, while RateLimits
	Transport             socketio.Config // timers and bounds of the Socket.IO door
}

// setting is one environment variable: --help, the README and the reading of it have this one source.
type setting struct {
	name, fallback, help string
	read                 func(c *Config, value string) error
}

// settings returns the table of all settings, in the order of --help.
func settings() []setting {
	return []setting{
		{"HOST", "", "address to listen on; empty for all", func(c *Config, v string) error {
			c.Host = v
			return nil
		}},
		{"PORT", "3000", "port to listen on; 0 for any free one", func(c *Config, v string) (err error) {
			c.Port, err = number(v, 0, 65535)
			return err
		}},
		{"TCP_PORT", "", "port for UsChat's desktop clients; 0 for any free one; empty for none", func(c *Config, v string) error {
			if v == "" {
				c.TCPPort = nil
				return nil
			}
			port, err := number(v, 0, 65535)
			c.TCPPort = &port
			return err
		}},
		{"GATEWAY_HOST", "", "host that UsChat's clients are told to connect to; empty for PUBLIC_URL's, or where each one asked", func(c *Config, v string) error {
			c.GatewayHost = v
			if strings.ContainsAny(v, "/: ") && net.ParseIP(v) == nil {
				return errors.New("a host name or an IP address, without a port")
			}
			return nil
		}},
		{"GATEWAY_PASSWORDS", "plain", "how UsChat's clients send them: plain, or masked, as its desktop client does", func(c *Config, v string) error {
			c.GatewayMasked = v == "masked"
			return oneOf(v, "plain", "masked")
		}},
		{"DATA_DIR", "./data", "folder of what must last: the embedded engine, pictures, files, the made secret", func(c *Config, v string) error {
			c.DataDir = v
			return nil
		}},
		{"TMP_DIR", "./tmp", "folder of uploads on their way in; safe to empty at any time", func(c *Config, v string) error {
			c.TmpDir = v
			return nil
		}},
		{"MONGO_URI", "", "MongoDB to keep the data in, mongodb://…; empty for the embedded engine", func(c *Config, v string) error {
			if v != "" && !strings.HasPrefix(v, "mongodb://") && !strings.HasPrefix(v, "mongodb+srv://") {
				return errors.New("begins with mongodb:// or mongodb+srv://")
			}
			c.MongoURI = v
			return nil
		}},
		{"RETENTION_DAYS", "0", "days for which messages are kept; 0 for ever", func(c *Config, v string) error {
			days, err := number(v, 0, 36500)
			c.Retention = time.Duration(days) * 24 * time.Hour
			return err
		}},
		{"REDIS_URL", "", "reserved for running several nodes, which this version does not do", func(c *Config, v string) error {
			if v != "" {
				return errors.New("several nodes are not supported yet; leave it empty")
			}
			return nil
		}},
		{"JWT_SECRET", "", "secret that signs tokens, 16 bytes or more; empty for one made once and kept in DATA_DIR", func(c *Config, v string) error {
			c.JWTSecret = v
			if v == "" {
				return nil
			}
			return auth.CheckSecret(v)
		}},
		{"PUBLIC_URL", "", "where clients find this server, for links to pictures and files; empty for where each one asked", func(c *Config, v string) error {
			c.PublicURL = v
			if v == "" {
				return nil
			}
			return webURL(v)
		}},
		{"CORS_ORIGINS", "*", "web pages that may call, as https://host,…; * for any", func(c *Config, v string) error {
			if v == "*" || v == "" {
				return nil
			}
			c.Origins = list(v)
			for _, origin := range c.Origins {
				if err := webURL(origin); err != nil {
					return err
				}
			}
			return nil
		}},
		{"TRUSTED_PROXIES", "", "addresses or networks whose X-Forwarded-For is believed, as 10.0.0.0/8,…", func(c *Config, v string) error {
			for _, item := range list(v) {
				prefix, err := netip.ParsePrefix(item)
				if addr, addrErr := netip.ParseAddr(item); addrErr == nil {
					prefix, err = addr.Prefix(addr.BitLen())
				}
				if err != nil {
					return fmt.Errorf("%q is neither an address nor a network", item)
				}
				c.TrustedProxies = append(c.TrustedProxies, prefix)
			}
			return nil
		}},
		{"SOCKET_AUTH", "required", "required: login needs a token; trust: a bare user id is believed, for front ends of 2020", func(c *Config, v string) error {
			c.Trust = v == "trust"
			return oneOf(v, "required", "trust")
		}},
		{"ADMIN_USERS", "", "administrators, who may watch /admin, by user id or username, as ann,…; they have accounts already", func(c *Config, v string) error {
			c.Admins = list(v)
			return nil
		}},
		{"DEVICES", "many", "that a user may be logged in on: many, or one, where a login ends the others", func(c *Config, v string) error {
			c.OneDevice = v == "one"
			return oneOf(v, "many", "one")
		}},
		{"FRIENDS", "open", "open: POST /Addfriends adds at once, one way; ask: the other is asked first", func(c *Config, v string) error {
			c.AskFriends = v == "ask"
			return oneOf(v, "open", "ask")
		}},
		{"DIRECT_CHAT", "anyone", "who may write to a user: anyone, or friends, whom she counts as such", func(c *Config, v string) error {
			c.FriendsOnly = v == "friends"
			return oneOf(v, "anyone", "friends")
		}},
		duration("PRESENCE_GRACE", "5s", "how long a user who lost her last socket stays online to her friends", func(c *Config) *time.Duration { return &c.PresenceGrace }),
		{"RATE_LIMITS", "on", "on or off", func(c *Config, v string) error {
			c.RateLimits = v == "on"
			return oneOf(v, "on", "off")
		}},
		{"SMTP_URL", "", "mail server for email codes, as smtp://user:password@host:587 or smtps://…; empty to write them to the log", func(c *Config, v string) (err error) {
			if v != "" {
				c.SMTP, err = auth.ParseRelay(v)
			}
			return err
		}},
		{"MAIL_FROM", "", "sender of the mails, as Chat <chat@example.org>; needed with SMTP_URL", func(c *Config, v string) error {
			if v == "" && c.SMTP.IsZero() {
				return nil
			}
			from, err := mail.ParseAddress(v)
			if err != nil {
				return errors.New("an address, as Chat <chat@example.org>")
			}
			c.MailFrom = *from
			return nil
		}},
		{"REGISTER_CODE", "off", "on or off: to register, a code that was sent to the email is demanded", func(c *Config, v string) error {
			c.RegisterCode = v == "on"
			return oneOf(v, "on", "off")
		}},
		{"CHANGE_TIME", "24h", "how long after sending it a message may be edited or recalled; 0 for never", func(c *Config, v string) (err error) {
			c.ChangeTime, err = time.ParseDuration(v)
			if err != nil || c.ChangeTime < 0 {
				return errors.New("a time as 24h or 15m, or 0")
			}
			return nil
		}},
		bound("ROOM_BACKLOG", "200", "newest messages of each room that a login sends at most; the rest is fetched", func(c *Config) *int { return &c.RoomBacklog }),
		{"BCRYPT_COST", "10", "work per password, each step twice the one before", func(c *Config, v string) (err error) {
			c.BcryptCost, err = number(v, bcrypt.MinCost, 20)
			return err
		}},
		{"CONNECTIONS_PER_ADDRESS", "5000", "connections that one address may have, with RATE_LIMITS=on", func(c *Config, v string) (err error) {
			c.ConnectionsPerAddress, err = number(v, 1, 1<<20)
			return err
		}},
		{"HANDSHAKES_PER_SECOND", "200", "new ones of one address, ten times as many at once, with RATE_LIMITS=on", func(c *Config, v string) (err error) {
			c.HandshakesPerSecond, err = number(v, 1, 1<<20)
			return err
		}},
		duration("PING_INTERVAL", "25s", "between two heartbeats", func(c *Config) *time.Duration { return &c.Transport.Engine.PingInterval }),
		duration("PING_TIMEOUT", "20s", "for the answer to a heartbeat", func(c *Config) *time.Duration { return &c.Transport.Engine.PingTimeout }),
		duration("UPGRADE_TIMEOUT", "10s", "for the upgrade from polling to a WebSocket", func(c *Config) *time.Duration { return &c.Transport.Engine.UpgradeTimeout }),
		duration("CONNECT_TIMEOUT", "45s", "for a client to join its first namespace", func(c *Config) *time.Duration { return &c.Transport.ConnectTimeout }),
		duration("WRITE_TIMEOUT", "20s", "for a client to take something of what is sent to it", func(c *Config) *time.Duration { return &c.Transport.Engine.WriteTimeout }),
		bound("MAX_PAYLOAD", "1000000", "bytes of one WebSocket message or polling body", func(c *Config) *int { return &c.Transport.Engine.MaxPayload }),
		bound("MAX_QUEUED_BYTES", "8388608", "that wait for one client; one over it is closed", func(c *Config) *int { return &c.Transport.Engine.MaxQueued }),
		bound("MAX_QUEUED_PACKETS", "20000", "that wait for one client; one over it is closed", func(c *Config) *int { return &c.Transport.Engine.MaxQueuedCount }),
		bound("MAX_ATTACHMENTS", "16", "binary attachments of one packet", func(c *Config) *int { return &c.Transport.MaxAttachments }),
		bound("MAX_ATTACHMENT_BYTES", "8388608", "of all attachments of one packet", func(c *Config) *int { return &c.Transport.MaxAttachmentBytes }),
		bound("MAX_UPLOAD", "10485760", "bytes of one uploaded file", func(c *Config) *int { return &c.MaxUpload }),
		{"UPLOAD_QUOTA", "1073741824", "bytes of one user's files together, each counting 4 KiB at least", func(c *Config, v string) (err error) {
			c.UploadQuota, err = number(v, 0, 1<<50)
			return err
		}},
		{"UPLOAD_TYPES", "*", "types of files that are taken, told by their bytes, as image/*,audio/*,application/pdf; * for all", func(c *Config, v string) error {
			if v == "*" {
				return nil
			}
			c.UploadTypes = list(v)
			for _, t := range c.UploadTypes {
				if kind, sub, ok := strings.Cut(t, "/"); !ok || kind == "" || sub == "" {
					return fmt.Errorf("%q is no type, as image/png or image/*", t)
				}
			}
			return nil
		}},
		{"UPLOAD_KEEP", "24h", "how long a file may wait for a message that names it; then it is deleted", func(c *Config, v string) (err error) {
			c.UploadKeep, err = time.ParseDuration(v)
			if err != nil || c.UploadKeep < time.Minute || c.UploadKeep > 366*24*time.Hour {
				return errors.New("a time from 1m to 8784h")
			}
			return nil
		}},
		{"COMPRESS", "off", "on or off: permessage-deflate and gzipped polls for clients that ask, from 1 KiB", func(c *Config, v string) error {
			c.Transport.Engine.Compress = v == "on"
			return oneOf(v, "on", "off")
		}},
		{"LOG_LEVEL", "info", "debug, info, warn or error", func(c *Config, v string) error {
			if err := oneOf(v, "debug", "info", "warn", "error"); err != nil {
				return err
			}
			return c.LogLevel.UnmarshalText([]byte(v))
		}},
		{"DEBUG_ADDR", "", "IP:PORT of profiles and figures, as 127.0.0.1:6060; nobody is asked for a password there; empty for none", func(c *Config, v string) (err error) {
			c.Debug, err = debugAddress(v)
			return err
		}},
	}
}

// Load reads the settings. An error names the variable and what it may be, and never its value: it may be a secret.
func Load(getenv func(string) string) (Config, error) {
	var c Config
	for _, s := range settings() {
		value := getenv(s.name)
		if value == "" {
			value = s.fallback
		}
		if err := s.read(&c, value); err != nil {
			return Config{}, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return c, nil
}

// help prints the settings with their defaults.
func help(w io.Writer) {
	fmt.Fprint(w, "parley: a realtime chat server that speaks Socket.IO\n\nusage: parley [--help | --version | COMMAND]\n\n"+
		"Without a command it serves. Commands work on the engine that the settings name:\n\n")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range commands() {
		fmt.Fprintf(table, "  %s %s\t%s\n", c.name, c.arguments, c.help)
	}
	table.Flush()
	fmt.Fprint(w, "\nFILE is - or nothing for the standard input or output. "+
		"Settings come from the environment; all are optional:\n\n")
	for _, s := range settings() {
		fallback := s.fallback
		if fallback == "" {
			fallback = "-"
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\n", s.name, fallback, s.help)
	}
	table.Flush()
}

// duration is a setting of a time, as 25s or 300ms.
func duration(name, fallback, help string, field func(c *Config) *time.Duration) setting {
	return setting{name, fallback, help, func(c *Config, v string) error {
		d, err := time.ParseDuration(v)
		if err != nil || d < 10*time.Millisecond || d > time.Hour {
			return errors.New("a time from 10ms to 1h")
		}
		*field(c) = d
		return nil
	}}
}

// bound is a setting of how much there may be of something.
func bound(name, fallback, help string, field func(c *Config) *int) setting {
	return setting{name, fallback, help, func(c *Config, v string) (err error) {
		*field(c), err = number(v, 1, 1<<30)
		return err
	}}
}

func number(v string, least, most int) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("a number from %d to %d", least, most)
	}
	return n, nil
}

func oneOf(v string, choices ...string) error {
	if !slices.Contains(choices, v) {
		return errors.New(strings.Join(choices, ", "))
	}
	return nil
}

func list(v string) []string {
	return strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })
}

func webURL(v string) error {
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("begins with http:// or https:// and names a host")
	}
	return nil
}
