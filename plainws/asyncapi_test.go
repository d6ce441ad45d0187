package plainws

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/docs"
)

// The messages of docs/asyncapi.yaml have the fields that are read and written here, and no others.
func TestEveryFieldIsInAsyncAPI(t *testing.T) {
	d, err := docs.AsyncAPI()
	if err != nil {
		t.Fatal(err)
	}
	for message, c := range map[string]struct {
		is  any
		way []string
	}{
		"say":    {request{}, []string{"payload", "properties"}},
		"hear":   {heard{}, []string{"payload", "properties"}},
		"refuse": {failure{}, []string{"payload", "properties", "error", "properties"}},
	} {
		var fields []string
		for f := range reflect.TypeOf(c.is).Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" {
				name = f.Name
			}
			fields = append(fields, strings.ToLower(name)) // what is read fits in any case
		}
		var documented []string
		for _, name := range d.Names(append([]string{"channels", "rooms", "messages", message}, c.way...)...) {
			documented = append(documented, strings.ToLower(name))
		}
		slices.Sort(fields)
		slices.Sort(documented)
		if !slices.Equal(fields, documented) {
			t.Errorf("%s has the fields %v, in docs/asyncapi.yaml %v", message, fields, documented)
		}
	}
}
