//go:build !unix

package engineio

import "errors"

// rawCalls has nothing to lend here.
type rawCalls struct{}

// prepareRaw does nothing here: reads hold a buffer while they wait, and writes wait on a goroutine.
func (s *webSocket) prepareRaw() {}

func (s *webSocket) readRaw(wait bool) (int, error)    { return 0, errors.ErrUnsupported }
func (s *webSocket) writeRaw(data []byte) (int, error) { return 0, errors.ErrUnsupported }
