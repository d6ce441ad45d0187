package chat

import (
	"context"
	"net/url"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// File is one upload as an engine keeps it. Its bytes are a FileBodies' affair.
type File struct {
	ID      FileID
	Owner   UserID
	Name    string // what people call it; one line, with its extension
	Size    int64  // bytes
	Mime    string // type/subtype, as the bytes have it
	Width   int    // pixels, as it is shown; 0 for what is no picture
	Height  int
	Thumb   bool      // there is a small picture of it
	Created time.Time // in whole milliseconds

	State FileState
	Since time.Time // when it came into its state, in whole milliseconds
}

// FileState says what becomes of a file. A file that no message names is new for a while, then condemned, and only a
// while after that it is deleted: a message that was on its way when it was condemned is stored by then.
type FileState uint8

// The states. Their numbers are stored.
const (
	FileNew       FileState = iota // nobody is known to use it
	FileKept                       // a message names it
	FileCondemned                  // about to be deleted: no message may name it any more
)

// fileBlock is the least that a file counts for a quota: what it takes of a disk, however small it is.
const fileBlock = 4 << 10

// Weight is what the file counts for its owner's quota, in bytes.
func (f *File) Weight() int64 { return max(f.Size, fileBlock) }

// FileStore keeps what is known of files.
type FileStore interface {
	// PutFile stores a new file and returns when that is durable. TooLarge when the owner's files would weigh more than
	// quota together: then nothing is stored. Of several at once that do not fit together all may be refused, and never
	// too few. Conflict when the id is taken.
	PutFile(ctx context.Context, f File, quota int64) error
	// File returns the file with this id, or NotFound.
	File(ctx context.Context, id FileID) (File, error)
	// Files returns at most limit files whose ids follow after, in the order of ids.
	Files(ctx context.Context, after FileID, limit int) ([]File, error)
	// LooseFiles is Files for those that are not kept and were created before before.
	LooseFiles(ctx context.Context, before time.Time, after FileID, limit int) ([]File, error)
	// FilesWeight returns what the files of a user weigh together.
	FilesWeight(ctx context.Context, owner UserID) (int64, error)
	// FileUsed tells whether a stored message names the file in its Files.
	FileUsed(ctx context.Context, id FileID) (bool, error)
	// SetFileState moves a file from one state into another, since at. Conflict when it is not in the first, NotFound
	// without such a file.
	SetFileState(ctx context.Context, id FileID, was, is FileState, at time.Time) error
	// DeleteFile forgets a file and gives its weight back to its owner's quota. A missing one is no error.
	DeleteFile(ctx context.Context, id FileID) error
}

// FileLink is a file as clients see it, in the answer to an upload and in messages.
type FileLink struct {
	URL    string `json:"url"`
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	Mime   string `json:"mime"`
	Width  int    `json:"width,omitempty"`
	Height int    `json:"height,omitempty"`
	Thumb  string `json:"thumb,omitempty"`
}

// FilePrefix begins the path of every file; its id follows, then "/" and its name. ThumbQuery asks for the thumbnail.
const (
	FilePrefix = "/files/"
	ThumbQuery = "thumb=1"
)

// Link returns what clients get of the file. base is where they find the server, without a slash at the end; with ""
// the links are paths.
func (f *File) Link(base string) FileLink {
	at := base + FilePrefix + string(f.ID) + "/" + url.PathEscape(f.Name)
	l := FileLink{URL: at, Name: f.Name, Size: f.Size, Mime: f.Mime, Width: f.Width, Height: f.Height}
	if f.Thumb {
		l.Thumb = at + "?" + ThumbQuery
	}
	return l
}

const maxFileName = 120 // characters

// fileName makes a name of what a client calls a file: one line, no folders, nothing that turns the reading direction
// to hide an extension, not too long; and where that leaves nothing, a name made of the type.
func fileName(given, mime, extension string) string {
	if i := strings.LastIndexAny(given, `/\`); i >= 0 {
		given = given[i+1:]
	}
	name := strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, given))
	if strings.Trim(name, ". ") == "" {
		return kindOf(mime) + extension
	}
	if utf8.RuneCountInString(name) > maxFileName {
		ext := []rune(path.Ext(name))
		stem := []rune(strings.TrimSuffix(name, string(ext)))
		ext = ext[:min(len(ext), maxFileName/4)]
		name = string(stem[:min(len(stem), maxFileName-len(ext))]) + string(ext)
	}
	return name
}

// Kind is the type of a message that carries the file, unless its sender says otherwise: image, voice or file.
func (f *File) Kind() string { return kindOf(f.Mime) }

func kindOf(mime string) string {
	switch kind, _, _ := strings.Cut(mime, "/"); kind {
	case "image":
		return "image"
	case "audio":
		return "voice"
	}
	return "file"
}
