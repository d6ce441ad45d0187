package chat_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/store/embedded"
)

// counter counts who is told.
type counter chan int

func (c counter) Appear(news []chat.News) {
	for _, n := range news {
		c <- len(n.To)
	}
}

// BenchmarkNewsOfManyFriends is the work behind the login of a user with 5,000 friends, from the login to the fan-out;
// it is done beside the door.
func BenchmarkNewsOfManyFriends(b *testing.B) {
	store, err := embedded.OpenMemory()
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	const friends = 5000
	ann := chat.NewUserID(time.Now())
	for range friends {
		if _, err := store.AddFriend(b.Context(), ann, chat.NewUserID(time.Now()), time.Now()); err != nil {
			b.Fatal(err)
		}
	}
	s := chat.NewPresence(chat.PresenceConfig{
		Friends: store, Devices: store, Sockets: store, Node: "here", Grace: time.Nanosecond, Now: time.Now,
	})
	told := make(counter)
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx, told) })
	for b.Loop() {
		s.Enter(ann, "phone", "")
		if n := <-told; n != friends {
			b.Fatal(fmt.Errorf("%d are told", n))
		}
		s.Leave(ann, "phone", "")
		<-told
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(2*b.N), "µs/news")
	cancel()
	running.Wait()
}

// BenchmarkEnterAndLeave is what presence costs a login and its end.
func BenchmarkEnterAndLeave(b *testing.B) {
	s := chat.NewPresence(chat.PresenceConfig{Now: time.Now, Grace: time.Second})
	users := make([]chat.UserID, 10_000)
	for i := range users {
		users[i] = chat.NewUserID(time.Now())
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Enter(users[i%len(users)], "phone", "")
		s.Leave(users[i%len(users)], "phone", "")
	}
}
