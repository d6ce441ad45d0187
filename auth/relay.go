package auth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/parley-chat/parley/chat"
)

// Relay is the mail server that letters are given to: what SMTP_URL says. It prints without its password. The zero Relay is
// none.
type Relay struct {
	host           string
	port           int
	user, password string
	security       string // one of those below
}

// How the connection to a relay is kept secret.
const (
	implicitTLS = "tls"      // from its first byte (RFC 8314, section 3)
	startTLS    = "starttls" // before anything is said, or not at all (RFC 3207)
	noTLS       = "none"
)

// ParseRelay reads smtp://[user:password@]host[:587] or smtps://[user:password@]host[:465]. smtp demands STARTTLS, unless the
// host is this machine or ?tls=none is given; ?tls=starttls demands it always. A password goes over TLS, or to this machine.
//
// Errors: Invalid. None shows the URL, for it may have a password in it.
func ParseRelay(text string) (Relay, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
		return Relay{}, chat.Errorf(chat.Invalid, "as smtp://user:password@host:587 or smtps://user:password@host:465")
	}
	r := Relay{host: u.Hostname(), port: 587, user: u.User.Username()}
	r.password, _ = u.User.Password()
	here := isLoopback(r.host)
	want := u.Query().Get("tls")
	switch {
	case u.Scheme == "smtps" && want == "":
		r.security, r.port = implicitTLS, 465
	case u.Scheme == "smtp" && (want == startTLS || want == noTLS):
		r.security = want
	case u.Scheme == "smtp" && want == "" && here:
		r.security = noTLS
	case u.Scheme == "smtp" && want == "":
		r.security = startTLS
	default:
		return Relay{}, chat.Errorf(chat.Invalid, "begins with smtps://, or with smtp:// and may end with ?tls=starttls or ?tls=none")
	}
	if u.Port() != "" {
		if r.port, err = strconv.Atoi(u.Port()); err != nil || r.port < 1 || r.port > 65535 {
			return Relay{}, chat.Errorf(chat.Invalid, "the port is a number from 1 to 65535")
		}
	}
	if r.user != "" && r.security == noTLS && !here {
		return Relay{}, chat.Errorf(chat.Invalid, "a password does not leave this machine without TLS: leave ?tls=none out, or the password")
	}
	return r, nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// IsZero tells whether there is no relay.
func (r Relay) IsZero() bool { return r.host == "" }

// String returns the relay without its password.
func (r Relay) String() string {
	if r.IsZero() {
		return ""
	}
	u := url.URL{Scheme: "smtp", Host: net.JoinHostPort(r.host, strconv.Itoa(r.port))}
	if r.security == implicitTLS {
		u.Scheme = "smtps"
	} else {
		u.RawQuery = "tls=" + r.security
	}
	if r.user != "" {
		u.User = url.User(r.user)
	}
	return u.String()
}

// carryTime bounds the delivery of one letter, whatever the relay does.
const carryTime = 30 * time.Second

// SMTP gives letters to a relay (RFC 5321), each over a connection of its own. It implements Carrier. Make it with NewSMTP.
type SMTP struct {
	relay   Relay
	from    mail.Address
	letters letters
	roots   *x509.CertPool // that the relay's certificate goes back to; nil for the system's
	within  time.Duration
}

// NewSMTP returns a carrier that sends in the name of from.
func NewSMTP(relay Relay, from mail.Address) (*SMTP, error) {
	l, err := newLetters()
	return &SMTP{relay: relay, from: from, letters: l, within: carryTime}, err
}

// Carry implements Carrier: the letter is in other hands when the relay has answered its last line with 250. An answer
// 5xx is for good (RFC 5321, section 4.2.1).
func (s *SMTP) Carry(ctx context.Context, to string, l chat.Letter) error {
	ctx, cancel := context.WithTimeout(ctx, s.within)
	defer cancel() // closes the connection too, see dial
	m, err := s.message(to, l)
	if err != nil {
		return err
	}
	client, err := s.client(ctx)
	if err != nil {
		return chat.Wrap(chat.Internal, "no mail client", err)
	}
	if err := client.DialAndSendWithContext(ctx, m); err != nil && !m.IsDelivered() {
		return relayError(err)
	}
	return nil
}

func (s *SMTP) message(to string, l chat.Letter) (*gomail.Msg, error) {
	subject, body, err := s.letters.write(l)
	if err != nil {
		return nil, err
	}
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(&s.from)
	// The address comes from outside. It is parsed again here, so that nothing else can reach a header or a command.
	a, err := mail.ParseAddress(to)
	if err != nil || a.Address != to {
		return nil, chat.Errorf(chat.Invalid, "not an address")
	}
	m.ToMailAddress(a)
	m.Subject(subject)
	m.SetDate()
	m.SetMessageIDWithValue(chat.RandomID(18) + "@" + s.domain())
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no answers by machines
	m.SetBodyString(gomail.TypeTextPlain, body)
	return m, nil
}

func (s *SMTP) domain() string { return s.from.Address[strings.LastIndexByte(s.from.Address, '@')+1:] }

// client makes a client whose connection ends with ctx. The library itself bounds the connecting, and then some commands,
// but waits for a greeting for ever, and leaves the connection open when it is refused.
func (s *SMTP) client(ctx context.Context) (*gomail.Client, error) {
	config := &tls.Config{ServerName: s.relay.host, MinVersion: tls.VersionTLS12, RootCAs: s.roots}
	dial := func(dialing context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(dialing, network, address)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { conn.Close() })
		if s.relay.security == implicitTLS {
			secret := tls.Client(conn, config)
			return secret, secret.HandshakeContext(dialing)
		}
		return conn, nil
	}
	options := []gomail.Option{
		gomail.WithPort(s.relay.port), gomail.WithHELO(s.domain()), gomail.WithTimeout(s.within), gomail.WithoutNoop(),
		gomail.WithTLSConfig(config), gomail.WithDialContextFunc(dial),
	}
	switch s.relay.security {
	case startTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case implicitTLS:
		// The connection is secret when the library gets it. With this policy it looks, and knows; no server offers STARTTLS
		// inside TLS.
		options = append(options, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if s.relay.user != "" {
		how := gomail.SMTPAuthAutoDiscover
		if s.relay.security == noTLS { // to this machine, see ParseRelay
			how = gomail.SMTPAuthPlainNoEnc
		}
		options = append(options, gomail.WithSMTPAuth(how), gomail.WithUsername(s.relay.user), gomail.WithPassword(s.relay.password))
	}
	return gomail.NewClient(s.relay.host, options...)
}

// relayError says what a relay refused, without its words once it has heard of an address: they would be in the log.
func relayError(err error) error {
	var refused *gomail.SendError
	var answer *textproto.Error
	code, text := 0, ""
	switch {
	case errors.As(err, &refused):
		code, text = refused.ErrorCode(), fmt.Sprintf("%s: %d %s", refused.Reason, refused.ErrorCode(), refused.EnhancedStatusCode())
	case errors.As(err, &answer):
		code, text = answer.Code, answer.Error()
	default:
		text = err.Error()
	}
	const most = 300
	if len(text) > most {
		text = text[:most]
	}
	if code/100 == 5 {
		return chat.Errorf(chat.Invalid, "the mail server refuses for good: %q", text)
	}
	return chat.Errorf(chat.Unavailable, "the mail server: %q", text)
}
