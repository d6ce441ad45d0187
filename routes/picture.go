package routes

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/parley-chat/parley/chat"
)

// PictureServer answers requests for pictures.
type PictureServer interface {
	// Serve writes the picture with this name. It writes nothing on an error: NotFound for a name that it never gave.
	Serve(w http.ResponseWriter, r *http.Request, name string) error
}

const (
	formRoom  = 512 << 10        // bytes that a form puts around a file
	maxUpload = 8<<20 + formRoom // bytes: a picture of 8 MiB
)

// pictureDoor is what users look like.
type pictureDoor struct {
	pictures  *chat.Pictures
	files     PictureServer
	publicURL string
}

func (d pictureDoor) routes() []route {
	return []route{
		{method: http.MethodPost, path: "/updateImg", who: member, handle: d.update, body: maxUpload},
		// Anyone: an img element sends no token, and the Node server asks for none. Names are not to be guessed.
		{method: http.MethodGet, path: chat.PicturePrefix + ":name", who: anyone, handle: d.serve},
	}
}

// pictureReply carries the new picture's URL.
type pictureReply struct {
	Status  bool   `json:"status"`
	Message string `json:"message"`
	ImgURL  string `json:"imgUrl"`
}

func (d pictureDoor) update(c echo.Context, me chat.Account) (any, error) {
	image, err := filePart(c.Request(), "img", "imgUrl", "avatar", "file")
	if err != nil {
		return nil, err
	}
	name, err := d.pictures.SetAvatar(c.Request().Context(), me.ID, image)
	if err != nil && image.err != nil {
		err = image.err
	}
	return pictureReply{true, "上传成功", d.url(c, name)}, err
}

func (d pictureDoor) serve(c echo.Context, _ chat.Account) (any, error) {
	r := c.Request()
	name := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, chat.PicturePrefix), "/") // Path is decoded, Echo's parameter is not
	if name == "" || strings.ContainsAny(name, "/\\\x00") {
		return nil, chat.Errorf(chat.NotFound, "no such picture")
	}
	return nil, d.files.Serve(c.Response(), r, name)
}

// url is where a client finds a picture, given as the account has it.
func (d pictureDoor) url(c echo.Context, stored string) string {
	return chat.PictureURL(baseURL(c, d.publicURL), stored)
}

// baseURL is where a client finds this server: where it should, or where it did.
func baseURL(c echo.Context, publicURL string) string {
	if publicURL != "" {
		return publicURL
	}
	return c.Scheme() + "://" + c.Request().Host
}

func (d pictureDoor) person(c echo.Context, a chat.Account) person {
	return person{a.ID, a.Username, d.url(c, a.Picture)}
}
