package realtime

import (
	"net/url"
	"strings"
)

// picturePrefix is where the HTTP door shows what users look like.
const picturePrefix = "/mongo/img/"

// picture is where a client finds a picture, given as the account has it: a path on this server without a PublicURL.
func (d *Server) picture(stored string) string {
	if stored == "" || strings.HasPrefix(stored, "http://") || strings.HasPrefix(stored, "https://") {
		return stored
	}
	return d.cfg.PublicURL + (&url.URL{Path: picturePrefix + stored}).EscapedPath()
}
