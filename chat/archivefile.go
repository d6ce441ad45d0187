package chat

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"
)

const maxLine = 4 << 20 // bytes; a message's body is at most MaxBody, or 4/3 of that

// check refuses what no server of ours can have written.
func (b *Batch) check() error {
	for i := range b.Accounts {
		if a := &b.Accounts[i]; !a.ID.Valid() {
			return Errorf(Invalid, "account: not a user id")
		}
	}
	for _, f := range b.Friends {
		if !f.Owner.Valid() || !f.Friend.Valid() || utf8.RuneCountInString(f.Remark) > maxRemark {
			return Errorf(Invalid, "friend: no user, or a remark of over %d characters", maxRemark)
		}
	}
	for _, k := range b.Blocks {
		if !k.Owner.Valid() || !k.Other.Valid() {
			return Errorf(Invalid, "block: not a user id")
		}
	}
	for i := range b.Rooms {
		if err := b.Rooms[i].check(); err != nil {
			return err
		}
	}
	for i := range b.Members {
		if err := b.Members[i].check(); err != nil {
			return err
		}
	}
	for _, r := range b.Requests {
		if !r.From.Valid() || !r.To.Valid() || utf8.RuneCountInString(r.Note) > maxNote {
			return Errorf(Invalid, "request: no user, or a note of over %d characters", maxNote)
		}
	}
	for i := range b.Messages {
		if err := b.Messages[i].check(); err != nil {
			return err
		}
	}
	for _, d := range b.Devices {
		if !d.User.Valid() || len(d.ID) > maxDeviceBytes {
			return Errorf(Invalid, "device: not a user id, or its name is over %d bytes", maxDeviceBytes)
		}
	}
	for _, f := range b.Files {
		if !f.ID.Valid() || !f.Owner.Valid() || f.Size < 0 || f.State > FileCondemned {
			return Errorf(Invalid, "file: no file, user, size or state")
		}
	}
	for _, s := range b.Seen {
		if !s.User.Valid() {
			return Errorf(Invalid, "seen: not a user id")
		}
	}
	for _, c := range b.Cursors {
		if !c.User.Valid() || len(c.Device) > maxDeviceBytes || !c.Conv.valid() || c.Seq > maxSeq {
			return Errorf(Invalid, "cursor: no user, device, conversation or number")
		}
	}
	for _, e := range b.Erased {
		if !e.User.Valid() || e.At.IsZero() {
			return Errorf(Invalid, "erased: no user or time")
		}
	}
	return nil
}

const (
	maxDeviceBytes = maxDevice * utf8.UTFMax
	maxSeq         = 1 << 53 // what every client's numbers can hold
)

func (m *Message) check() error {
	_, isRoom := m.Conv.Room()
	a, b, isDirect := m.Conv.Users()
	switch {
	case !isRoom && !isDirect:
		return Errorf(Invalid, "message: conv is not a conversation id")
	case m.Seq == 0 || m.Seq > maxSeq || m.Change > maxSeq:
		return Errorf(Invalid, "message of %s: its number is out of bounds", m.Conv)
	case !m.Sender.Valid() || isDirect && m.Sender != a && m.Sender != b:
		return Errorf(Invalid, "message %s: its sender has no part in the conversation", m.ID())
	case len(m.Body) == 0 || len(m.Body) > MaxBody || len(m.Time) > maxTime || len(m.Ref) > MaxRef || len(m.Type) > maxType ||
		len(m.Device) > maxDeviceBytes || m.State > Expired:
		return Errorf(Invalid, "message %s: a field is out of bounds", m.ID())
	}
	return nil
}

func (c ConvID) valid() bool {
	_, isRoom := c.Room()
	_, _, isDirect := c.Users()
	return isRoom || isDirect
}

// unmarshalStrict refuses fields that it does not know: to pass over them would lose what a newer server wrote.
func unmarshalStrict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the object")
	}
	return nil
}

// lineWriter writes an archive.
type lineWriter struct {
	out *bufio.Writer
	enc *json.Encoder
}

func newLineWriter(w io.Writer) *lineWriter {
	out := bufio.NewWriterSize(w, 64<<10)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false) // it would change bodies
	return &lineWriter{out, enc}
}

func (w *lineWriter) line(l archiveLine) error {
	if err := w.enc.Encode(l); err != nil {
		return Wrap(Internal, "the archive cannot be written", err)
	}
	return nil
}

