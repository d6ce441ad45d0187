package engineio

// Stats is a count of the sessions there are, and of what waits to be sent to them.
type Stats struct {
	Connections        int
	Polling, WebSocket int
	Protocol3          int // Engine.IO 3; the others speak 4
	Queued             int // packets
	QueuedBytes        int
	LongestQueue       int // bytes that wait for one of them
}

// Stats looks at every session; it costs nothing where it is not called.
func (s *Server) Stats() (t Stats) {
	s.mu.RLock()
	conns := make([]*Conn, 0, len(s.conns))
	for _, c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.RUnlock()
	for _, c := range conns {
		t.Connections++
		if c.Protocol() == 3 {
			t.Protocol3++
		}
		c.mu.Lock()
		if c.ws == nil {
			t.Polling++
		} else {
			t.WebSocket++
		}
		t.Queued += c.queue.len()
		t.QueuedBytes += c.queued
		t.LongestQueue = max(t.LongestQueue, c.queued)
		c.mu.Unlock()
	}
	return t
}
