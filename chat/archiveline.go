package chat

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"time"
	"unicode/utf8"
)

// An archive is a text of lines, each a JSON object with one field: first the header, then records, then the end.
//
//	{"parley":{"format":1,"made":1772625600123}}
//	{"account":{"id":"65e5…","username":"Ann",…}}
//	{"message":{"conv":"65e5…|65e6…","seq":1,…}}
//	{"end":{"accounts":1,…,"messages":1,…}}
//
// Times are milliseconds since 1970; what is empty is left out. Equal records make equal lines, whatever engine they
// come from.
const archiveFormat = 1

type archiveLine struct {
	Header  *archiveHeader `json:"parley,omitempty"`
	Account *accountLine   `json:"account,omitempty"`
	Friend  *friendLine    `json:"friend,omitempty"`
	File    *fileLine      `json:"file,omitempty"`
	Message *messageLine   `json:"message,omitempty"`
	Device  *deviceLine    `json:"device,omitempty"`
	Seen    *seenLine      `json:"seen,omitempty"`
	Cursor  *cursorLine    `json:"cursor,omitempty"`
	Erased  *erasureLine   `json:"erased,omitempty"`
	Block   *blockLine     `json:"block,omitempty"`
	Request *requestLine   `json:"request,omitempty"`
	Room    *roomLine      `json:"room,omitempty"`
	Member  *memberLine    `json:"member,omitempty"`
	End     *Counts        `json:"end,omitempty"`
}

type archiveHeader struct {
	Format int    `json:"format"`
	Made   millis `json:"made"`
}

// millis is a time as an archive has it; 0 stands for none.
type millis int64

func millisOf(t time.Time) millis {
	if t.IsZero() {
		return 0
	}
	return millis(t.UnixMilli())
}

func (m millis) time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}

type accountLine struct {
	ID       UserID      `json:"id"`
	Username string      `json:"username"`
	Email    string      `json:"email,omitempty"`
	Phone    string      `json:"phone,omitempty"`
	Password string      `json:"password,omitempty"`
	Picture  string      `json:"picture,omitempty"`
	Created  millis      `json:"created,omitempty"`
	Revoked  []tokenLine `json:"revoked,omitempty"`
	Number   uint64      `json:"number,omitempty"`
	Nickname string      `json:"nickname,omitempty"`
	About    string      `json:"description,omitempty"`
	Sex      int         `json:"sex,omitempty"`
	Icon     string      `json:"icon,omitempty"`
}

type tokenLine struct {
	ID    TokenID `json:"id,omitempty"`
	Until millis  `json:"until"`
}

// tokenLines are in the order of their ids: engines keep them in none.
func tokenLines(tokens []Token) []tokenLine {
	var lines []tokenLine
	for _, t := range tokens {
		lines = append(lines, tokenLine{t.ID, millisOf(t.Until)})
	}
	slices.SortFunc(lines, func(a, b tokenLine) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Until, b.Until))
	})
	return lines
}

func tokensOf(lines []tokenLine) []Token {
	var tokens []Token
	for _, l := range lines {
		tokens = append(tokens, Token{l.ID, l.Until.time()})
	}
	return tokens
}

type friendLine struct {
	Owner  UserID `json:"owner"`
	Friend UserID `json:"friend"`
	Since  millis `json:"since,omitempty"`
	Remark string `json:"remark,omitempty"`
	Agreed bool   `json:"agreed,omitempty"`
}

type requestLine struct {
	From UserID `json:"from"`
	To   UserID `json:"to"`
	Note string `json:"note,omitempty"`
	At   millis `json:"at,omitempty"`
}

type blockLine struct {
	Owner UserID `json:"owner"`
	Other UserID `json:"other"`
	At    millis `json:"at,omitempty"`
}

type fileLine struct {
	ID      FileID    `json:"id"`
	Owner   UserID    `json:"owner"`
	Name    string    `json:"name"`
	Size    int64     `json:"size"`
	Mime    string    `json:"mime"`
	Width   int       `json:"width,omitempty"`
	Height  int       `json:"height,omitempty"`
	Thumb   bool      `json:"thumb,omitempty"`
	Created millis    `json:"created,omitempty"`
	State   FileState `json:"state,omitempty"`
	Since   millis    `json:"since,omitempty"`
}