func (w *lineWriter) header(made time.Time) error {
	return w.line(archiveLine{Header: &archiveHeader{archiveFormat, millisOf(made)}})
}

func (w *lineWriter) batch(b *Batch) error {
	return errors.Join(
		writeLines(w, b.Accounts, lineOfAccount), writeLines(w, b.Friends, lineOfFriend),
		writeLines(w, b.Files, lineOfFile), writeLines(w, b.Messages, lineOfMessage), writeLines(w, b.Devices, lineOfDevice),
		writeLines(w, b.Seen, lineOfSeen), writeLines(w, b.Cursors, lineOfCursor),
		writeLines(w, b.Erased, lineOfErasure),
		writeLines(w, b.Blocks, lineOfBlock), writeLines(w, b.Requests, lineOfRequest),
		writeLines(w, b.Rooms, lineOfRoom), writeLines(w, b.Members, lineOfMember))
}

func writeLines[T any](w *lineWriter, all []T, line func(*T) archiveLine) error {
	for i := range all {
		if err := w.line(line(&all[i])); err != nil {
			return err
		}
	}
	return nil
}

func (w *lineWriter) end(c Counts) error {
	if err := w.line(archiveLine{End: &c}); err != nil {
		return err
	}
	if err := w.out.Flush(); err != nil {
		return Wrap(Internal, "the archive cannot be written", err)
	}
	return nil
}

// lineReader reads an archive.
type lineReader struct {
	in     *bufio.Scanner
	number int
}

func newLineReader(r io.Reader) *lineReader {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), maxLine)
	return &lineReader{in: in}
}

// next reads a line; size is its length in bytes.
func (r *lineReader) next() (l archiveLine, size int, err error) {
	r.number++
	if !r.in.Scan() {
		err := r.in.Err()
		if err == nil {
			err = errors.New("the archive ends without its last line")
		}
		return l, 0, r.bad(err)
	}
	if err := unmarshalStrict(r.in.Bytes(), &l); err != nil {
		return l, 0, r.bad(err)
	}
	return l, len(r.in.Bytes()), nil
}

func (r *lineReader) bad(cause error) error {
	return &Error{Code: Invalid, Message: fmt.Sprintf("the archive cannot be read at line %d", r.number), Cause: cause}
}

func (r *lineReader) header() error {
	l, _, err := r.next()
	switch {
	case err != nil:
		return err
	case l.Header == nil:
		return r.bad(errors.New("no header: this is no archive of a chat server"))
	case l.Header.Format != archiveFormat:
		return Errorf(Invalid, "the archive has format %d, this server knows %d", l.Header.Format, archiveFormat)
	}
	return nil
}

// batch reads at most so many records, and about so many bytes of them. end is the last line, when that has come.
func (r *lineReader) batch(records, bytes int) (b *Batch, end *Counts, err error) {
	b = new(Batch)
	for size := 0; records > 0 && size < bytes && end == nil; records-- {
		l, n, err := r.next()
		if err != nil {
			return nil, nil, err
		}
		size += n
		switch {
		case l.Account != nil:
			b.Accounts = append(b.Accounts, l.Account.account())
		case l.Friend != nil:
			b.Friends = append(b.Friends, l.Friend.friendship())
		case l.File != nil:
			b.Files = append(b.Files, l.File.file())
		case l.Message != nil:
			b.Messages = append(b.Messages, l.Message.message())
		case l.Device != nil:
			b.Devices = append(b.Devices, l.Device.device())
		case l.Seen != nil:
			b.Seen = append(b.Seen, l.Seen.seen())
		case l.Cursor != nil:
			b.Cursors = append(b.Cursors, l.Cursor.cursor())
		case l.Erased != nil:
			b.Erased = append(b.Erased, l.Erased.erasure())
		case l.Block != nil:
			b.Blocks = append(b.Blocks, l.Block.block())
		case l.Request != nil:
			b.Requests = append(b.Requests, l.Request.request())
		case l.Room != nil:
			b.Rooms = append(b.Rooms, l.Room.room())
		case l.Member != nil:
			b.Members = append(b.Members, l.Member.member())
		case l.End != nil:
			end = l.End
		default:
			return nil, nil, r.bad(errors.New("no record"))
		}
	}
	if err := b.check(); err != nil {
		return nil, nil, r.bad(err)
	}
	return b, end, nil
}
