package auth

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/parley-chat/parley/chat"
)

// sender is a carrier to a relay at an address of this machine.
func sender(t *testing.T, url string, roots *x509.CertPool) *SMTP {
	t.Helper()
	relay, err := ParseRelay(url)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSMTP(relay, mail.Address{Name: "聊天 Chat", Address: "chat@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	s.roots = roots
	return s
}

func carry(t *testing.T, s *SMTP, to, language string) error {
	t.Helper()
	l, _ := codeLetter(t.Context())
	l.Language = language
	return s.Carry(t.Context(), to, l)
}

// reads checks a letter as a mail program shows it.
func (l received) reads(t *testing.T, to, subject, text string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(l.text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, l.text)
	}
	decode := new(mime.WordDecoder).DecodeHeader
	if got, err := decode(m.Header.Get("Subject")); err != nil || got != subject {
		t.Errorf("the subject is %q, not %q", got, subject)
	}
	from, err := m.Header.AddressList("From")
	if err != nil || len(from) != 1 || *from[0] != (mail.Address{Name: "聊天 Chat", Address: "chat@example.com"}) || l.from != "chat@example.com" {
		t.Errorf("it is from %v, in the envelope %q: %v", from, l.from, err)
	}
	receivers, err := m.Header.AddressList("To")
	if err != nil || len(receivers) != 1 || receivers[0].Address != to || l.to != to {
		t.Errorf("it is to %v, in the envelope %q: %v", receivers, l.to, err)
	}
	if date, err := m.Header.Date(); err != nil || time.Since(date) > time.Hour {
		t.Errorf("its date is %v: %v", date, err)
	}
	if id := m.Header.Get("Message-ID"); !strings.HasSuffix(id, "@example.com>") || m.Header.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("its headers are %v", m.Header)
	}
	if kind := m.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/plain; charset=UTF-8") {
		t.Errorf("its type is %q", kind)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil || !strings.Contains(string(body), text) {
		t.Errorf("it reads %q: %v", body, err)
	}
}

func TestLettersArriveOverEveryKindOfConnection(t *testing.T) {
	password := func(o *office) { o.user, o.password = "chat", "pass word" }
	for _, c := range []struct {
		name, security, url string
		secret              bool
	}{
		{"STARTTLS", startTLS, "smtp://chat:pass%20word@ADDR?tls=starttls", true},
		{"implicit TLS", implicitTLS, "smtps://chat:pass%20word@ADDR", true},
		{"none, on this machine", noTLS, "smtp://chat:pass%20word@ADDR", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := openOffice(t, c.security, password)
			s := sender(t, strings.Replace(c.url, "ADDR", o.addr, 1), o.roots)
			for _, language := range []string{"en", "zh"} {
				if err := carry(t, s, annsEmail, language); err != nil {
					t.Fatal(err)
				}
			}
			english, chinese := within(t, o.arrived, "a letter"), within(t, o.arrived, "another")
			english.reads(t, annsEmail, "Your code", "Your code is 012345")
			chinese.reads(t, annsEmail, "您的验证码", "您的验证码是 012345")
			if english.secret != c.secret || english.user != "chat" {
				t.Errorf("it came by TLS: %v, from %q", english.secret, english.user)
			}
		})
	}
	t.Run("without a password", func(t *testing.T) {
		o := openOffice(t, noTLS)
		if err := carry(t, sender(t, "smtp://"+o.addr, nil), annsEmail, "en"); err != nil {
			t.Fatal(err)
		}
		if l := within(t, o.arrived, "a letter"); l.user != "" {
			t.Errorf("it came from %q", l.user)
		}
	})
}

