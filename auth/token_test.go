package auth

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-chat/parley/chat"
)

var _ chat.Tokens = (*Tokens)(nil)

const testSecret = "a secret of this test, 32 bytes."

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func annsAccount() chat.Account {
	return chat.Account{ID: "65f1a2b3c4d5e6f708192a3b", Username: "Ann 安", Password: "$2a$10$stored"}
}

// at returns tokens of the test secret, at a moment after noon.
func at(after time.Duration) *Tokens {
	return NewTokens([]byte(testSecret), func() time.Time { return noon.Add(after) })
}

func issue(t *testing.T, tokens *Tokens, a chat.Account) string {
	t.Helper()
	token, err := tokens.Issue(a)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// goodClaims are those of a token that Ann was given at noon.
func goodClaims() jwt.MapClaims {
	ann := annsAccount()
	return jwt.MapClaims{
		"name": ann.Username, "_id": ann.ID, "iat": noon.Unix(), "exp": noon.Add(time.Hour).Unix(),
		"jti": "device", "pwd": at(0).stamp(ann),
	}
}

func sign(t testing.TB, method jwt.SigningMethod, key any, c jwt.Claims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(method, c).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestTokenSaysWhoseItIs(t *testing.T) {
	tokens, ann := at(0), annsAccount()
	token := issue(t, tokens, ann)
	c, err := tokens.Parse(token)
	if err != nil {
		t.Fatal(err)
	}
	if c.User != ann.ID || c.Name != ann.Username || c.Token.ID == "" || !c.Token.Until.Equal(noon.Add(30*24*time.Hour)) || !tokens.Fits(c, ann) {
		t.Fatalf("got %+v", c)
	}
	second, err := tokens.Parse(issue(t, tokens, ann))
	if err != nil || second.Token.ID == c.Token.ID {
		t.Fatalf("two tokens have one name: %+v, %v", second, err)
	}
	if len(token) > maxToken/8 {
		t.Errorf("%d bytes: near the bound that Parse sets", len(token))
	}
}

func TestTokenHasTheClaimsOfTheContract(t *testing.T) {
	_, rest, _ := strings.Cut(issue(t, at(0), annsAccount()), ".")
	payload, _, _ := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, []string{"_id", "exp", "iat", "jti", "name", "pwd"}) {
		t.Fatalf("claims %v", names)
	}
	if got["iat"] != float64(noon.Unix()) || got["exp"] != float64(noon.Unix()+30*24*60*60) {
		t.Fatalf("iat %v, exp %v", got["iat"], got["exp"])
	}
	if strings.Contains(string(text), annsAccount().Password) {
		t.Fatal("the token tells the stored password")
	}
}

func TestTokenDiesAfterThirtyDays(t *testing.T) {
	token := issue(t, at(0), annsAccount())
	if _, err := at(30*24*time.Hour - time.Second).Parse(token); err != nil {
		t.Fatalf("a second before its end: %v", err)
	}
	_, err := at(30 * 24 * time.Hour).Parse(token)
	if chat.CodeOf(err) != chat.Unauthenticated || !strings.Contains(chat.AsError(err).Message, "too old") {
		t.Fatalf("at its end: %v", err)
	}
}

func TestTokenDiesWithThePassword(t *testing.T) {
	tokens, ann := at(0), annsAccount()
	c, err := tokens.Parse(issue(t, tokens, ann))
	if err != nil {
		t.Fatal(err)
	}
	changed := ann
	changed.Password = "$2a$10$changed"
	if tokens.Fits(c, changed) {
		t.Fatal("it outlived a change of the password")
	}
	bob := ann
	bob.ID = "65f1a2b3c4d5e6f708192a3c"
	if tokens.Fits(c, bob) {
		t.Fatal("it fits an account with the same stored password")
	}
	if tokens.Fits(chat.Claims{User: ann.ID}, ann) {
		t.Fatal("claims without a stamp fit")
	}
}

func TestForeignTokensAreRefused(t *testing.T) {
	without := func(claim string) jwt.MapClaims {
		c := goodClaims()
		delete(c, claim)
		return c
	}
	with := func(claim string, value any) jwt.MapClaims {
		c := goodClaims()
		c[claim] = value
		return c
	}
	secret := []byte(testSecret)
	hs256 := func(c jwt.Claims) string { return sign(t, jwt.SigningMethodHS256, secret, c) }
	good := hs256(goodClaims())
	if _, err := at(0).Parse(good); err != nil {
		t.Fatalf("the pattern of the forgeries is refused itself: %v", err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	forged := hs256(with("name", "Bob"))
	tests := map[string]string{
		"empty":                      "",
		"no token":                   "hello",
		"dots":                       "..",
		"alg none":                   sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, goodClaims()),
		"alg HS512, right secret":    sign(t, jwt.SigningMethodHS512, secret, goodClaims()),
		"alg HS384, right secret":    sign(t, jwt.SigningMethodHS384, secret, goodClaims()),
		"alg RS256":                  sign(t, jwt.SigningMethodRS256, key, goodClaims()),
		"alg PS256":                  sign(t, &jwt.SigningMethodRSAPSS{SigningMethodRSA: &jwt.SigningMethodRSA{Name: "PS256", Hash: crypto.SHA256}}, key, goodClaims()),
		"signature cut":              parts[0] + "." + parts[1] + ".",
		"signature gone":             parts[0] + "." + parts[1],
		"claims of another token":    parts[0] + "." + strings.Split(forged, ".")[1] + "." + parts[2],
		"last digit of a signature":  good[:len(good)-1] + otherDigit(good[len(good)-1]),
		"another secret (Node's)":    sign(t, jwt.SigningMethodHS256, []byte("vue-chat"), goodClaims()),
		"no exp":                     hs256(without("exp")),
		"no _id":                     hs256(without("_id")),
		"no jti":                     hs256(without("jti")),
		"no pwd":                     hs256(without("pwd")),
		"_id of another form":        hs256(with("_id", "../../etc/passwd")),
		"_id in capitals":            hs256(with("_id", strings.ToUpper(string(annsAccount().ID)))),
		"_id a number":               hs256(with("_id", 7)),
		"exp a string":               hs256(with("exp", "never")),
		"not before tomorrow":        hs256(with("nbf", noon.Add(24*time.Hour).Unix())),
		"longer than any of ours":    hs256(with("name", strings.Repeat("x", maxToken))),
		"the word Bearer left on it": "Bearer " + good,
	}
	for name, token := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := at(0).Parse(token)
			e := chat.AsError(err)
			if err == nil || e.Code != chat.Unauthenticated || !strings.Contains(e.Message, "POST /login") {
				t.Fatalf("got %+v, %v", c, err)
			}
			if c != (chat.Claims{}) {
				t.Fatalf("a refused token says %+v", c)
			}
		})
	}
}

