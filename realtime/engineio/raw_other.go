//go:build !unix

package engineio

// prepareRaw does nothing here: reads hold a buffer while they wait, and writes wait on a goroutine.
func (s *webSocket) prepareRaw() {}