// Nothing that matters is said before the connection is secret, and known to lead to the right server.
func TestNothingIsSaidInTheClear(t *testing.T) {
	for name, c := range map[string]struct {
		security, url string
		trust         bool
	}{
		"a server without STARTTLS":          {noTLS, "smtp://chat:secret@ADDR?tls=starttls", true},
		"STARTTLS with a strange server":     {startTLS, "smtp://chat:secret@ADDR?tls=starttls", false},
		"implicit TLS with a strange server": {implicitTLS, "smtps://chat:secret@ADDR", false},
	} {
		t.Run(name, func(t *testing.T) {
			o := openOffice(t, c.security, func(o *office) { o.user, o.password = "chat", "secret" })
			roots := o.roots
			if !c.trust {
				roots = x509.NewCertPool()
			}
			err := carry(t, sender(t, strings.Replace(c.url, "ADDR", o.addr, 1), roots), annsEmail, "en")
			if chat.CodeOf(err) != chat.Unavailable || strings.Contains(err.Error(), "secret") {
				t.Errorf("it ends with %v", err)
			}
			o.mu.Lock()
			defer o.mu.Unlock()
			if len(o.commands) != 0 {
				t.Errorf("the server heard %q", o.commands)
			}
		})
	}
}

func TestWhatARelayRefuses(t *testing.T) {
	refuse := func(code int) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: "<ann@example.org> and 012345: no"}
	}
	for name, c := range map[string]struct {
		set  func(*office)
		want chat.Code
		says string
	}{
		"a receiver, for now":    {func(o *office) { o.rcptErr = refuse(450) }, chat.Unavailable, "450 4.1.1"},
		"a receiver, for good":   {func(o *office) { o.rcptErr = refuse(550) }, chat.Invalid, "550 5.1.1"},
		"the letter, for now":    {func(o *office) { o.dataErr = refuse(451) }, chat.Unavailable, "451 4.1.1"},
		"the letter, for good":   {func(o *office) { o.dataErr = refuse(554) }, chat.Invalid, "554 5.1.1"},
		"the password, for good": {func(o *office) { o.password = "another" }, chat.Invalid, "535"},
	} {
		t.Run(name, func(t *testing.T) {
			o := openOffice(t, noTLS, func(o *office) { o.user, o.password = "chat", "secret" }, c.set)
			err := carry(t, sender(t, "smtp://chat:secret@"+o.addr, nil), annsEmail, "en")
			if chat.CodeOf(err) != c.want || !strings.Contains(err.Error(), c.says) {
				t.Errorf("it ends with %v", err)
			}
			for _, no := range []string{annsEmail, annsCode, "secret"} {
				if strings.Contains(err.Error(), no) {
					t.Errorf("the log will have %s: %v", no, err)
				}
			}
		})
	}
}

// A relay that falls silent, at whatever moment, holds a letter up for a while, and keeps no connection open.
func TestARelayFallsSilent(t *testing.T) {
	for name, answers := range map[string][]string{
		"at once":              nil,
		"in its greeting":      {"220-mail.example is\r\n"},
		"after its greeting":   {"220 mail.example\r\n"},
		"before the letter":    {"220 mail.example\r\n", "250 hello\r\n", "250 yes\r\n", "250 yes\r\n"},
		"at the letter's end":  {"220 mail.example\r\n", "250 hello\r\n", "250 yes\r\n", "250 yes\r\n", "354 go on\r\n"},
		"in a word of no end":  {"220 mail.example\r\n", "250-" + strings.Repeat("x", 100)},
		"in a greeting of TLS": {"\x16\x03\x01"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			ended := make(chan error, 1)
			go func() {
				conn, err := listener.Accept()
				if err != nil {
					ended <- err
					return
				}
				defer conn.Close()
				lines := bufio.NewReader(conn)
				for i, answer := range answers {
					if i > 0 {
						_, _ = lines.ReadString('\n')
					}
					_, _ = io.WriteString(conn, answer)
				}
				_, err = io.Copy(io.Discard, lines) // until the other side hangs up
				ended <- err
			}()
			s := sender(t, "smtp://"+listener.Addr().String(), nil)
			s.within = 3 * time.Second // a busy machine needs some of it to connect
			if err := carry(t, s, annsEmail, "en"); chat.CodeOf(err) != chat.Unavailable {
				t.Errorf("it ends with %v", err)
			}
			within(t, ended, "the connection's end")
		})
	}
}