// messageLine has no receiver and no room: they follow from conversation and sender.
type messageLine struct {
	Conv    ConvID          `json:"conv"`
	Seq     uint64          `json:"seq"`
	Sender  UserID          `json:"sender"`
	Device  DeviceID        `json:"device,omitempty"`
	Ref     string          `json:"ref,omitempty"`
	Type    string          `json:"type,omitempty"`
	Time    json.RawMessage `json:"time,omitempty"`
	Time64  []byte          `json:"timeBytes,omitempty"`
	Body    json.RawMessage `json:"body,omitempty"`
	Body64  []byte          `json:"bodyBytes,omitempty"`
	At      millis          `json:"at,omitempty"`
	Files   []FileID        `json:"files,omitempty"`
	State   State           `json:"state,omitempty"`
	Change  uint64          `json:"change,omitempty"`
	Changed millis          `json:"changed,omitempty"`

	Mentions    []UserID `json:"mentions,omitempty"`
	MentionsAll bool     `json:"mentionsAll,omitempty"`
}

type deviceLine struct {
	User    UserID      `json:"user"`
	ID      DeviceID    `json:"id"`
	Address string      `json:"address,omitempty"`
	Seen    millis      `json:"seen,omitempty"`
	Tokens  []tokenLine `json:"tokens,omitempty"`
}

type seenLine struct {
	User UserID `json:"user"`
	At   millis `json:"at"`
}

type cursorLine struct {
	User   UserID   `json:"user"`
	Device DeviceID `json:"device,omitempty"`
	Conv   ConvID   `json:"conv"`
	Seq    uint64   `json:"seq"`
}

type erasureLine struct {
	User   UserID `json:"user"`
	Number uint64 `json:"number,omitempty"`
	At     millis `json:"at"`
}

// exact splits JSON that must come back to the byte: as it is where a line keeps it so, else, with blanks between its
// parts or not UTF-8, as bytes, which a line has in base64.
func exact(b []byte) (text json.RawMessage, bytes []byte) {
	if compact(b) && utf8.Valid(b) {
		return b, nil
	}
	return nil, b
}

// compact tells whether b is JSON without blanks between its parts.
func compact(b []byte) bool {
	var c bytes.Buffer
	return json.Compact(&c, b) == nil && bytes.Equal(c.Bytes(), b)
}

func lineOfAccount(a *Account) archiveLine {
	return archiveLine{Account: &accountLine{
		a.ID, a.Username, a.Email, a.Phone, a.Password, a.Picture, millisOf(a.Created), tokenLines(a.Revoked),
		a.Number, a.Nickname, a.Description, a.Sex, a.Icon,
	}}
}

func (l *accountLine) account() Account {
	return Account{
		ID: l.ID, Username: l.Username, Email: l.Email, Phone: l.Phone, Password: l.Password, Picture: l.Picture,
		Created: l.Created.time(), Revoked: tokensOf(l.Revoked), Number: l.Number,
		Profile: Profile{l.Nickname, l.About, l.Sex, l.Icon},
	}
}

func lineOfFriend(f *Friendship) archiveLine {
	return archiveLine{Friend: &friendLine{f.Owner, f.Friend, millisOf(f.Since), f.Remark, f.Agreed}}
}

func (l *friendLine) friendship() Friendship {
	return Friendship{l.Owner, l.Friend, l.Since.time(), l.Remark, l.Agreed}
}

func lineOfBlock(b *Block) archiveLine {
	return archiveLine{Block: &blockLine{b.Owner, b.Other, millisOf(b.At)}}
}

func (l *blockLine) block() Block { return Block{l.Owner, l.Other, l.At.time()} }

func lineOfRequest(r *FriendRequest) archiveLine {
	return archiveLine{Request: &requestLine{r.From, r.To, r.Note, millisOf(r.At)}}
}

func (l *requestLine) request() FriendRequest {
	return FriendRequest{l.From, l.To, l.Note, l.At.time()}
}

