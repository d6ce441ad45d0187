package ferrettest

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// The Node server's users, as mongoose wrote them: __v beside its fields, no created.
func nodeUser(username string, more ...bson.E) bson.D {
	return append(bson.D{
		{Key: "_id", Value: primitive.NewObjectIDFromTimestamp(noon())},
		{Key: "username", Value: username},
		{Key: "password", Value: "14e1b600b1fd579f47433b88e8d85291"}, // the double MD5 of 123456
		{Key: "email", Value: username + "@Example.org"},
		{Key: "phoneNum", Value: "138 " + username},
		{Key: "__v", Value: 0},
	}, more...)
}

func TestNodeServersUsersAreReadAsTheyAre(t *testing.T) {
	uri := fresh(t, server(t))
	users := raw(t, uri).Collection("users")
	url := "http://192.0.2.8:3000/mongo/img/845461580659200000.jpg"
	stories := []struct {
		name    string
		imgUrl  []bson.E
		picture string
	}{
		{"ann", nil, ""},
		{"bob", []bson.E{{Key: "imgUrl", Value: ""}}, ""},
		{"carl", []bson.E{{Key: "imgUrl", Value: url}}, url},
		{"dora", []bson.E{{Key: "imgUrl", Value: nil}}, ""},
	}
	for _, story := range stories {
		_, err := users.InsertOne(t.Context(), nodeUser(story.name, story.imgUrl...))
		noError(t, err)
	}

	s := opened(t, uri)
	for _, story := range stories {
		a, err := s.AccountByUsername(t.Context(), story.name)
		noError(t, err)
		want := chat.Account{
			ID: a.ID, Username: story.name, Email: story.name + "@Example.org", Phone: "138 " + story.name,
			Password: "14e1b600b1fd579f47433b88e8d85291", Picture: story.picture,
			Created: noon().Truncate(time.Second), // the second in the id
		}
		if !reflect.DeepEqual(a, want) || !a.ID.Valid() {
			t.Errorf("got  %+v\nwant %+v", a, want)
		}
		byPhone, err := s.AccountByPhone(t.Context(), a.Phone)
		noError(t, err)
		if !reflect.DeepEqual(byPhone, a) {
			t.Errorf("by phone %+v, by name %+v", byPhone, a)
		}

		// Without capitals too, as people write their addresses today.
		byEmail, err := s.AccountByEmail(t.Context(), story.name+"@example.org")
		noError(t, err)
		if !reflect.DeepEqual(byEmail, a) {
			t.Errorf("by email %+v, by name %+v", byEmail, a)
		}

		// Her first login replaces the password, her first upload the picture; the rest stays as it was.
		noError(t, s.SetPassword(t.Context(), a.ID, a.Password, "$2a$10$fresh"))
		former, err := s.SetPicture(t.Context(), a.ID, "new.png")
		noError(t, err)
		if former != story.picture {
			t.Errorf("%s: the former picture is %q, want %q", story.name, former, story.picture)
		}
		var doc bson.M
		oid, err := primitive.ObjectIDFromHex(string(a.ID))
		noError(t, err)
		noError(t, users.FindOne(t.Context(), bson.D{{Key: "_id", Value: oid}}).Decode(&doc))
		if doc["password"] != "$2a$10$fresh" || doc["imgUrl"] != "new.png" || doc["email"] != want.Email || doc["__v"] == nil {
			t.Errorf("%s is now %v", story.name, doc)
		}
	}

	// What they hold is taken.
	err := s.CreateAccount(t.Context(), chat.Account{
		ID: newUser(), Username: "ann the second", Email: "ann2@example.org", Phone: "138 ann", Created: noon(),
	})
	if chat.CodeOf(err) != chat.Conflict {
		t.Errorf("Ann's phone number again: %v", err)
	}
}

func TestUsersWhoLackAFieldDoNotCollide(t *testing.T) {
	uri := fresh(t, server(t))
	for _, name := range []string{"ann", "bob"} {
		_, err := raw(t, uri).Collection("users").InsertOne(t.Context(), bson.D{{Key: "username", Value: name}})
		noError(t, err)
	}
	s := opened(t, uri)
	for _, name := range []string{"ann", "bob"} {
		a, err := s.AccountByUsername(t.Context(), name)
		noError(t, err)
		if a.Phone != "" || a.Email != "" {
			t.Errorf("%+v", a)
		}
	}
}

func TestDoubledUsersAreNamedAtTheStart(t *testing.T) {
	uri := fresh(t, server(t))
	users := raw(t, uri).Collection("users")
	twin := nodeUser("ann")
	for i := range twin {
		if twin[i].Key == "username" {
			twin[i].Value = "anna"
		}
	}
	_, err := users.InsertMany(t.Context(), []any{nodeUser("ann"), nodeUser("bob"), twin})
	noError(t, err)

	_, err = open(t.Context(), uri)
	if chat.CodeOf(err) != chat.Conflict {
		t.Fatalf("Open: %v, want a conflict", err)
	}
	if text := chat.AsError(err).Message; !strings.Contains(text, `email "ann@Example.org"`) || !strings.Contains(text, "users") {
		t.Errorf("it does not say which field and value: %s", text)
	}

	// The owner mends it, one field after the other, and starts again.
	for _, field := range []string{"email", "phoneNum"} {
		_, err = users.UpdateOne(t.Context(), bson.D{{Key: "username", Value: "anna"}},
			bson.D{{Key: "$set", Value: bson.D{{Key: field, Value: "her own"}}}})
		noError(t, err)
	}
	opened(t, uri)
	opened(t, uri) // the indexes are there now
}