// otherDigit returns a base64url digit with the same upper four bits: the last digit of 32 bytes carries no more, so a
// lax decoder takes both for the same signature.
func otherDigit(digit byte) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(digits[strings.IndexByte(digits, digit)^1])
}

// TestOwnTokensAreReadAsTheLibraryReadsThem holds parseOwn to the parser, which decides on all that it leaves.
func TestOwnTokensAreReadAsTheLibraryReadsThem(t *testing.T) {
	hs256 := func(changes jwt.MapClaims) string {
		c := goodClaims()
		maps.Copy(c, changes)
		return sign(t, jwt.SigningMethodHS256, []byte(testSecret), c)
	}
	issued := issue(t, at(0), annsAccount())
	for name, test := range map[string]struct {
		token string
		own   bool // it need not ask the parser
	}{
		"issued":                       {issued, true},
		"with a claim more":            {hs256(jwt.MapClaims{"iss": "parley"}), true},
		"at its end":                   {hs256(jwt.MapClaims{"exp": noon.Unix()}), false},
		"a second before":              {hs256(jwt.MapClaims{"exp": noon.Unix() + 1}), true},
		"half a second before":         {hs256(jwt.MapClaims{"exp": float64(noon.Unix()) + 0.5}), false},
		"not before tomorrow":          {hs256(jwt.MapClaims{"nbf": noon.Unix() + 24*60*60}), false},
		"not before yesterday":         {hs256(jwt.MapClaims{"nbf": noon.Unix() - 24*60*60}), false},
		"no exp":                       {hs256(jwt.MapClaims{"exp": nil}), false},
		"exp zero":                     {hs256(jwt.MapClaims{"exp": 0}), false},
		"no user":                      {hs256(jwt.MapClaims{"_id": ""}), false},
		"no name of its own":           {hs256(jwt.MapClaims{"jti": ""}), false},
		"no stamp":                     {hs256(jwt.MapClaims{"pwd": ""}), false},
		"another secret":               {sign(t, jwt.SigningMethodHS256, []byte("vue-chat"), goodClaims()), false},
		"another algorithm":            {sign(t, jwt.SigningMethodHS512, []byte(testSecret), goodClaims()), false},
		"a lax last digit":             {issued[:len(issued)-1] + otherDigit(issued[len(issued)-1]), false},
		"the header, signed":           {ownHeader + signatureOf(t, ownHeader[:len(ownHeader)-1]), false},
		"no claims, signed":            {ownHeader + "." + signatureOf(t, ownHeader), false},
		"a part more":                  {ownHeader + "e30.e30." + signatureOf(t, ownHeader+"e30.e30"), false},
		"claims that are null, signed": {ownHeader + "bnVsbA." + signatureOf(t, ownHeader+"bnVsbA"), false},
	} {
		tokens := at(0)
		c, ok := tokens.parseOwn(test.token)
		if ok != test.own {
			t.Errorf("%s: read at once: %v", name, ok)
		}
		var want claims
		_, err := tokens.parser.ParseWithClaims(test.token, &want, func(*jwt.Token) (any, error) { return tokens.secret, nil })
		switch {
		case !ok:
		case err != nil:
			t.Errorf("%s: believed, and the parser says %v", name, err)
		case c != (chat.Claims{User: want.User, Name: want.Name, Stamp: want.Stamp, Token: chat.Token{ID: chat.TokenID(want.ID), Until: want.ExpiresAt.Time}}):
			t.Errorf("%s: says %+v, the parser %+v", name, c, want)
		}
	}
}

