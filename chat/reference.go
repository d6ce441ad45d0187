package chat

import (
	"bytes"
	"context"
	"encoding/base64"
	"slices"
)

// maxReferences bounds the files that one message may name.
const maxReferences = 16

// references returns the files that a body names by their links, wherever they stand in it. An id that no file has is
// not one of ours: other servers have links of that form.
//
// Errors: Invalid for more than maxReferences, NotFound for a file that is about to be deleted.
func (s *Messages) references(ctx context.Context, body []byte) ([]FileID, error) {
	// Nearly every message ends here. The rest is a function of its own, whose frame would have the stack of every
	// sender's goroutine grow.
	if s.Files == nil || !bytes.Contains(body, []byte(fileMark)) {
		return nil, nil
	}
	return s.lookUp(ctx, body)
}

func (s *Messages) lookUp(ctx context.Context, body []byte) ([]FileID, error) {
	ids, ok := fileIDs(body)
	if !ok {
		return nil, Errorf(Invalid, "message: names over %d files", maxReferences)
	}
	named := ids[:0]
	for _, id := range ids {
		f, err := s.Files.File(ctx, id)
		switch {
		case CodeOf(err) == NotFound:
		case err != nil:
			return nil, err
		case f.State == FileCondemned:
			return nil, Errorf(NotFound, "message: the file %q was not sent in time: upload it again", f.Name)
		default:
			named = append(named, id)
		}
	}
	return slices.Clip(named), nil
}

// loosen has the files looked at soon that a message named and no longer names. What fails here is found by Recheck.
func (s *Messages) loosen(ctx context.Context, before, now []FileID) {
	if s.Files == nil {
		return
	}
	for _, id := range before {
		if slices.Contains(now, id) {
			continue
		}
		if f, err := s.Files.File(ctx, id); err == nil && f.State == FileKept {
			_ = moveFile(ctx, s.Files, &f, FileNew, s.now())
		}
	}
}

// fileMark is what every link to a file has, also where JSON escapes the slashes as \/, which some clients do.
const fileMark = "/files"

// fileIDs finds the ids behind FilePrefix in a body, each once; ok is false when there are over maxReferences.
func fileIDs(body []byte) (ids []FileID, ok bool) {
	for {
		i := bytes.Index(body, []byte(fileMark))
		if i < 0 {
			return ids, true
		}
		body = body[i+len(fileMark):]
		rest, slash := bytes.CutPrefix(bytes.TrimPrefix(body, []byte(`\`)), []byte("/"))
		size := base64.RawURLEncoding.EncodedLen(fileIDBytes)
		if !slash || len(rest) < size || len(rest) > size && isIDByte(rest[size]) {
			continue
		}
		id := FileID(rest[:size])
		if !id.Valid() || slices.Contains(ids, id) {
			continue
		}
		if len(ids) == maxReferences {
			return nil, false
		}
		ids = append(ids, id)
	}
}

// isIDByte tells whether c may be part of a file id, so that an id does not end before it.
func isIDByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_'
}
