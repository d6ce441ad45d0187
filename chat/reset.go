package chat

import "context"

// Reset gives the account of an email a new password, on proof by a code that was sent there for ForReset or ForEither.
// All its tokens end, and the pacing of its logins begins anew. username may be "", or must be the account's. source is
// where the request came from, for pacing.
//
// Errors: Invalid for a password out of bounds; those of Codes.Take: NotFound for an expired code, Forbidden for a wrong
// one; then, with the code used up, Conflict when nobody has the email, or somebody of another username; TooMany.
func (s *Accounts) Reset(ctx context.Context, email, username, password, code, source string) error {
	if err := checkPassword("password", password); err != nil {
		return err
	}
	if err := s.takeCode(ctx, email, ForReset, code, source); err != nil {
		return err
	}
	a, err := s.ByEmail(ctx, email)
	switch {
	case CodeOf(err) == NotFound || err == nil && username != "" && username != a.Username:
		return Errorf(Conflict, "email: no account has it, or one of another username")
	case err != nil:
		return err
	}
	hash, err := s.Passwords.Hash(password)
	if err != nil {
		return err
	}
	// A login may replace a hash of the Node server meanwhile. Whoever owns the mailbox has the last word.
	for {
		err := s.Store.SetPassword(ctx, a.ID, a.Password, hash)
		if CodeOf(err) == "" {
			break
		} else if CodeOf(err) != Conflict {
			return err
		}
		if a, err = s.Store.Account(ctx, a.ID); err != nil {
			return err
		}
	}
	s.unlock(&a)
	s.revoked(a.ID)
	return nil
}

// ChangeEmail gives a user who knows her password another email, on proof by a code that was sent there for ForEmail.
//
// Errors: Invalid for what is no address; Forbidden for a wrong password; those of Codes.Take: NotFound for an expired
// code, Forbidden for a wrong one; then, with the code used up, Conflict when another account has the email, or hers
// changed meanwhile; TooMany.
func (s *Accounts) ChangeEmail(ctx context.Context, id UserID, email, password, code, source string) error {
	email, err := cleanEmail(email)
	if err != nil {
		return err
	}
	a, err := s.confirm(ctx, id, password)
	if err != nil {
		return err
	}
	if err := s.takeCode(ctx, email, ForEmail, code, source); err != nil {
		return err
	}
	return s.Store.SetEmail(ctx, id, a.Email, email)
}

func (s *Accounts) takeCode(ctx context.Context, email string, purpose Purpose, code, source string) error {
	if s.Codes == nil {
		return wrongCode()
	}
	return s.Codes.Take(ctx, email, purpose, code, source)
}