func lineOfFile(f *File) archiveLine {
	return archiveLine{File: &fileLine{
		f.ID, f.Owner, f.Name, f.Size, f.Mime, f.Width, f.Height, f.Thumb, millisOf(f.Created), f.State, millisOf(f.Since),
	}}
}

func (l *fileLine) file() File {
	return File{
		ID: l.ID, Owner: l.Owner, Name: l.Name, Size: l.Size, Mime: l.Mime, Width: l.Width, Height: l.Height, Thumb: l.Thumb,
		Created: l.Created.time(), State: l.State, Since: l.Since.time(),
	}
}

func lineOfMessage(m *Message) archiveLine {
	l := &messageLine{
		Conv: m.Conv, Seq: m.Seq, Sender: m.Sender, Device: m.Device, Ref: m.Ref, Type: m.Type, At: millisOf(m.At),
		Files: m.Files, State: m.State, Change: m.Change, Changed: millisOf(m.Changed),
		Mentions: m.Mentions, MentionsAll: m.MentionsAll,
	}
	l.Time, l.Time64 = exact(m.Time)
	l.Body, l.Body64 = exact(m.Body)
	return archiveLine{Message: l}
}

// either undoes exact.
func either(text json.RawMessage, bytes []byte) []byte {
	if text != nil {
		return text
	}
	return bytes
}

func (l *messageLine) message() Message {
	m := Message{
		Conv: l.Conv, Seq: l.Seq, Sender: l.Sender, Device: l.Device, Ref: l.Ref, Type: l.Type,
		Time: either(l.Time, l.Time64), Body: either(l.Body, l.Body64), At: l.At.time(), Files: l.Files,
		State: l.State, Change: l.Change, Changed: l.Changed.time(), Mentions: l.Mentions, MentionsAll: l.MentionsAll,
	}
	if room, ok := m.Conv.Room(); ok {
		m.Room = room
	}
	if a, b, ok := m.Conv.Users(); ok {
		m.To = a
		if m.Sender == a {
			m.To = b
		}
	}
	return m
}

func lineOfDevice(d *Device) archiveLine {
	return archiveLine{Device: &deviceLine{d.User, d.ID, d.Address, millisOf(d.Seen), tokenLines(d.Tokens)}}
}

func (l *deviceLine) device() Device {
	return Device{User: l.User, ID: l.ID, Address: l.Address, Seen: l.Seen.time(), Tokens: tokensOf(l.Tokens)}
}

func lineOfSeen(s *Seen) archiveLine { return archiveLine{Seen: &seenLine{s.User, millisOf(s.At)}} }

func (l *seenLine) seen() Seen { return Seen{l.User, l.At.time()} }

func lineOfCursor(c *Cursor) archiveLine {
	return archiveLine{Cursor: &cursorLine{c.User, c.Device, c.Conv, c.Seq}}
}

func (l *cursorLine) cursor() Cursor { return Cursor{l.User, l.Device, l.Conv, l.Seq} }

func lineOfErasure(e *Erasure) archiveLine {
	return archiveLine{Erased: &erasureLine{e.User, e.Number, millisOf(e.At)}}
}

func (l *erasureLine) erasure() Erasure { return Erasure{l.User, l.Number, l.At.time()} }

// SameAccount tells whether two accounts are the same, as far as an archive can say. One may have been given its number
// since: that is no change of hers.
func SameAccount(a, b *Account) bool {
	x, y := *a, *b
	if x.Number == 0 || y.Number == 0 {
		x.Number, y.Number = 0, 0
	}
	return sameLine(lineOfAccount(&x), lineOfAccount(&y))
}

// SameFile tells whether two files are the same, whatever became of them since.
func SameFile(a, b *File) bool {
	x, y := *a, *b
	x.State, x.Since, y.State, y.Since = 0, time.Time{}, 0, time.Time{}
	return sameLine(lineOfFile(&x), lineOfFile(&y))
}

// SameMessage tells whether two messages are the same, as far as an archive can say.
func SameMessage(a, b *Message) bool { return sameLine(lineOfMessage(a), lineOfMessage(b)) }

func sameLine(a, b archiveLine) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
