package gateway

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-chat/parley/docs"
)

// What the door answers is in docs/asyncapi.yaml with the id of its answer, and so are its notices; nothing else is.
func TestEveryFrameIsInAsyncAPI(t *testing.T) {
	d, err := docs.AsyncAPI()
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]string) // ids of requests, and of answers; of notices, and ""
	for _, id := range d.Names("channels", "gateway", "messages") {
		switch d.At("operations", "tcp-"+id, "action") {
		case "receive":
			answers, _ := d.At("operations", "tcp-"+id, "reply", "messages").([]any)
			if len(answers) != 1 {
				t.Fatalf("%s has %d answers", id, len(answers))
			}
			way := strings.Split(answers[0].(map[string]any)["$ref"].(string), "/")
			documented[id] = way[len(way)-1]
		case "send":
			documented[id] = ""
		}
	}
	registered := make(map[string]string)
	refused := otherRequests() // documented as a whole
	for id, r := range requestTable() {
		if _, other := refused[id]; !other {
			registered[strconv.Itoa(int(id))] = strconv.Itoa(int(r.reply))
		}
	}
	for _, id := range notices(t) {
		registered[id] = ""
	}
	for id, answer := range registered {
		if got, ok := documented[id]; !ok || got != answer {
			t.Errorf("%s is answered by %q; in docs/asyncapi.yaml by %q, %v", id, answer, got, ok)
		}
	}
	for id := range documented {
		if _, ok := registered[id]; !ok {
			t.Errorf("%s is in docs/asyncapi.yaml, and nowhere else", id)
		}
	}
}

// notices reads the ids of what clients are told unasked out of the package's source: its constants of type uint16.
func notices(t *testing.T) (ids []string) {
	t.Helper()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, _ := n.(*ast.ValueSpec)
			if spec == nil {
				return true
			}
			if kind, _ := spec.Type.(*ast.Ident); kind != nil && kind.Name == "uint16" && strings.HasPrefix(spec.Names[0].Name, "id") {
				ids = append(ids, spec.Values[0].(*ast.BasicLit).Value)
			}
			return true
		})
	}
	if !slices.Contains(ids, strconv.Itoa(int(idText))) {
		t.Fatalf("the notices are %v, without that of a text", ids)
	}
	return ids
}
