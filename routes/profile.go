package routes

import (
	"cmp"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/parley-chat/parley/chat"
)

// profileDoor is what users say of themselves.
type profileDoor struct {
	accounts *chat.Accounts
	pictures pictureDoor
}

func (d profileDoor) routes() []route {
	return []route{
		{method: http.MethodGet, path: "/profile", who: member, handle: d.show},
		{method: http.MethodPost, path: "/profile", who: member, handle: d.change},
		{method: http.MethodPost, path: "/deleteAccount", who: member, handle: d.delete},
	}
}

// profileReply has a profile, or what is left of one.
type profileReply struct {
	ErrCode  int    `json:"err_code"`
	Message  string `json:"message"`
	UserInfo any    `json:"userInfo"`
}

// profileInfo is a user as she describes herself. Email and phone number are for her own eyes.
type profileInfo struct {
	UserID      chat.UserID `json:"userID"`
	UserName    string      `json:"userName"`
	Number      uint64      `json:"number"`
	Nickname    string      `json:"nickname"`
	Description string      `json:"description"`
	Sex         int         `json:"sex"`
	Icon        string      `json:"icon"`
	ImgURL      string      `json:"imgUrl"`
	Email       string      `json:"email,omitempty"`
	PhoneNum    string      `json:"phoneNum,omitempty"`
}

// deletedInfo is a user who has deleted her account.
type deletedInfo struct {
	UserID  chat.UserID `json:"userID"`
	Deleted bool        `json:"deleted"`
}

func (d profileDoor) info(c echo.Context, a chat.Account, own bool) profileInfo {
	i := profileInfo{
		UserID: a.ID, UserName: a.Username, Number: a.Number, Nickname: a.Nickname, Description: a.Description, Sex: a.Sex,
		Icon: a.Icon, ImgURL: d.pictures.url(c, a.Picture),
	}
	if own {
		i.Email, i.PhoneNum = a.Email, a.Phone
	}
	return i
}

func (d profileDoor) show(c echo.Context, me chat.Account) (any, error) {
	user := cmp.Or(chat.UserID(c.QueryParam("userID")), me.ID)
	a, deleted, err := d.accounts.Profile(c.Request().Context(), me.ID, user)
	reply := profileReply{http.StatusOK, "查询成功", nil}
	if deleted {
		reply.UserInfo = deletedInfo{a.ID, true}
	} else {
		reply.UserInfo = d.info(c, a, a.ID == me.ID)
	}
	return reply, err
}

func (d profileDoor) change(c echo.Context, me chat.Account) (any, error) {
	var change chat.ProfileChange
	var sex *string
	err := readOptions(c, option{"nickname", &change.Nickname}, option{"description", &change.Description},
		option{"sex", &sex}, option{"icon", &change.Icon})
	if err != nil {
		return nil, err
	}
	if sex != nil {
		n, err := strconv.Atoi(*sex)
		if err != nil {
			return nil, chat.Errorf(chat.Invalid, "sex: a number")
		}
		change.Sex = &n
	}
	a, err := d.accounts.SetProfile(c.Request().Context(), me.ID, change)
	return profileReply{http.StatusOK, "修改成功!", d.info(c, a, true)}, err
}

func (d profileDoor) delete(c echo.Context, me chat.Account) (any, error) {
	var password string
	if err := readBody(c, field{"password", &password}); err != nil {
		return nil, err
	}
	return doneReply{http.StatusOK, "账号已注销!"}, d.accounts.Delete(c.Request().Context(), me.ID, password)
}