func signatureOf(t *testing.T, text string) string {
	t.Helper()
	signature, err := jwt.SigningMethodHS256.Sign(text, []byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(signature)
}

func FuzzParse(f *testing.F) {
	tokens := at(0)
	good := sign(f, jwt.SigningMethodHS256, []byte(testSecret), goodClaims()) // the same in every process that fuzzes
	want, err := tokens.Parse(good)
	if err != nil {
		f.Fatal(err)
	}
	parts := strings.Split(good, ".")
	for _, seed := range []string{
		good, "", ".", "..", "...", parts[0], parts[0] + "..", "." + parts[1] + ".", good + ".x", good + "=", good + "\n",
		"eyJhbGciOiJub25lIn0." + parts[1] + ".",
		"bnVsbA.bnVsbA.bnVsbA", "W10.W10.W10", "e30.e30.e30",
		"eyJhbGciOjF9.e30.", "eyJhbGciOiJIUzI1NiJ9.bnVsbA.AA",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		c, err := tokens.Parse(token)
		switch {
		case err == nil && c != want:
			t.Fatalf("a forged token is believed: %q says %+v", token, c)
		case err != nil && chat.CodeOf(err) != chat.Unauthenticated:
			t.Fatalf("%q: %v", token, err)
		}
	})
}
