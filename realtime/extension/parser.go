package extension

import (
	"bytes"
	"errors"
	"log/slog"

	"github.com/zishang520/engine.io/v2/events"
	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io-go-parser/v2/parser"
)

// packets is the parser that the library is given. Decoding is done before it: its decoder takes finished packets.
type packets struct{ log *slog.Logger }

func (p packets) NewEncoder() parser.Encoder { return encoder{parser.NewEncoder(), p.log} }
func (p packets) NewDecoder() parser.Decoder { return decoder{events.New()} }

// encoder is the library's own, but what cannot be encoded is logged and not sent at all, where the library sends a
// packet without its data, which makes clients hang up.
type encoder struct {
	parser.Encoder
	log *slog.Logger
}

// Encode returns the packet's text and its attachments; nothing when it cannot be encoded.
func (e encoder) Encode(p *parser.Packet) (parts []types.BufferInterface) {
	namespace := p.Nsp
	defer func() {
		if cause := recover(); cause != nil { // of a MarshalJSON
			parts = nil
			e.log.Error("packet not encoded", "namespace", namespace, "cause", cause)
		}
	}()
	array := p.Type == parser.EVENT || p.Type == parser.ACK
	parts = e.Encoder.Encode(p)
	if array && (len(parts) == 0 || !bytes.HasSuffix(parts[0].Bytes(), []byte("]"))) {
		e.log.Error("packet not encoded: an argument has no JSON", "namespace", namespace)
		return nil
	}
	return parts
}

// decoder passes packets on.
type decoder struct{ events.EventEmitter }

// Add implements parser.Decoder.
func (d decoder) Add(packet any) error {
	p, ok := packet.(*parser.Packet)
	if !ok {
		return errors.New("not a packet")
	}
	d.Emit("decoded", p)
	return nil
}

// Destroy implements parser.Decoder.
func (decoder) Destroy() {}
