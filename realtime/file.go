package realtime

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/parley-chat/parley/chat"
)

// fileTime bounds how long the files of one message may take. It is shorter than a client's patience with a server
// that does not read its pongs.
const fileTime = 15 * time.Second

// chatFiles takes a message with binary content: each attachment is kept as a file, and its link stands where it stood.
// The socket is read on meanwhile, so that its heartbeats are heard, up to the next event: that one waits.
func (s *session) chatFiles(d chat.Draft, attachments [][]byte, to answerTo) {
	done := make(chan struct{})
	s.storing = done
	user := s.userID()
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(context.Background(), fileTime)
		defer cancel()
		a := attached{files: s.door.cfg.Files, base: s.door.cfg.PublicURL, owner: user, voice: d.Type == "voice", parts: attachments}
		err := a.keep(ctx, &d)
		if err == nil {
			err = s.submit(d, to)
		}
		if err != nil && s.refuse(to, err) {
			s.conn.Flush()
		}
	}()
}

// attached are the attachments of one message on their way to files.
type attached struct {
	files *chat.Files
	base  string // of links
	owner chat.UserID
	voice bool
	parts [][]byte
	links []*chat.FileLink // by part; nil while it is not kept
	kinds []string         // of message, by part
}

// keep keeps every part, puts the links in the places of the parts, and gives the message the type of the first part
// if its sender gave it none. What was kept before an error is collected: no message names it.
func (a *attached) keep(ctx context.Context, d *chat.Draft) error {
	a.links, a.kinds = make([]*chat.FileLink, len(a.parts)), make([]string, len(a.parts))
	body := json.NewDecoder(bytes.NewReader(d.Body))
	body.UseNumber() // numbers stay as they are, however long
	var v any
	if err := body.Decode(&v); err != nil {
		return misplaced()
	}
	v, err := a.replace(ctx, v, "")
	if err != nil {
		return err
	}
	if slices.Contains(a.links, nil) {
		return misplaced()
	}
	var out bytes.Buffer
	to := json.NewEncoder(&out)
	to.SetEscapeHTML(false)
	if err := to.Encode(v); err != nil {
		return err
	}
	d.Body = bytes.TrimSuffix(out.Bytes(), []byte("\n"))
	if d.Type == "" {
		d.Type = a.kinds[0]
	}
	return nil
}

func misplaced() error {
	return chat.Errorf(chat.Invalid, "message: binary content stands in message or data, each part of it")
}

// replace returns v with every placeholder in it replaced by the link to its file. name is what the object around v
// calls it.
func (a *attached) replace(ctx context.Context, v any, name string) (any, error) {
	var err error
	switch v := v.(type) {
	case []any:
		for i := range v {
			if v[i], err = a.replace(ctx, v[i], name); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		if v["_placeholder"] == true {
			return a.link(ctx, v["num"], name)
		}
		name, _ := v["name"].(string)
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if v[key], err = a.replace(ctx, v[key], name); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// link keeps the part that a placeholder names (Socket.IO protocol 5, section "Packet encoding"), unless it is kept.
func (a *attached) link(ctx context.Context, num any, name string) (*chat.FileLink, error) {
	number, _ := num.(json.Number)
	i, err := number.Int64()
	if err != nil || i < 0 || i >= int64(len(a.parts)) {
		return nil, misplaced()
	}
	if a.links[i] != nil {
		return a.links[i], nil
	}
	f, err := a.files.Save(ctx, chat.Upload{Owner: a.owner, Name: name, Voice: a.voice, Body: bytes.NewReader(a.parts[i])})
	if err != nil {
		return nil, err
	}
	link := f.Link(a.base)
	a.links[i], a.kinds[i] = &link, f.Kind()
	return &link, nil
}
