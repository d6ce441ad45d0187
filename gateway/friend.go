package gateway

import (
	"context"
	"strconv"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/uschat"
)

const (
	idAsked      uint16 = 1011 // someone asks to be friends
	idBefriended uint16 = 1015 // someone is a friend now
)

func friendRequests() map[uint16]request {
	return map[uint16]request{
		1007: {reply: 1008, handle: rule(search)},
		1009: {reply: 1010, handle: rule(askFriend)},
		1013: {reply: 1014, handle: rule(acceptFriend)},
	}
}

type searchRequest struct {
	UID uschat.Text `json:"uid"` // a number or a name
}

type searchReply struct {
	answer
	profile
}

// search takes digits for a number first, as UsChat does.
func search(ctx context.Context, s *session, q searchRequest) (searchReply, error) {
	a, err := chat.Account{}, error(chat.Errorf(chat.NotFound, "no such user"))
	if number, malformed := strconv.ParseUint(string(q.UID), 10, 64); malformed == nil {
		a, err = s.door.cfg.Accounts.SearchNumber(ctx, s.user, number)
	}
	if chat.CodeOf(err) == chat.NotFound {
		a, err = s.door.cfg.Accounts.Search(ctx, s.user, string(q.UID))
	}
	if err == nil {
		a, err = s.door.know(ctx, a)
	}
	return searchReply{profile: s.door.profile(&a)}, err
}

// friend is one in friend_list.
type friend struct {
	profile
	Back string `json:"back"` // what the user calls her
}

// applicant is one in apply_list.
type applicant struct {
	profile
	Status int `json:"status"` // 0: not answered yet
}

// applicant has in desc what she says to it, as UsChat has it.
func (d *Server) applicant(a *chat.Account, note string) applicant {
	one := applicant{profile: d.profile(a)}
	one.Desc = note
	return one
}

type askRequest struct {
	ToUID uschat.Number `json:"touid"`
	Note  uschat.Text   `json:"applyname"`
}

// askFriend asks. If the other asked already, both are friends at once, and the asker hears so beside the answer.
func askFriend(ctx context.Context, s *session, q askRequest) (answer, error) {
	to, err := s.numbered(ctx, uint64(q.ToUID))
	if err != nil {
		return answer{}, err
	}
	bond, err := s.door.cfg.Friends.Ask(ctx, s.user, to.id, string(q.Note))
	if err != nil || bond != chat.NowFriends {
		return answer{}, err
	}
	a, err := s.door.account(ctx, to.id)
	if err == nil {
		s.send(s.door.befriended(s.number, &a))
	}
	return answer{}, err
}

type acceptRequest struct {
	ToUID uschat.Number `json:"touid"` // who asked
	Back  uschat.Text   `json:"back"`  // what to call her
}

type acceptReply struct {
	answer
	profile
	Chats []greeting `json:"chat_datas"`
}

func acceptFriend(ctx context.Context, s *session, q acceptRequest) (acceptReply, error) {
	d := s.door
	to, err := s.numbered(ctx, uint64(q.ToUID))
	if err != nil {
		return acceptReply{}, err
	}
	if err := d.cfg.Friends.Answer(ctx, s.user, to.id, true); err != nil {
		return acceptReply{}, err
	}
	if q.Back != "" { // she is a friend by now, whatever becomes of her name
		if err := d.cfg.Friends.Remark(ctx, s.user, to.id, string(q.Back)); err != nil {
			d.cfg.Log.Debug("remark not set", "error", err)
		}
	}
	a, err := d.account(ctx, to.id)
	return acceptReply{profile: d.profile(&a), Chats: greetings(a.Number)}, err
}

// greeting begins the thread of two who became friends. UsChat's clients learn the thread's number from it; it is no
// message and has no number.
type greeting struct {
	Sender  uint64 `json:"sender"`
	MsgID   uint64 `json:"msg_id"`
	Thread  uint64 `json:"thread_id"`
	Unique  int    `json:"unique_id"`
	Content string `json:"msg_content"`
	Time    string `json:"chat_time"`
	Status  int    `json:"status"`
}

func greetings(other uint64) []greeting {
	return []greeting{{Sender: other, Thread: other, Content: "我们已经是好友了，开始聊天吧", Time: timeText(time.Now()), Status: statusSent}}
}

// account returns an account that has a number.
func (d *Server) account(ctx context.Context, id chat.UserID) (chat.Account, error) {
	a, err := d.cfg.Accounts.Store.Account(ctx, id)
	if err == nil {
		a, err = d.know(ctx, a)
	}
	return a, err
}

// asked is the notice of a request.
func (d *Server) asked(from *chat.Account, note string) []byte {
	p := d.profile(from)
	return encode(idAsked, struct {
		answer
		ApplyUID uint64 `json:"applyuid"`
		Name     string `json:"name"`
		Nick     string `json:"nick"`
		Icon     string `json:"icon"`
		Sex      int    `json:"sex"`
		Desc     string `json:"desc"`
	}{ApplyUID: p.UID, Name: p.Name, Nick: p.Nick, Icon: p.Icon, Sex: p.Sex, Desc: note})
}

// befriended is the notice of a new friend.
func (d *Server) befriended(to uint64, by *chat.Account) []byte {
	p := d.profile(by)
	return encode(idBefriended, struct {
		answer
		FromUID uint64     `json:"fromuid"`
		ToUID   uint64     `json:"touid"`
		Name    string     `json:"name"`
		Nick    string     `json:"nick"`
		Icon    string     `json:"icon"`
		Sex     int        `json:"sex"`
		Chats   []greeting `json:"chat_datas"`
	}{FromUID: p.UID, ToUID: to, Name: p.Name, Nick: p.Nick, Icon: p.Icon, Sex: p.Sex, Chats: greetings(p.UID)})
}

// FriendAsked implements chat.FriendAudience.
func (d *Server) FriendAsked(r chat.FriendRequest, from chat.Account) {
	d.tell(r.To, from, idAsked, func(_ uint64, from *chat.Account) []byte { return d.asked(from, r.Note) })
}

// FriendAnswered implements chat.FriendAudience. UsChat does not say that someone declined.
func (d *Server) FriendAnswered(to chat.UserID, by chat.Account, accepted bool) {
	if accepted {
		d.tell(to, by, idBefriended, d.befriended)
	}
}

// FriendRemoved implements chat.FriendAudience: UsChat has no word for it.
func (d *Server) FriendRemoved(to, by chat.UserID) {}

// tell sends something of a user to another, if she is here.
func (d *Server) tell(to chat.UserID, of chat.Account, id uint16, frame func(to uint64, of *chat.Account) []byte) {
	sessions := d.hub.Of(to)
	if len(sessions) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	of, err := d.know(ctx, of)
	if err != nil {
		d.cfg.Log.Warn("a request or its answer was not told, and shows at the next login", "error", err)
		return
	}
	for _, s := range sessions {
		s.tell(told{id, of.Number, frame(s.number, &of)})
	}
}
