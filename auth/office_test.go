package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// office is a real SMTP server on this machine.
type office struct {
	addr  string
	roots *x509.CertPool // that its certificate goes back to

	// What the story says, before it begins.
	rcptErr, dataErr error
	user, password   string // who may send; "" for all

	mu       sync.Mutex // guards what follows
	down     bool       // it hangs up on everybody
	commands []string
	arrived  chan received
}

type received struct {
	from, to string
	secret   bool // by TLS
	user     string
	text     string
}

// openOffice starts a server; security is one of a Relay's.
func openOffice(t *testing.T, security string, set ...func(*office)) *office {
	t.Helper()
	cert, roots := newCertificate(t)
	o := &office{roots: roots, arrived: make(chan received, 10)}
	for _, f := range set {
		f(o)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.addr = listener.Addr().String()
	server := smtp.NewServer(o)
	server.Domain, server.AllowInsecureAuth = "mail.example", security == noTLS
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	listener = &doorman{listener, o}
	switch security {
	case implicitTLS:
		listener = tls.NewListener(listener, config)
	case startTLS:
		server.TLSConfig = config
	}
	server.ErrorLog = silent{}
	served := make(chan struct{})
	go func() {
		_ = server.Serve(listener)
		close(served)
	}()
	t.Cleanup(func() {
		listener.Close() // Close of a server that has not begun to serve does not
		server.Close()
		<-served
	})
	return o
}

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// doorman hangs up on everybody while the office is down.
type doorman struct {
	net.Listener
	o *office
}

func (d *doorman) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		d.o.mu.Lock()
		down := d.o.down
		d.o.mu.Unlock()
		if !down {
			return conn, nil
		}
		conn.Close()
	}
}

func newCertificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func (o *office) NewSession(c *smtp.Conn) (smtp.Session, error) {
	_, secret := c.TLSConnectionState()
	return &session{o: o, letter: received{secret: secret}}, nil
}

// session is one connection to the office.
type session struct {
	o      *office
	user   string
	letter received
}

func (s *session) did(what string) {
	s.o.mu.Lock()
	defer s.o.mu.Unlock()
	s.o.commands = append(s.o.commands, what)
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		s.did("AUTH " + user)
		if user != s.o.user || password != s.o.password {
			return smtp.ErrAuthFailed
		}
		s.user = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.did("MAIL " + from)
	if s.user != s.o.user {
		return smtp.ErrAuthRequired
	}
	s.letter.from, s.letter.user = from, s.user
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.did("RCPT " + to)
	s.letter.to += to
	return s.o.rcptErr
}

func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.o.dataErr != nil {
		return s.o.dataErr
	}
	s.letter.text = string(text)
	s.o.arrived <- s.letter
	return nil
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }
