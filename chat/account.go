package chat

import (
	"context"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Account is one user as an engine keeps it.
type Account struct {
	ID       UserID
	Number   uint64 // public and unique, for people who want digits; 0 until it is needed, see WithNumber
	Username string // unique, compared to the letter
	Email    string // unique, kept in lower case but where the Node server wrote it; "" for none
	Phone    string // unique; "" for none
	Password string // bcrypt, or the Node server's double MD5 until the next login
	Picture  string // the file's name; an absolute URL where the Node server wrote it; "" for none
	Created  time.Time
	Revoked  []Token // ended before their time; see Token for one without ID
	Profile
}

// AccountStore keeps accounts. An email, phone or number that is empty is nobody's, and any number of accounts lack it.
type AccountStore interface {
	// CreateAccount stores a new account. Conflict when its id, username, email, phone or number is taken: then nothing
	// is stored.
	CreateAccount(ctx context.Context, a Account) error
	// Account returns the account with this id, or NotFound, also for one that was erased.
	Account(ctx context.Context, id UserID) (Account, error)
	// Accounts returns those of ids that exist, in the order of ids.
	Accounts(ctx context.Context, ids []UserID) ([]Account, error)
	// AccountByUsername returns the account of this name, or NotFound.
	AccountByUsername(ctx context.Context, username string) (Account, error)
	// AccountByPhone returns the account with this phone number, or NotFound.
	AccountByPhone(ctx context.Context, phone string) (Account, error)
	// AccountByEmail returns the account with this email address, or else one whose address it is in lower case; or
	// NotFound.
	AccountByEmail(ctx context.Context, email string) (Account, error)
	// AccountByNumber returns the account with this number, or NotFound.
	AccountByNumber(ctx context.Context, number uint64) (Account, error)
	// SetNumber gives a number to an account that has none. Conflict when it has one, or the number is or was another's;
	// NotFound without such an account.
	SetNumber(ctx context.Context, id UserID, number uint64) error
	// SetProfile replaces the fields of the profile that change names; NotFound without such an account.
	SetProfile(ctx context.Context, id UserID, change ProfileChange) error
	// SetEmail replaces the email address if it still is old; "" stands for none, in both. Conflict when it is not, or
	// when new is another's; NotFound without such an account.
	SetEmail(ctx context.Context, id UserID, old, new string) error
	// SetPassword replaces the stored password if it still is old; Conflict if it is not, NotFound without such an account.
	SetPassword(ctx context.Context, id UserID, old, new string) error
	// SetPicture replaces the picture and returns the former one; NotFound without such an account.
	SetPicture(ctx context.Context, id UserID, name string) (former string, err error)
	// RevokeTokens adds to the account's revoked tokens, in no order, and then takes others out; others that are added
	// at the same moment stay. What is there already, or is not there, is no error. NotFound without such an account.
	RevokeTokens(ctx context.Context, id UserID, add, remove []Token) error
	// EraseAccount leaves of an account its id, its number and the time. Username, email and phone are free again, id and
	// number never. One that was erased before keeps its time; NotFound for an id that never was.
	EraseAccount(ctx context.Context, id UserID, at time.Time) error
	// Erased returns when each of the users was erased, the zero time for who was not.
	Erased(ctx context.Context, ids []UserID) ([]time.Time, error)
}

// Passwords proves that someone knows a password.
type Passwords interface {
	// Hash returns what to store for a password.
	Hash(password string) (string, error)
	// Verify tells whether password fits the stored hash, and whether that hash should be replaced by a fresh one.
	// It takes as long for an empty hash as for a real one, so that time does not tell who exists.
	Verify(hash, password string) (ok, stale bool)
}

// Claims are what a token says of its bearer.
type Claims struct {
	User  UserID
	Name  string
	Token Token  // its id names the device that gives itself no name
	Stamp string // fits one stored password alone
}

// Tokens issues and checks proofs of who someone is.
type Tokens interface {
	// Issue makes a token for the account; it dies when the account's stored password changes.
	Issue(a Account) (string, error)
	// Parse checks signature and age; Unauthenticated when either is wrong.
	Parse(token string) (Claims, error)
	// Fits tells whether the claims were made for the account's present password.
	Fits(c Claims, a Account) bool
}

// Limiter paces whatever a key names.
type Limiter interface {
	// Allow takes one from the key's allowance. When none is left it takes nothing and says when to come back.
	Allow(key string) (retry time.Duration, ok bool)
	// Reset gives the key its full allowance again.
	Reset(key string)
}

// AccountLimits paces the doors to accounts. Every field is needed.
type AccountLimits struct {
	LoginByAccount, LoginByAddress, RegisterByAddress Limiter
	// SearchByUser keeps a user from trying out all phone numbers there are; ProfileByUser is for looking at profiles.
	SearchByUser, ProfileByUser Limiter
}

// Bounds of an account's fields.
const (
	maxUsername = 64 // runes
	maxPassword = 72 // bytes; bcrypt reads no further
	maxEmail    = 254
	minPhone    = 3
	maxPhone    = 20
)

// Accounts are the rules of who someone is.
type Accounts struct {
	Store     AccountStore
	Passwords Passwords
	Tokens    Tokens
	Limits    AccountLimits
	Now       func() time.Time
	Log       *slog.Logger
	// Revoked is told of a user whose tokens just died, so that live connections end too. It may be nil.
	Revoked func(UserID)
	// Codes proves who reads an email. It may be nil: then no code fits.
	Codes *Codes
	// DemandCode lets nobody register without a code.
	DemandCode bool
	// Draw makes the number of an account; nil for random ones, see drawNumber.
	Draw func() uint64
	// Leavers clean up behind a user who deletes her account.
	Leavers []Leaver
	// Stays says why an account cannot be deleted. It may be nil.
	Stays func(Account) error
}

// Registration is a request for a new account. Username and Password are needed.
type Registration struct {
	Username, Password string
	Email, Phone       string // checked and unique where they are given; a door may need them
	Nickname, Icon     string
	Code               string // that was sent to Email; "" for none
	Address            string // where the request came from, for pacing
}

// Register makes an account and a token for it.
//
// Errors: Invalid names the field; Conflict when username, email or phone is taken; those of Codes.Take for a code, which
// is used up even when something is taken; TooMany.
func (s *Accounts) Register(ctx context.Context, r Registration) (Account, string, error) {
	r.Email = strings.ToLower(r.Email)
	if err := r.check(); err != nil {
		return Account{}, "", err
	}
	if retry, ok := s.Limits.RegisterByAddress.Allow(r.Address); !ok {
		return Account{}, "", tooMany("too many registrations from this address", retry)
	}
	// Before anything is looked up: who has no code is not told which emails are taken.
	if s.DemandCode || r.Code != "" {
		if err := s.takeCode(ctx, r.Email, ForRegister, r.Code, r.Address); err != nil {
			return Account{}, "", err
		}
	}
	hash, err := s.Passwords.Hash(r.Password)
	if err != nil {
		return Account{}, "", err
	}
	// Who has the address with the Node server's capitals has it too, and no unique index sees that. Nobody gets such an
	// address any more, so this need not be one step with the write.
	if _, err := s.ByEmail(ctx, r.Email); err == nil {
		return Account{}, "", Errorf(Conflict, "the email is taken")
	} else if CodeOf(err) != NotFound {
		return Account{}, "", err
	}
	now := s.Now()
	a, err := s.create(ctx, Account{
		ID: NewUserID(now), Username: r.Username, Email: r.Email, Phone: r.Phone, Password: hash, Created: now,
		Profile: Profile{Nickname: r.Nickname, Icon: r.Icon},
	})
	if err != nil {
		return Account{}, "", err
	}
	token, err := s.Tokens.Issue(a)
	return a, token, err
}

func (r *Registration) check() error {
	if err := checkText("username", r.Username, maxUsername); err != nil {
		return err
	}
	if err := checkPassword("password", r.Password); err != nil {
		return err
	}
	if r.Email != "" {
		if _, err := cleanEmail(r.Email); err != nil {
			return err
		}
	}
	if r.Phone != "" && (len(r.Phone) < minPhone || len(r.Phone) > maxPhone || strings.Trim(r.Phone, "+-0123456789 ()") != "") {
		return Errorf(Invalid, "phoneNum: %d to %d digits", minPhone, maxPhone)
	}
	return ProfileChange{Nickname: &r.Nickname, Icon: &r.Icon}.check()
}

func checkPassword(field, p string) error {
	if p == "" || len(p) > maxPassword {
		return Errorf(Invalid, "%s: 1 to %d bytes", field, maxPassword)
	}
	return nil
}

// checkText allows what people write in one line: any script, no control characters, no blank ends.
func checkText(field, s string, most int) error {
	if s == "" || !utf8.ValidString(s) || utf8.RuneCountInString(s) > most ||
		strings.TrimSpace(s) != s || strings.ContainsFunc(s, unicode.IsControl) {
		return Errorf(Invalid, "%s: 1 to %d characters, no control characters, no blanks at the ends", field, most)
	}
	return nil
}

// Authenticate tells whose token this is.
//
// Errors: Unauthenticated when it is malformed, too old, revoked, of a changed password or of nobody.
func (s *Accounts) Authenticate(ctx context.Context, token string) (Account, Claims, error) {
	c, err := s.Tokens.Parse(token)
	if err != nil {
		return Account{}, Claims{}, err
	}
	a, err := s.Store.Account(ctx, c.User)
	if CodeOf(err) == NotFound || err == nil && (a.revoked(c.Token) || !s.Tokens.Fits(c, a)) {
		return Account{}, Claims{}, Errorf(Unauthenticated, "the token is no longer good: log in again")
	}
	return a, c, err
}

func tooMany(message string, retry time.Duration) error {
	return &Error{Code: TooMany, Message: message, RetryAfter: retry}
}
