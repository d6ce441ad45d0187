package engineio

import (
	"bytes"
	"compress/flate"
	"io"
	"sync"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
)

// This file is Config.Compress on WebSockets: permessage-deflate (RFC 7692). On polls it is gzip.

// compressFrom is the least size in bytes that is compressed. What is shorter fits one packet of TCP either way.
const compressFrom = 1 << 10

// rsv1 marks a compressed message in the first byte of its first frame (RFC 7692, section 6).
const rsv1 = 0x40

// serverWindow is log2 of the window that compress/flate writes with: it has no shorter one.
const serverWindow = 15

// codecs lends what compresses and inflates: 800 KB and 40 KB each, far too much for every connection.
type codecs struct {
	deflaters sync.Pool // *deflater
	inflaters sync.Pool // *inflater
	gzips     sync.Pool // *gzip.Writer
}

// acceptDeflate returns what answers offers of extensions: the first of permessage-deflate that can be kept to is
// accepted, and others are declined (RFC 7692, sections 5.1 and 7.1). Neither side may keep its window from message to
// message: an idle connection needs none, and a frame is the same for all who receive it.
func acceptDeflate(accepted *bool) func(httphead.Option) (httphead.Option, error) {
	return func(offer httphead.Option) (none httphead.Option, err error) {
		var asked wsflate.Parameters
		if *accepted || string(offer.Name) != wsflate.ExtensionName || asked.Parse(offer) != nil ||
			asked.ServerMaxWindowBits.Defined() && asked.ServerMaxWindowBits < serverWindow {
			return none, nil
		}
		*accepted = true
		return wsflate.Parameters{
			ServerNoContextTakeover: true,
			ClientNoContextTakeover: true,
			ServerMaxWindowBits:     asked.ServerMaxWindowBits, // must be named again
		}.Option(), nil
	}
}

// inflater reads what one compressed message holds.
type inflater struct {
	*wsflate.Reader
	from bytes.Reader
}

// resetter lets wsflate use a flate reader again.
type resetter struct{ io.ReadCloser }

func (r resetter) Reset(from io.Reader) {
	r.ReadCloser.(flate.Resetter).Reset(from, nil) // cannot fail without a dictionary
}

func newInflater() *inflater {
	in := &inflater{}
	in.Reader = wsflate.NewReader(&in.from, func(r io.Reader) wsflate.Decompressor { return resetter{flate.NewReader(r)} })
	return in
}

// inflate returns what a compressed message holds, in memory of its own. A message that holds more than most bytes is
// refused when it has come to that many. An error is a *closing.
func (c *codecs) inflate(data []byte, most int) ([]byte, error) {
	in, ok := c.inflaters.Get().(*inflater)
	if !ok {
		in = newInflater()
	}
	in.from.Reset(data)
	in.Reset(&in.from)
	message, err := io.ReadAll(io.LimitReader(in, int64(most)+1))
	in.from.Reset(nil) // the pool keeps no message
	c.inflaters.Put(in)
	switch {
	case err != nil:
		return nil, broken(ws.StatusInvalidFramePayloadData, "malformed compressed data")
	case len(message) > most:
		return nil, broken(ws.StatusMessageTooBig, "message over maxPayload when inflated")
	}
	return message, nil
}

// deflater compresses into out.
type deflater struct {
	*wsflate.Writer
	out bytes.Buffer
}

func newDeflater() *deflater {
	d := &deflater{}
	d.Writer = wsflate.NewWriter(&d.out, func(w io.Writer) wsflate.Compressor {
		fast, _ := flate.NewWriter(w, flate.BestSpeed) // fails for levels that do not exist
		return fast
	})
	return d
}

// deflate returns the compressed form of a data frame; ok is false when it is no shorter.
func (c *codecs) deflate(f *Frame) (deflated *Frame, ok bool) {
	d, ok := c.deflaters.Get().(*deflater)
	if !ok {
		d = newDeflater()
	}
	defer c.deflaters.Put(d)
	d.out.Reset()
	d.Reset(&d.out)
	d.Write(f.body())
	if err := d.Flush(); err != nil || d.out.Len() >= len(f.body()) {
		return nil, false
	}
	buf := append(make([]byte, maxHeader, maxHeader+d.out.Len()), d.out.Bytes()...)
	deflated = newFrame(buf, ws.OpCode(f.wire[0]&0x0f))
	deflated.wire[0] |= rsv1
	return deflated, true
}

// packed returns the form of a frame for WebSockets that have negotiated compression: the frame itself when that is as
// short. The first who needs it makes it for all.
func (f *Frame) packed(c *codecs) *Frame {
	if len(f.body()) < compressFrom {
		return f
	}
	others := f.others()
	others.pack.Do(func() {
		if deflated, ok := c.deflate(f); ok {
			others.packed = deflated
		}
	})
	if others.packed == nil {
		return f
	}
	return others.packed
}

// packs tells whether any of the frames may have to be compressed for this connection.
func (c *Conn) packs(frames []*Frame) bool {
	if c.closed || c.ws == nil || c.ws.codecs == nil {
		return false
	}
	for _, f := range frames {
		if len(f.body()) >= compressFrom {
			return true
		}
	}
	return false
}

// packed returns the frames in the form of a connection that has negotiated compression.
func (s *Server) packed(frames []*Frame) []*Frame {
	packed := make([]*Frame, len(frames))
	for i, f := range frames {
		packed[i] = f.packed(&s.codecs)
	}
	return packed
}
