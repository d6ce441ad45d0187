package chat

import (
	"context"
	"log/slog"
	"net/mail"
	"strings"
	"time"
)

// Purpose is what an email code is good for.
type Purpose string

// The purposes. A code fits its own alone, but for ForEither, which the gateway's clients ask for: they do not say
// whether they want to register or to reset a password, and it is good for one of the two, once.
const (
	ForRegister Purpose = "register"
	ForReset    Purpose = "reset"
	ForEmail    Purpose = "email" // a change of the address, to the one that the code is sent to
	ForEither   Purpose = ""
)

// EmailCode is a code that was sent, as an engine keeps it: not the digits, but a keyed hash of them.
type EmailCode struct {
	Email   string // in lower case
	Purpose Purpose
	Hash    []byte // see CodeMaker
	Expires time.Time
}

// MaxTries is how many times a code may be tried, right or wrong.
const MaxTries = 5

// CodeStore keeps email codes. No archive has them.
type CodeStore interface {
	// PutCode stores a code, with no try taken, in the place of the one for the same email and purpose.
	PutCode(ctx context.Context, c EmailCode) error
	// TryCode takes one of a code's tries, and takes the code away when hash is its own: of several who try the right one
	// at the same moment, one succeeds. NotFound when there is no code, it has expired at now or MaxTries were taken;
	// Forbidden for another hash.
	TryCode(ctx context.Context, email string, purpose Purpose, hash []byte, now time.Time) error
	// SweepCodes removes what has expired at now.
	SweepCodes(ctx context.Context, now time.Time) error
}

// CodeMaker makes codes, and what is stored of them.
type CodeMaker interface {
	// Draw returns six random digits.
	Draw() string
	// Hash returns what to store for a code. It differs for every email and purpose, and without the server's key nobody
	// can tell which of the million codes it stands for.
	Hash(purpose Purpose, email, code string) []byte
}

// LetterKind says what a letter is about.
type LetterKind string

const (
	LetterCode    LetterKind = "code"    // here is your code
	LetterTaken   LetterKind = "taken"   // you asked to register, or to move, to an address that an account has
	LetterUnknown LetterKind = "unknown" // you asked to reset the password of an address that no account has
)

// Letter is what a mailbox is told. Its owner alone reads it, so it may say whether there is an account.
type Letter struct {
	Kind     LetterKind
	Code     string        // of LetterCode alone
	Valid    time.Duration // for how long Code is good
	Language string        // "zh" or "en"
}

// Mailer carries letters.
type Mailer interface {
	// Mail takes a letter to an address and returns at once, whatever becomes of it. write tells what to write, when its
	// turn has come; it is asked again after an error. After until the letter is of no use.
	Mail(to string, until time.Time, write func(ctx context.Context) (Letter, error))
}

// CodeLimits paces codes. Every field is needed.
type CodeLimits struct {
	SendByEmail                             []Limiter // each has to allow it
	SendBySource, TakeByEmail, TakeBySource Limiter
}

const (
	codeLife   = 10 * time.Minute
	sweepCodes = 10 * time.Minute
)

// Codes are the rules of email codes: what proves that someone reads the mail of an address.
//
// Nobody learns from them who has an account. A code is drawn and stored whether or not somebody has the address; what
// is written, and so whether there is an account, is found out by the Mailer in its own time, and told to the mailbox
// alone.
type Codes struct {
	Store    CodeStore
	Accounts interface {
		AccountByEmail(ctx context.Context, email string) (Account, error)
	}
	Maker  CodeMaker
	Mailer Mailer
	Limits CodeLimits
	Now    func() time.Time
	Log    *slog.Logger
}

// Send draws a code and has it mailed; the former one for the same email and purpose is void. source is where the
// request came from, for pacing. language is "zh", or else the letter is in English.
//
// To register, or to change to, an address that an account has: the letter says so and brings no code. To reset the
// password of an address that no account has: the same. With ForEither the code comes in any case.
//
// Errors: Invalid for what is no address or no purpose, TooMany, Unavailable. None depends on who has the address.
func (s *Codes) Send(ctx context.Context, email string, purpose Purpose, source, language string) error {
	email, err := cleanEmail(email)
	if err != nil {
		return err
	}
	switch purpose {
	case ForRegister, ForReset, ForEmail, ForEither:
	default:
		return Errorf(Invalid, "purpose: %s, %s or %s", ForRegister, ForReset, ForEmail)
	}
	if retry, ok := s.Limits.SendBySource.Allow(source); !ok {
		return tooMany("too many codes asked for from this address", retry)
	}
	for _, l := range s.Limits.SendByEmail {
		if retry, ok := l.Allow(email); !ok {
			return tooMany("too many codes for this email: use the last one, or wait", retry)
		}
	}
	code, now := s.Maker.Draw(), s.Now()
	c := EmailCode{Email: email, Purpose: purpose, Hash: s.Maker.Hash(purpose, email, code), Expires: now.Add(codeLife)}
	if err := s.Store.PutCode(ctx, c); err != nil {
		return err
	}
	s.Mailer.Mail(email, c.Expires, func(ctx context.Context) (Letter, error) {
		kind, err := s.letterKind(ctx, email, purpose)
		l := Letter{Kind: kind, Valid: c.Expires.Sub(s.Now()), Language: language}
		if kind == LetterCode {
			l.Code = code
		}
		return l, err
	})
	return nil
}

// letterKind decides what the owner of an address is told.
func (s *Codes) letterKind(ctx context.Context, email string, purpose Purpose) (LetterKind, error) {
	_, err := s.Accounts.AccountByEmail(ctx, email)
	known := err == nil
	if !known && CodeOf(err) != NotFound {
		return "", err
	}
	switch {
	case purpose == ForEither:
		return LetterCode, nil
	case purpose == ForReset && !known:
		return LetterUnknown, nil
	case purpose != ForReset && known:
		return LetterTaken, nil
	default:
		return LetterCode, nil
	}
}

// Take uses a code up: it returns nil once, for the last one that was sent to this email for this purpose, or for either
// of register and reset. source is where the request came from, for pacing.
//
// Errors: NotFound when there is no code, or it has expired, was used, or was tried MaxTries times; Forbidden for a wrong
// one; Invalid for what is no address; TooMany. They are the same whether or not somebody has the address.
func (s *Codes) Take(ctx context.Context, email string, purpose Purpose, code, source string) error {
	email, err := cleanEmail(email)
	if err != nil {
		return err
	}
	if retry, ok := s.Limits.TakeBySource.Allow(source); !ok {
		return tooMany("too many codes tried from this address", retry)
	}
	if retry, ok := s.Limits.TakeByEmail.Allow(email); !ok {
		return tooMany("too many codes tried for this email", retry)
	}
	if len(code) != 6 {
		return wrongCode()
	}
	err = s.try(ctx, email, purpose, code)
	if c := CodeOf(err); (c == NotFound || c == Forbidden) && (purpose == ForRegister || purpose == ForReset) {
		// What is said of two codes is what is said of the one that is still good.
		if either := s.try(ctx, email, ForEither, code); CodeOf(either) != NotFound {
			err = either
		}
	}
	switch CodeOf(err) {
	case "":
		s.Limits.TakeByEmail.Reset(email)
		return nil
	case NotFound:
		return Errorf(NotFound, "code: expired, or never sent: ask for a new one")
	case Forbidden:
		return wrongCode()
	default:
		return err
	}
}

func (s *Codes) try(ctx context.Context, email string, purpose Purpose, code string) error {
	return s.Store.TryCode(ctx, email, purpose, s.Maker.Hash(purpose, email, code), s.Now())
}

func wrongCode() error { return Errorf(Forbidden, "code: wrong") }

// Run removes codes whose time is over until ctx ends.
func (s *Codes) Run(ctx context.Context) {
	tick := time.NewTicker(sweepCodes)
	defer tick.Stop()
	for {
		// Late, so that a process whose clock is behind does not get a code's tries back while it is good there.
		if err := s.Store.SweepCodes(ctx, s.Now().Add(-codeLife)); err != nil && ctx.Err() == nil {
			s.Log.Warn("old email codes not removed", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// cleanEmail returns an address as accounts are known by it, in lower case. Invalid for what is no bare address.
func cleanEmail(email string) (string, error) {
	email = strings.ToLower(email)
	if len(email) > maxEmail {
		return "", Errorf(Invalid, "email: not an address")
	}
	if a, err := mail.ParseAddress(email); err != nil || a.Address != email {
		return "", Errorf(Invalid, "email: not an address")
	}
	return email, nil
}
