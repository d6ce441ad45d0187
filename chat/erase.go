package chat

import "context"

// Leaver cleans up behind a user who deletes her account.
type Leaver interface {
	// LeaveAll takes the user out of all that it keeps of people. It may be called again for the same user, after a
	// failure or when something came meanwhile, also when her account is gone; nothing left to do is no error.
	LeaveAll(ctx context.Context, user UserID) error
}

// Delete ends the account of a user who says her password again. Leavers take her out of lists of friends, rooms and
// devices, and remove her picture; then the account is erased, at once and for good, and her tokens and sockets end. Her
// messages stay, under an id that is nobody's any more.
//
// The account goes last of all. So whatever breaks it off, be it a crash, the user still can log in, and deleting again
// goes on from there; and once her account is gone, nothing of importance is left to do.
//
// Errors: Forbidden when the password is wrong, or for an account that Stays; TooMany; those of a Leaver.
func (s *Accounts) Delete(ctx context.Context, id UserID, password string) error {
	a, err := s.confirm(ctx, id, password)
	if err != nil {
		return err
	}
	if s.Stays != nil {
		if err := s.Stays(a); err != nil {
			return err
		}
	}
	for _, l := range s.Leavers {
		if err := l.LeaveAll(ctx, id); err != nil {
			return err
		}
	}
	if err := s.Store.EraseAccount(ctx, id, s.Now()); err != nil {
		return err
	}
	s.revoked(id)
	// Somebody may have invited her meanwhile, or a device of hers logged in.
	for _, l := range s.Leavers {
		if err := l.LeaveAll(ctx, id); err != nil {
			s.Log.Warn("something is left of a deleted account", "user", id, "error", err)
		}
	}
	return nil
}