func TestAnAddressCannotSayMoreThanItself(t *testing.T) {
	o := openOffice(t, noTLS)
	s := sender(t, "smtp://"+o.addr, nil)
	for _, to := range []string{
		"ann@example.org\r\nBcc: bob@example.org", "ann@example.org>\r\nRCPT TO:<bob@example.org", "ann@example.org,bob@example.org",
		"Ann <ann@example.org>", "ann@example.org\n", "\"ann\r\n\"@example.org", "", "ann",
	} {
		if err := carry(t, s, to, "en"); chat.CodeOf(err) != chat.Invalid {
			t.Errorf("%q: %v", to, err)
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.commands) != 0 {
		t.Errorf("the server heard %q", o.commands)
	}
}

// The mail server is down while Ann asks for her code, and comes back: the letter comes, late.
func TestTheMailServerGoesAndComesBack(t *testing.T) {
	o := openOffice(t, noTLS, func(o *office) { o.down = true })
	s := sender(t, "smtp://"+o.addr, nil)
	b, failed := &book{}, make(chan struct{}, 1000)
	p := NewPost(carrierFunc(func(ctx context.Context, to string, l chat.Letter) error {
		err := s.Carry(ctx, to, l)
		if err != nil {
			failed <- struct{}{}
		}
		return err
	}), time.Now, b.log())
	p.first = time.Millisecond
	stop := run(t, p)
	p.Mail(annsEmail, tomorrow(), codeLetter)
	for range 3 {
		within(t, failed, "a try that fails")
	}
	o.mu.Lock()
	o.down = false
	o.mu.Unlock()
	within(t, o.arrived, "the letter").reads(t, annsEmail, "Your code", annsCode)
	stop()
	if len(o.arrived) != 0 {
		t.Error("it came twice")
	}
	if log := b.String(); strings.Contains(log, annsEmail) || strings.Contains(log, annsCode) {
		t.Errorf("the log says\n%s", log)
	}
}

func TestRelaysAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"smtp://mail.example":                            "smtp://mail.example:587?tls=starttls",
		"smtp://mail.example/":                           "smtp://mail.example:587?tls=starttls",
		"smtp://ann%40example.org:p%3Aw@mail.example:25": "smtp://ann%40example.org@mail.example:25?tls=starttls",
		"smtps://ann:secret@mail.example":                "smtps://ann@mail.example:465",
		"smtps://mail.example:1465":                      "smtps://mail.example:1465",
		"smtp://mailhog:1025?tls=none":                   "smtp://mailhog:1025?tls=none",
		"smtp://ann:secret@localhost:25":                 "smtp://ann@localhost:25?tls=none",
		"smtp://[::1]:25":                                "smtp://[::1]:25?tls=none",
		"smtp://127.0.0.1?tls=starttls":                  "smtp://127.0.0.1:587?tls=starttls",
	} {
		r, err := ParseRelay(text)
		if err != nil || r.String() != want || r.IsZero() {
			t.Errorf("%s is read as %s, %v; not %s", text, r, err, want)
		}
		if shown := fmt.Sprintf("%v %+v %s", r, r, r); strings.Contains(shown, "secret") || strings.Contains(shown, "p:w") {
			t.Errorf("it prints as %s", shown)
		}
	}
	if r, _ := ParseRelay("smtp://ann%40example.org:p%3Aw@mail.example"); r.user != "ann@example.org" || r.password != "p:w" {
		t.Errorf("%q, %q", r.user, r.password)
	}
	for _, text := range []string{
		"mail.example:587", "http://mail.example", "smtp://", "smtp://:587", "smtp://mail.example/inbox", "smtps://mail.example?tls=none",
		"smtp://mail.example?tls=maybe", "smtp://mail.example:0", "smtp://mail.example:65536", "smtp://mail.example:smtp",
		"smtp://ann:secret@mail.example?tls=none", "smtp://ann:sec%ret@mail.example", "smtp://ann:secret@mail .example",
	} {
		r, err := ParseRelay(text)
		var e *chat.Error
		if !errors.As(err, &e) || e.Code != chat.Invalid || !r.IsZero() {
			t.Errorf("%s is read as %v, %v", text, r, err)
		} else if strings.Contains(err.Error(), "sec") {
			t.Errorf("the password is shown: %v", err)
		}
	}
}
