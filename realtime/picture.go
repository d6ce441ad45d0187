package realtime

import "github.com/parley-chat/parley/chat"

// picture is where a client finds a picture, given as the account has it: a path on this server without a PublicURL.
func (d *Server) picture(stored string) string { return chat.PictureURL(d.cfg.PublicURL, stored) }
