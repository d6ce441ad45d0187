package chat

// Profile is what a user says of herself, for all to see.
type Profile struct {
	Nickname    string // one line
	Description string
	Sex         int    // 0 for not said, 1 or 2 as the client counts them
	Icon        string // what a client shows for her without a picture: a name it knows, or a URL
}

// ProfileChange says what to write into a profile: a field that is nil stays as it is.
type ProfileChange struct {
	Nickname, Description *string
	Sex                   *int
	Icon                  *string
}

// Apply returns the profile with the change in it.
func (c ProfileChange) Apply(p Profile) Profile {
	if c.Nickname != nil {
		p.Nickname = *c.Nickname
	}
	if c.Description != nil {
		p.Description = *c.Description
	}
	if c.Sex != nil {
		p.Sex = *c.Sex
	}
	if c.Icon != nil {
		p.Icon = *c.Icon
	}
	return p
}
