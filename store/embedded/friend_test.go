package embedded

import (
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

// A friendship of before there were remarks is a bare time. It is read as it is, and written so again without a remark.
func TestFriendshipsOfBeforeRemarksAreRead(t *testing.T) {
	s, err := OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at := time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC)
	ann, bob := chat.NewUserID(at), chat.NewUserID(at)
	k, err := pairKey(kindFriend, ann, bob)
	if err != nil {
		t.Fatal(err)
	}
	const bare = `"2026-03-04T12:00:00Z"`
	if err := s.db.Set(k, []byte(bare), nil); err != nil {
		t.Fatal(err)
	}
	want := chat.Friendship{Owner: ann, Friend: bob, Since: at}
	for _, remark := range []string{"", "Bobby", ""} {
		if err := s.SetRemark(t.Context(), ann, bob, remark); err != nil {
			t.Fatal(err)
		}
		want.Remark = remark
		if got, err := s.Friendships(t.Context(), ann); err != nil || !slices.Equal(got, []chat.Friendship{want}) {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
	}
	if value, _, err := s.get(k); err != nil || string(value) != bare {
		t.Errorf("stored is %s, %v", value, err)
	}
	if err := s.Befriend(t.Context(), bob, ann, at.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	want.Agreed = true
	if got, err := s.Friendships(t.Context(), ann); err != nil || !slices.Equal(got, []chat.Friendship{want}) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}
