package realtime

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-chat/parley/docs"
)

// documented returns the names of the events of docs/asyncapi.yaml that clients send, "receive", or hear, "send".
func documented(t *testing.T, action string) (names []string) {
	t.Helper()
	d, err := docs.AsyncAPI()
	if err != nil {
		t.Fatal(err)
	}
	for _, operation := range d.Names("operations") {
		channel, _ := d.At("operations", operation, "channel", "title").(string)
		if d.At("operations", operation, "action") != action || channel != "The namespace of the chat." {
			continue
		}
		messages, _ := d.At("operations", operation, "messages").([]any)
		if len(messages) != 1 {
			t.Fatalf("%s has %d messages", operation, len(messages))
		}
		reference := messages[0].(map[string]any)["$ref"].(string)
		way := append(strings.Split(strings.TrimPrefix(reference, "#/"), "/"), "name")
		names = append(names, d.At(way...).(string))
	}
	return names
}

func TestEveryEventIsInAsyncAPI(t *testing.T) {
	compare(t, "clients send", slices.Collect(maps.Keys(eventTable())), documented(t, "receive"))
	compare(t, "the server sends", emitted(t), documented(t, "send"))
}

func compare(t *testing.T, what string, code, document []string) {
	t.Helper()
	for _, name := range code {
		if !slices.Contains(document, name) {
			t.Errorf("%s %q, which is not in docs/asyncapi.yaml", what, name)
		}
	}
	for _, name := range document {
		if !slices.Contains(code, name) {
			t.Errorf("docs/asyncapi.yaml says that %s %q, and nobody does", what, name)
		}
	}
}

// senders are the functions that an event's name is given to, and as which argument.
func senders() map[string]int {
	return map[string]int{"emit": 0, "messageFrame": 0, "EventFrame": 1, "WriteEventFrame": 1, "tellUser": 1, "fanOut": 1}
}

// emitted reads the names of all events that the package sends out of its source.
func emitted(t *testing.T) (names []string) {
	t.Helper()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			function, _ := declaration.(*ast.FuncDecl)
			ast.Inspect(declaration, func(n ast.Node) bool {
				call, _ := n.(*ast.CallExpr)
				if call == nil {
					return true
				}
				argument, ok := senders()[called(call)]
				if !ok {
					return true
				}
				switch name := call.Args[argument].(type) {
				case *ast.BasicLit:
					text, err := strconv.Unquote(name.Value)
					if err != nil {
						t.Fatal(err)
					}
					names = append(names, text)
				case *ast.Ident:
					names = append(names, values(function, name.Name)...)
					if _, passes := senders()[function.Name.Name]; !passes && len(values(function, name.Name)) == 0 {
						t.Errorf("%s: which event is it? Name it there, or make its function one of senders", set.Position(name.Pos()))
					}
				default:
					t.Errorf("%s: which event is it?", set.Position(name.Pos()))
				}
				return true
			})
		}
	}
	return names
}

// called is the name of the function of a call, without its package or receiver.
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// values are the texts that a function gives to a variable of its own.
func values(function *ast.FuncDecl, variable string) (texts []string) {
	ast.Inspect(function, func(n ast.Node) bool {
		assign, _ := n.(*ast.AssignStmt)
		if assign == nil || len(assign.Lhs) != len(assign.Rhs) {
			return true
		}
		for i := range assign.Lhs {
			to, _ := assign.Lhs[i].(*ast.Ident)
			from, _ := assign.Rhs[i].(*ast.BasicLit)
			if to != nil && from != nil && to.Name == variable && from.Kind == token.STRING {
				text, _ := strconv.Unquote(from.Value) // a literal that compiles
				texts = append(texts, text)
			}
		}
		return true
	})
	return texts
}
