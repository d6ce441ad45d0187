package mongo

import (
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/x/mongo/driver/connstring"
)

// What needs no server is tested here; the module ferrettest holds the engine to storetest.

const secret = "s3cr%40t" // as it stands in a URI; the password itself is s3cr@t

func wantRefusal(t *testing.T, err error, code chat.Code, text string) {
	t.Helper()
	if chat.CodeOf(err) != code {
		t.Errorf("error %v, want code %s", err, code)
		return
	}
	if got := chat.AsError(err).Message; !strings.Contains(got, text) {
		t.Errorf("message %q does not say %q", got, text)
	}
	for _, part := range []string{"s3cr", "boss"} {
		if strings.Contains(err.Error(), part) {
			t.Errorf("credentials in %q", err)
		}
	}
}

func open(t *testing.T, uri string) (*Store, error) {
	return Open(t.Context(), uri, slog.New(slog.DiscardHandler))
}

func TestMongoDBThatIsNotThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	l.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	addresses := []string{nobody, silent.Addr().String(), nobody + "," + silent.Addr().String()}
	var attempts sync.WaitGroup
	for _, address := range addresses {
		attempts.Go(func() {
			start := time.Now()
			_, err := open(t, "mongodb://boss:"+secret+"@"+address+"/chat?authSource=admin")
			wantRefusal(t, err, chat.Unavailable, "MongoDB at "+address+" does not answer")
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("%s: it took %v", address, took)
			}
		})
	}
	attempts.Wait()
}

func TestMalformedAddresses(t *testing.T) {
	for _, uri := range []string{
		"", "localhost", "http://boss:" + secret + "@localhost/", "mongodb://", "mongodb://boss:" + secret,
		"mongodb://boss:s3cr@t@localhost/chat", "mongodb://boss:s3cr/t@localhost/chat",
		"mongodb://boss:" + secret + "@localhost:port/chat", "mongodb://boss:" + secret + "@localhost/chat?authMechanism=s3cr",
		"mongodb://boss:" + secret + "@localhost/a b$c",
	} {
		t.Run(uri, func(t *testing.T) {
			_, err := open(t, uri)
			wantRefusal(t, err, chat.Invalid, "MongoDB")
		})
	}
}

func TestHostsAreNamedWithTheirPorts(t *testing.T) {
	for uri, want := range map[string]string{
		"mongodb://localhost/chat":                           "localhost:27017",
		"mongodb://boss:" + secret + "@a:1,b,[::1]/chat?w=1": "a:1,b:27017,[::1]:27017",
		"mongodb://%2Ftmp%2Fmongodb-27017.sock":              "/tmp/mongodb-27017.sock",
	} {
		address, err := connstring.ParseAndValidate(uri)
		if err != nil {
			t.Fatal(err)
		}
		if got := hostsOf(address); got != want {
			t.Errorf("%s: %s, want %s", uri, got, want)
		}
	}
}

// Whatever an address asks for, what was answered is durable, and what is read cannot be undone.
func TestTheAddressCannotWeakenDurability(t *testing.T) {
	o := clientOptions("mongodb://localhost/?w=1&journal=false&readConcernLevel=local&readPreference=secondary&maxPoolSize=7")
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	if o.WriteConcern.W != "majority" || !*o.WriteConcern.Journal || o.ReadConcern.Level != "majority" {
		t.Errorf("write concern %+v, read concern %+v", o.WriteConcern, o.ReadConcern)
	}
	if mode := o.ReadPreference.Mode().String(); mode != "primary" {
		t.Errorf("reads go to a %s", mode)
	}
	if *o.MaxPoolSize != 7 {
		t.Errorf("%d connections, want the 7 of the address", *o.MaxPoolSize)
	}
}
