package realtime

import (
	"net/http"
	"time"

	"github.com/parley-chat/parley/limit"
)

// admit is engineio.Config.Admit: so many connections of an address at once, and so many new ones in a while.
func (s *Server) admit(r *http.Request) (leave func(), retry time.Duration, ok bool) {
	address := limit.Address(clientAddress(r))
	if s.cfg.Handshakes != nil {
		if retry, ok := s.cfg.Handshakes.Allow(address); !ok {
			return nil, retry, false
		}
	}
	if !s.cfg.Connections.Enter(address) {
		return nil, 0, false
	}
	return func() { s.cfg.Connections.Leave(address) }, 0, true
}
