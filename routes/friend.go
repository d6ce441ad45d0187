package routes

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/parley-chat/parley/chat"
)

// friendDoor is who counts whom as a friend.
type friendDoor struct {
	friends  *chat.Friends
	pictures pictureDoor
}

func (d friendDoor) routes() []route {
	return []route{
		{method: http.MethodPost, path: "/Addfriends", who: member, handle: d.add},
		{method: http.MethodGet, path: "/friendList", who: member, handle: d.list},
	}
}

// addedReply says that there is a new friend; Status is text on the wire.
type addedReply struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// knownReply says that there is no new friend, for she was one.
type knownReply struct {
	ErrCode int    `json:"err_code"`
	Message string `json:"message"`
}

func (d friendDoor) add(c echo.Context, me chat.Account) (any, error) {
	var id string
	if err := readBody(c, field{"userID", &id}); err != nil {
		return nil, err
	}
	bond, err := d.friends.Add(c.Request().Context(), me.ID, chat.UserID(id))
	switch {
	case err != nil:
		return nil, err
	case bond == chat.AlreadyFriends:
		return knownReply{http.StatusOK, "该好友已存在"}, nil
	case bond == chat.NowAsked:
		return addedReply{"200", "好友申请已发送"}, nil
	}
	return addedReply{"200", "添加好友成功!"}, nil
}

// listReply has no list when it would be empty.
type listReply struct {
	Message string   `json:"message"`
	List    []friend `json:"list,omitempty"`
}

// friend is a person with what the asker calls her.
type friend struct {
	person
	Remark string `json:"remark,omitempty"`
}

func (d friendDoor) list(c echo.Context, me chat.Account) (any, error) {
	friends, err := d.friends.Friends(c.Request().Context(), me.ID)
	if err != nil || len(friends) == 0 {
		return listReply{Message: "暂无好友"}, err
	}
	list := make([]friend, len(friends))
	for i, f := range friends {
		list[i] = friend{d.pictures.person(c, f.Account), f.Friendship.Remark}
	}
	return listReply{"获取成功", list}, nil
}
