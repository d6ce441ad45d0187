package routes

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/parley-chat/parley/chat"
)

const (
	maxBody  = 64 << 10 // bytes of a body, unless its route says otherwise
	maxLeft  = 32 << 20 // bytes of a body that are read and dropped
	maxParts = 8        // of a multipart body
)

// boundBody lets a handler read at most so many bytes of the body, 0 for maxBody. Reading past it is an error that
// bodyError knows.
func boundBody(c echo.Context, most int64) {
	if most == 0 {
		most = maxBody
	}
	// A copy, for net/http looks at its own request's body to tell whether the client still waits for "100 Continue".
	r := c.Request().WithContext(c.Request().Context())
	// Echo's writer hides what net/http needs to close the connection afterwards.
	r.Body = http.MaxBytesReader(c.Response().Writer, r.Body, most)
	c.SetRequest(r)
}

// linger reads and drops what nobody wanted of a body. A client that is still sending when the connection closes may
// never see the answer; nginx lingers for the same reason. One that waits for "100 Continue" would be made to send.
func linger(h http.Header, body io.Reader) {
	if h.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, body, maxLeft)
	}
}

// field is a text that a body must have, and where it goes.
type field struct {
	name string
	into *string
}

// readBody fills fields from a JSON object or an urlencoded form. Numbers count as text, as phone numbers often come.
// Other fields of the body are ignored.
//
// Errors: Invalid names the first field that is missing or no text; TooLarge; 415 for another kind of body.
func readBody(c echo.Context, fields ...field) error { return readFields(c, fields) }

// readFields is readBody with fields that the body may lack: what they go to stays as it is then.
func readFields(c echo.Context, fields []field, optional ...field) error {
	all := slices.Concat(fields, optional)
	options, texts := make([]option, len(all)), make([]*string, len(all))
	for i, f := range all {
		options[i] = option{f.name, &texts[i]}
	}
	if err := readOptions(c, options...); err != nil {
		return err
	}
	for i, f := range all {
		if texts[i] != nil && *texts[i] != "" {
			*f.into = *texts[i]
		} else if i < len(fields) {
			return chat.Errorf(chat.Invalid, "%s: missing", f.name)
		}
	}
	return nil
}

// option is a text that a body may have, and where it goes: nil when there is none.
type option struct {
	name string
	into **string
}

// readOptions is readBody for fields that may be missing, or empty.
func readOptions(c echo.Context, options ...option) error {
	r := c.Request()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return bodyError(err)
	}
	lookup, err := parseBody(r.Header, body)
	if err != nil {
		return err
	}
	for _, o := range options {
		text, err := lookup(o.name)
		if err == nil && text != nil && !utf8.ValidString(*text) {
			err = chat.Errorf(chat.Invalid, "%s: not UTF-8", o.name)
		}
		if err != nil {
			return err
		}
		*o.into = text
	}
	return nil
}

// lookup finds a field's text, nil when there is none.
type lookup func(name string) (*string, error)

func parseBody(h http.Header, body []byte) (lookup, error) {
	if len(body) == 0 {
		return func(string) (*string, error) { return nil, nil }, nil
	}
	kind, params, err := mime.ParseMediaType(h.Get(echo.HeaderContentType))
	charset := strings.ToLower(params["charset"])
	utf := charset == "" || charset == "utf-8" || charset == "utf8"
	plain := h.Get(echo.HeaderContentEncoding) == "" || strings.EqualFold(h.Get(echo.HeaderContentEncoding), "identity")
	switch {
	case err != nil || !utf || !plain:
	case kind == echo.MIMEApplicationJSON:
		return parseJSON(body)
	case kind == echo.MIMEApplicationForm:
		return parseForm(body)
	}
	return nil, echo.NewHTTPError(http.StatusUnsupportedMediaType,
		"send the body uncompressed, in UTF-8, as application/json or application/x-www-form-urlencoded")
}

func parseJSON(body []byte) (lookup, error) {
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // a byte order mark; Express drops it too
	if !utf8.Valid(body) {
		return nil, chat.Errorf(chat.Invalid, "the body is not UTF-8")
	}
	var object map[string]json.RawMessage
	err := json.Unmarshal(body, &object)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return nil, chat.Errorf(chat.Invalid, "the body is not valid JSON: %s, at byte %d", syntax, syntax.Offset)
	case err != nil || object == nil: // null leaves the map as it was
		return nil, chat.Errorf(chat.Invalid, "the body must be a JSON object")
	}
	return func(name string) (text *string, err error) {
		value := object[name]
		if len(value) == 0 {
			return nil, nil
		}
		switch value[0] {
		case '"', 'n': // null is no text
			err = json.Unmarshal(value, &text)
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			number := string(value)
			text = &number
		default:
			err = chat.Errorf(chat.Invalid, "%s: must be text", name)
		}
		return text, err
	}, nil
}

func parseForm(body []byte) (lookup, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, chat.Errorf(chat.Invalid, "the body is not a valid urlencoded form")
	}
	return func(name string) (*string, error) {
		switch values := form[name]; len(values) {
		case 0:
			return nil, nil
		case 1:
			return &values[0], nil
		default:
			return nil, chat.Errorf(chat.Invalid, "%s: given more than once", name)
		}
	}, nil
}

// filePart goes through a multipart body as it comes, without keeping it, to the first file in a field of one of
// names. The reader remembers an error, see bodyPart.
//
// Errors: Invalid when there is none, naming the first of names; TooLarge for a field before it.
func filePart(r *http.Request, names ...string) (*bodyPart, error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, chat.Errorf(chat.Invalid, "%s: send the file as multipart/form-data", names[0])
	}
	for range maxParts {
		part, err := parts.NextPart()
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, bodyError(err)
		}
		// A file has a name, if any; a form sent without a choice of file has it empty.
		if part.FileName() != "" && slices.Contains(names, part.FormName()) {
			return &bodyPart{part: part}, nil
		}
		n, err := io.CopyN(io.Discard, part, maxBody+1)
		if n > maxBody {
			return nil, chat.Errorf(chat.TooLarge, "%s: at most %d bytes", part.FormName(), maxBody)
		} else if err != io.EOF {
			return nil, bodyError(err)
		}
	}
	return nil, chat.Errorf(chat.Invalid, "%s: no file", names[0])
}

// bodyPart reads one part of a body and remembers the error that ended it early: whatever a rule makes of a broken
// stream, the body is to blame.
type bodyPart struct {
	part *multipart.Part
	err  error
}

func (p *bodyPart) Read(b []byte) (int, error) {
	n, err := p.part.Read(b)
	if err != nil && err != io.EOF {
		p.err = bodyError(err)
	}
	return n, err
}

// bodyError says why a body could not be read.
func bodyError(err error) error {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return chat.Errorf(chat.TooLarge, "the body is too large: at most %d bytes", large.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return echo.NewHTTPError(http.StatusRequestTimeout, "the body did not come in time")
	default:
		return &chat.Error{Code: chat.Invalid, Message: "the body is malformed or ended early", Cause: err}
	}
}
