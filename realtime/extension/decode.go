package extension

import (
	"encoding/json"
	"errors"

	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io-go-parser/v2/parser"

	"github.com/parley-chat/parley/realtime/socketio"
)

var (
	errValue       = errors.New("a value out of range")
	errPlaceholder = errors.New("an attachment that is not there")
)

// decode returns the arguments of an event or ack as the library gives them to handlers: JSON as any, attachments as
// types.BufferInterface. first goes before them.
func decode(p *socketio.Packet, first ...any) ([]any, error) {
	args := make([]any, len(first), len(first)+len(p.Args)+1) // and an ack function
	copy(args, first)
	for _, raw := range p.Args {
		var value any
		if err := json.Unmarshal(raw, &value); err != nil { // a number that no float64 holds
			return nil, errValue
		}
		args = append(args, value)
	}
	if len(p.Attachments) == 0 {
		return args, nil
	}
	buffers := make([]types.BufferInterface, len(p.Attachments))
	for i, a := range p.Attachments {
		buffers[i] = types.NewBytesBuffer(a)
	}
	whole, err := parser.ReconstructPacket(&parser.Packet{Data: args}, buffers)
	if err != nil {
		return nil, errPlaceholder
	}
	return whole.Data.([]any), nil
}

// decodeAuth returns a client's auth object, or nil.
func decodeAuth(raw []byte) (any, error) {
	if raw == nil {
		return nil, nil
	}
	var auth map[string]any
	if err := json.Unmarshal(raw, &auth); err != nil {
		return nil, errValue
	}
	return auth, nil
}

// size is what a packet takes in a lane, in bytes.
func size(p *socketio.Packet) (n int) {
	for _, a := range p.Args {
		n += len(a)
	}
	for _, a := range p.Attachments {
		n += len(a)
	}
	return n
}
