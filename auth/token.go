package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-chat/parley/chat"
)

const (
	tokenLife = 30 * 24 * time.Hour
	maxToken  = 4 << 10 // bytes; ours have about 400
	stampSize = 16      // bytes
)

// Tokens issues and checks JSON Web Tokens (RFC 7519) signed with HMAC-SHA256. It implements chat.Tokens. Make it with
// NewTokens.
type Tokens struct {
	secret []byte
	now    func() time.Time
	parser *jwt.Parser
}

// claims are the Node server's name, _id, iat and exp, and with them jti, which names the token, and the stamp.
type claims struct {
	Name  string      `json:"name"`
	User  chat.UserID `json:"_id"`
	Stamp string      `json:"pwd"`
	jwt.RegisteredClaims
}

// Validate is called by the parser after its own checks.
func (c claims) Validate() error {
	if !complete(c.User, c.ID, c.Stamp) {
		return errors.New("a claim is missing or malformed")
	}
	return nil
}

// complete tells whether a token has the claims that none of ours is without.
func complete(user chat.UserID, id, stamp string) bool {
	return user.Valid() && id != "" && stamp != ""
}

// NewTokens returns tokens signed with the secret, see LoadSecret and CheckSecret.
func NewTokens(secret []byte, now func() time.Time) *Tokens {
	return &Tokens{
		secret: secret,
		now:    now,
		parser: jwt.NewParser(
			// The header's alg comes from the client: "none" or a public key's algorithm must not choose the check.
			jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
			jwt.WithExpirationRequired(),
			jwt.WithTimeFunc(now),
			jwt.WithStrictDecoding(),
		),
	}
}

// Issue makes a token for the account, good for 30 days or until its stored password changes.
func (t *Tokens) Issue(a chat.Account) (string, error) {
	now := t.now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		Name:  a.Username,
		User:  a.ID,
		Stamp: t.stamp(a),
		RegisteredClaims: jwt.RegisteredClaims{
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(tokenLife)),
			ID:        chat.RandomID(12),
		},
	}).SignedString(t.secret)
	if err != nil {
		return "", chat.Wrap(chat.Internal, "token not signed", err)
	}
	return token, nil
}

// Parse checks signature, age and claims; Unauthenticated when one is wrong.
func (t *Tokens) Parse(token string) (chat.Claims, error) {
	if len(token) > maxToken {
		return chat.Claims{}, refused("malformed", nil)
	}
	if c, ok := t.parseOwn(token); ok {
		return c, nil
	}
	var c claims
	_, err := t.parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return t.secret, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return chat.Claims{}, refused("too old", err)
	case errors.Is(err, jwt.ErrTokenMalformed):
		return chat.Claims{}, refused("malformed", err)
	case err != nil:
		// Another secret signed it: the Node server, or this server before its secret changed.
		return chat.Claims{}, refused("not one of this server", err)
	}
	return chat.Claims{
		User: c.User, Name: c.Name, Stamp: c.Stamp, Token: chat.Token{ID: chat.TokenID(c.ID), Until: c.ExpiresAt.Time},
	}, nil
}

// ownHeader is the header of every token that Issue makes: {"alg":"HS256","typ":"JWT"}, and the dot behind it.
const ownHeader = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."

// parseOwn is Parse for a good token as Issue makes it: every connect brings one, and the parser decodes its header into
// a map and its times by way of floats. Whatever else comes, and whatever is wrong, is left to the parser; ok is false.
func (t *Tokens) parseOwn(token string) (c chat.Claims, ok bool) {
	end := strings.LastIndexByte(token, '.')
	if !strings.HasPrefix(token, ownHeader) || end < len(ownHeader) {
		return c, false
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(token[end+1:])
	if err != nil || jwt.SigningMethodHS256.Verify(token[:end], signature, t.secret) != nil {
		return c, false
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(token[len(ownHeader):end])
	if err != nil {
		return c, false
	}
	var own struct {
		Name      string          `json:"name"`
		User      chat.UserID     `json:"_id"`
		Stamp     string          `json:"pwd"`
		ID        string          `json:"jti"`
		Expires   int64           `json:"exp"`
		NotBefore json.RawMessage `json:"nbf"` // which ours do not have
	}
	if json.Unmarshal(text, &own) != nil || own.NotBefore != nil {
		return c, false
	}
	until := time.Unix(own.Expires, 0)
	if !t.now().Before(until) || !complete(own.User, own.ID, own.Stamp) {
		return c, false
	}
	return chat.Claims{User: own.User, Name: own.Name, Stamp: own.Stamp, Token: chat.Token{ID: chat.TokenID(own.ID), Until: until}}, true
}

func refused(why string, cause error) error {
	return &chat.Error{
		Code:    chat.Unauthenticated,
		Message: "the token is " + why + ": get a new one with POST /login {username, password}",
		Cause:   cause,
	}
}

// Fits tells whether the claims were made for the account's present password.
func (t *Tokens) Fits(c chat.Claims, a chat.Account) bool {
	return hmac.Equal([]byte(c.Stamp), []byte(t.stamp(a)))
}

// stamp says which stored password a token was made for and tells nothing of it: everyone can read a token's claims.
// The label keeps it apart from whatever else the secret signs.
func (t *Tokens) stamp(a chat.Account) string {
	mac := hmac.New(sha256.New, t.secret)
	mac.Write([]byte("password-stamp" + string(a.ID) + a.Password)) // an id is always 24 bytes
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:stampSize])
}
