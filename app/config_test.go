package app

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/realtime/engineio"
	"github.com/parley-chat/parley/realtime/socketio"
)

func environment(pairs ...string) func(string) string {
	values := make(map[string]string)
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
	}
	return func(name string) string { return values[name] }
}

func TestEmptyEnvironmentWorks(t *testing.T) {
	c, err := Load(environment())
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Port: 3000, DataDir: "./data", TmpDir: "./tmp", RateLimits: true, ChangeTime: 24 * time.Hour, RoomBacklog: 200, BcryptCost: 10, PresenceGrace: 5 * time.Second,
		MaxUpload: 10 << 20, UploadQuota: 1 << 30, UploadKeep: 24 * time.Hour,
		ConnectionsPerAddress: 5000, HandshakesPerSecond: 200,
		Transport: socketio.Config{
			ConnectTimeout: 45 * time.Second, MaxAttachments: 16, MaxAttachmentBytes: 8 << 20,
			Engine: engineio.Config{
				PingInterval: 25 * time.Second, PingTimeout: 20 * time.Second, UpgradeTimeout: 10 * time.Second,
				WriteTimeout: 20 * time.Second, MaxPayload: 1_000_000, MaxQueued: 8 << 20, MaxQueuedCount: 20_000,
			},
		},
	}
	if fmt.Sprintf("%+v", c) != fmt.Sprintf("%+v", want) {
		t.Errorf("%+v, not %+v", c, want)
	}
}

func TestSettingsAreRead(t *testing.T) {
	c, err := Load(environment("HOST=127.0.0.1", "PORT=0", "MONGO_URI=mongodb://db/x", "JWT_SECRET=0123456789abcdef",
		"PUBLIC_URL=https://chat.example", "CORS_ORIGINS=https://a.example, https://b.example",
		"TRUSTED_PROXIES=10.0.0.0/8,::1", "SOCKET_AUTH=trust", "ADMIN_USERS=ann, bob", "DEVICES=one", "FRIENDS=ask", "DIRECT_CHAT=friends", "RETENTION_DAYS=30", "RATE_LIMITS=off", "BCRYPT_COST=4", "LOG_LEVEL=debug",
		"MAX_UPLOAD=1000", "UPLOAD_QUOTA=5000", "UPLOAD_TYPES=image/*, text/plain", "UPLOAD_KEEP=1h"))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Origins) != 2 || len(c.TrustedProxies) != 2 || len(c.Admins) != 2 || !c.Trust || !c.OneDevice || !c.AskFriends || !c.FriendsOnly || c.Retention != 720*time.Hour || c.RateLimits || c.Port != 0 || c.LogLevel != -4 {
		t.Errorf("%+v", c)
	}
	if c.MaxUpload != 1000 || c.UploadQuota != 5000 || len(c.UploadTypes) != 2 || c.UploadKeep != time.Hour {
		t.Errorf("uploads: %+v", c)
	}
}

func TestBadSettingsAreNamedAndNotShown(t *testing.T) {
	for _, bad := range []string{
		"PORT=http", "PORT=-1", "PORT=65536", "MONGO_URI=localhost:27017", "REDIS_URL=redis://here", "JWT_SECRET=tooshort",
		"PUBLIC_URL=chat.example", "CORS_ORIGINS=a.example", "TRUSTED_PROXIES=everyone", "SOCKET_AUTH=no", "DEVICES=two", "FRIENDS=closed", "DIRECT_CHAT=nobody", "RATE_LIMITS=1",
		"PRESENCE_GRACE=5", "CHANGE_TIME=1", "CHANGE_TIME=-1h", "RETENTION_DAYS=-1",
		"DEBUG_ADDR=:6060", "BCRYPT_COST=3", "BCRYPT_COST=21", "LOG_LEVEL=loud", "PING_INTERVAL=25", "PING_TIMEOUT=0s", "MAX_PAYLOAD=-1",
		"MAX_ATTACHMENTS=many", "CONNECTIONS_PER_ADDRESS=0", "HANDSHAKES_PER_SECOND=0",
		"MAX_UPLOAD=0", "UPLOAD_QUOTA=much", "UPLOAD_TYPES=pictures", "UPLOAD_KEEP=1s",
		"SMTP_URL=mail.example", "SMTP_URL=http://ann:secret@mail.example", "SMTP_URL=smtp://ann:secret@mail.example?tls=none", "SMTP_URL=smtp://ann:sec%ret@mail.example",
		"MAIL_FROM=nobody", "REGISTER_CODE=yes",
		"TCP_PORT=x", "TCP_PORT=65536", "GATEWAY_HOST=http://x", "GATEWAY_HOST=x:1", "GATEWAY_PASSWORDS=hidden",
	} {
		name, value, _ := strings.Cut(bad, "=")
		_, err := Load(environment(bad))
		if err == nil || !strings.HasPrefix(err.Error(), name+": ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", bad, err)
		} else if name == "JWT_SECRET" && strings.Contains(err.Error(), value) || strings.Contains(err.Error(), "sec") && name == "SMTP_URL" {
			t.Errorf("the secret is shown: %v", err)
		}
	}
}

func TestMailNeedsASender(t *testing.T) {
	_, err := Load(environment("SMTP_URL=smtps://ann:secret@mail.example"))
	if err == nil || !strings.HasPrefix(err.Error(), "MAIL_FROM: ") {
		t.Errorf("without MAIL_FROM: %v", err)
	}
	c, err := Load(environment("SMTP_URL=smtps://ann:secret@mail.example", "MAIL_FROM=Our chat <chat@example.org>", "REGISTER_CODE=on"))
	if err != nil || c.MailFrom.Address != "chat@example.org" || c.MailFrom.Name != "Our chat" || !c.RegisterCode {
		t.Fatalf("%v, %v", c, err)
	}
	shown := fmt.Sprintf("%v %+v %s", c, c, c.SMTP)
	if strings.Contains(shown, "secret") || !strings.Contains(shown, "smtps://ann@mail.example:465") {
		t.Errorf("the settings print as %s", shown)
	}
}

// The README has what --help prints.
func TestReadmeHasTheSettings(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var printed bytes.Buffer
	help(&printed)
	_, table, found := strings.Cut(printed.String(), "all are optional:\n\n")
	if !found || !strings.Contains(string(readme), table) {
		t.Errorf("README.md lacks this table, as it is:\n%s", table)
	}
}

func TestHelpAndUnknownArguments(t *testing.T) {
	var out, errs bytes.Buffer
	if code := Main(t.Context(), []string{"--help"}, environment(), &out, &errs); code != 0 || errs.Len() > 0 {
		t.Errorf("--help: exit %d, %s", code, &errs)
	}
	for _, s := range settings() {
		if !strings.Contains(out.String(), s.name) || !strings.Contains(out.String(), s.fallback) {
			t.Errorf("--help does not say %s and its default", s.name)
		}
	}
	out.Reset()
	if code := Main(t.Context(), []string{"--nonsense"}, environment(), &out, &errs); code != 1 || strings.Count(errs.String(), "\n") != 1 {
		t.Errorf("an unknown argument: exit %d, %q", code, &errs)
	}
}
