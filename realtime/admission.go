package realtime

import (
	"net/http"
	"time"

	"github.com/parley-chat/parley/limit"
)

// admit is engineio.Config.Admit. RemoteAddr is what a trusted proxy says, where there is one: the HTTP door has put it there.
func (s *Server) admit(r *http.Request) (leave func(), retry time.Duration, ok bool) {
	return limit.Admit(s.cfg.Handshakes, s.cfg.Connections, limit.Host(r.RemoteAddr))
}
