package docs_test

import (
	"errors"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/parley-chat/parley/docs"
)

func TestADocumentChecksValues(t *testing.T) {
	d, err := docs.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	refused := []string{"paths", "/login", "post", "responses", "default", "content", "application/json", "schema"}
	if err := d.Check(map[string]any{"err_code": 429.0, "message": "too many", "retryAfter": 3.0}, refused...); err != nil {
		t.Error(err)
	}
	if err := d.Check(map[string]any{"message": "too many"}, refused...); err == nil {
		t.Error("an error without err_code fits")
	}
	if err := d.Check("x", "paths", "/login", "get"); err == nil {
		t.Error("there is a schema where nothing stands")
	}
}

// Every schema and payload of both documents is one: nothing else comes to those that no answer is checked against.
func TestEverySchemaIsOne(t *testing.T) {
	for name, read := range map[string]func() (*docs.Document, error){"openapi": docs.OpenAPI, "asyncapi": docs.AsyncAPI} {
		d, err := read()
		if err != nil {
			t.Fatal(err)
		}
		var ways [][]string
		for _, schema := range d.Names("components", "schemas") {
			ways = append(ways, []string{"components", "schemas", schema})
		}
		if len(ways) == 0 {
			t.Errorf("%s has no schema", name)
		}
		for _, message := range d.Names("components", "messages") {
			ways = append(ways, []string{"components", "messages", message, "payload"})
		}
		for _, way := range ways {
			var refused *jsonschema.ValidationError
			if err := d.Check(true, way...); !errors.As(err, &refused) { // nothing on the wire is a boolean alone
				t.Errorf("%s: %v takes anything: %v", name, way, err)
			}
		}
	}
}
