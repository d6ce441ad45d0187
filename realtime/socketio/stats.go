package socketio

import "github.com/parley-chat/parley/realtime/engineio"

// Stats returns the figures of the transport.
func (s *Server) Stats() engineio.Stats { return s.engine.Stats() }
