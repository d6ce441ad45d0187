package routes

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/parley-chat/parley/chat"
)

// FileServer answers requests for uploaded files.
type FileServer interface {
	// Serve writes a file, or its thumbnail. It writes nothing on an error: NotFound when the bytes are not there.
	Serve(w http.ResponseWriter, r *http.Request, f chat.File, thumb bool) error
}

// fileDoor is what people send each other beside text.
type fileDoor struct {
	files     *chat.Files
	bodies    FileServer
	publicURL string
}

func (d fileDoor) routes() []route {
	return []route{
		{method: http.MethodPost, path: "/upload", who: member, handle: d.upload, body: d.most()},
		// Anyone who has the link: an img element sends no token. An id of 144 random bits is not to be guessed.
		{method: http.MethodGet, path: chat.FilePrefix + ":id/:name", who: anyone, handle: d.serve},
	}
}

func (d fileDoor) most() int64 { return d.files.Most + formRoom }

// uploadReply carries what a client puts into a message.
type uploadReply struct {
	ErrCode int    `json:"err_code"`
	Message string `json:"message"`
	chat.FileLink
}

func (d fileDoor) upload(c echo.Context, me chat.Account) (any, error) {
	r := c.Request()
	if r.ContentLength > d.most() { // before a byte is read: one who asks first need not send
		return nil, chat.Errorf(chat.TooLarge, "file: at most %d bytes", d.files.Most)
	}
	control := http.NewResponseController(c.Response())
	r.Body = &pacedBody{ReadCloser: r.Body, control: control, begun: time.Now()}
	part, err := filePart(r, "file", "img", "image", "voice", "upload")
	if err != nil {
		return nil, err
	}
	f, err := d.files.Save(r.Context(), chat.Upload{
		Owner: me.ID, Name: part.part.FileName(), Voice: part.part.FormName() == "voice", Body: part,
	})
	if err != nil && part.err != nil {
		err = part.err
	}
	_ = control.SetWriteDeadline(time.Now().Add(requestTime)) // however long the body took
	return uploadReply{http.StatusOK, "上传成功", f.Link(baseURL(c, d.publicURL))}, err
}

func (d fileDoor) serve(c echo.Context, _ chat.Account) (any, error) {
	r := c.Request()
	id, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, chat.FilePrefix), "/") // the name is for people
	f, err := d.files.File(r.Context(), chat.FileID(id))
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(2*requestTime + slowest(f.Size))
	_ = http.NewResponseController(c.Response()).SetWriteDeadline(deadline)
	return nil, d.bodies.Serve(c.Response(), r, f, r.URL.RawQuery == chat.ThumbQuery)
}

// floorRate is what a connection must carry in the long run, in bytes a second.
const floorRate = 16 << 10

// slowest is how long so many bytes may take.
func slowest(bytes int64) time.Duration {
	return time.Duration(bytes/floorRate) * time.Second
}

// pacedBody is a body that may take longer than requestTime while it comes at floorRate or faster. A client that sends
// nothing for requestTime is gone.
type pacedBody struct {
	io.ReadCloser
	control *http.ResponseController
	begun   time.Time
	read    int64
	moved   time.Time // when the deadline was moved last
}

func (b *pacedBody) Read(p []byte) (int, error) {
	if now := time.Now(); now.Sub(b.moved) > time.Second {
		b.moved = now
		deadline := b.begun.Add(requestTime + slowest(b.read))
		if silent := now.Add(requestTime); silent.Before(deadline) {
			deadline = silent
		}
		_ = b.control.SetReadDeadline(deadline)
	}
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	return n, err
}
