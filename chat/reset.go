package chat

import "context"

// Reset gives the account of an email a new password, on proof by a code that was sent there for ForReset or ForEither.
// All its tokens end, and pacing of its logins begins anew. username may be "", or must be the account's. source is
// where the request came from, for pacing.
//
// Errors: Invalid for a password out of bounds; NotFound for an expired code, Forbidden for a wrong one, see Codes.Take;
// then, with the code used up, Conflict when nobody has the email or she has another username; TooMany.
func (s *Accounts) Reset(ctx context.Context, email, username, password, code, source string) error {
	return Errorf(Unavailable, "not yet")
}

// ChangeEmail gives a user who knows her password another email, on proof by a code that was sent there for ForEmail.
//
// Errors: Invalid; Forbidden for a wrong password or code; NotFound for an expired code; Conflict when another account
// has the email, or hers changed meanwhile; TooMany.
func (s *Accounts) ChangeEmail(ctx context.Context, id UserID, email, password, code, source string) error {
	return Errorf(Unavailable, "not yet")
}
