package ferrettest

import (
	"strings"
	"testing"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

func TestRefusedCredentials(t *testing.T) {
	const secret = "s3cr%40t"
	uri := server(t)
	scheme, hosts, _ := strings.Cut(uri, "://")
	hosts, _, _ = strings.Cut(hosts[strings.LastIndex(hosts, "@")+1:], "/")
	_, err := open(t.Context(), scheme+"://boss:"+secret+"@"+hosts+"/chat?authSource=admin&authMechanism=SCRAM-SHA-256")
	if chat.CodeOf(err) != chat.Unauthenticated || !strings.Contains(chat.AsError(err).Message, hosts+" refuses the credentials") {
		t.Errorf("Open: %v", err)
	}
	if strings.Contains(err.Error(), "s3cr") {
		t.Errorf("the password in %q", err)
	}
}

func TestTheDatabaseIsTheOneOfThePath(t *testing.T) {
	uri := fresh(t, server(t))
	s := opened(t, uri)
	noError(t, s.CreateAccount(t.Context(), chat.Account{ID: newUser(), Username: "Ann", Created: noon()}))
	n, err := raw(t, uri).Collection("users").CountDocuments(t.Context(), bson.D{})
	noError(t, err)
	if n != 1 {
		t.Errorf("%d users in %s, want 1", n, uri)
	}
}

func TestAnIndexThatIsNotUniqueIsNotTakenForOne(t *testing.T) {
	uri := fresh(t, server(t))
	_, err := raw(t, uri).Collection("users").Indexes().CreateOne(t.Context(),
		mongo.IndexModel{Keys: bson.D{{Key: "email", Value: 1}}, Options: options.Index().SetName("mail")})
	noError(t, err)
	_, err = open(t.Context(), uri)
	if chat.CodeOf(err) != chat.Conflict || !strings.Contains(err.Error(), "mail of users") {
		t.Errorf("Open: %v", err)
	}
}
