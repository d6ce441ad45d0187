package routes_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/parley-chat/parley/docs"
	"github.com/parley-chat/parley/routes"
)

// stranger stands for the doors of packages realtime and plainws, which ask for tokens themselves.
type stranger struct{}

func (stranger) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusNoContent)
}

func openAPI(t *testing.T) *docs.Document {
	t.Helper()
	d, err := docs.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What is registered is in docs/openapi.yaml, and what is there is registered.
func TestEveryRouteIsInOpenAPI(t *testing.T) {
	door := routes.New(routes.Config{
		Socket: stranger{}, Plain: stranger{}, Uploads: open(t).config.Uploads,
	}).(*echo.Echo)
	var registered []string
	for _, r := range door.Routes() {
		if r.Method == http.MethodHead || r.Path == "/socket.io/" && r.Method != http.MethodGet && r.Method != http.MethodPost {
			continue // the former goes with GET; the latter answers all methods, and has two that do something
		}
		steps := strings.Split(r.Path, "/")
		for i, step := range steps {
			if name, ok := strings.CutPrefix(step, ":"); ok {
				steps[i] = "{" + name + "}"
			}
		}
		registered = append(registered, strings.ToLower(r.Method)+" "+strings.Join(steps, "/"))
	}
	d := openAPI(t)
	var documented []string
	for _, path := range d.Names("paths") {
		for _, method := range d.Names("paths", path) {
			documented = append(documented, method+" "+path)
		}
	}
	for _, r := range registered {
		if !slices.Contains(documented, r) {
			t.Errorf("%s is not in docs/openapi.yaml", r)
		}
	}
	for _, r := range documented {
		if !slices.Contains(registered, r) {
			t.Errorf("%s is in docs/openapi.yaml, and nowhere else", r)
		}
	}
}

// Where the document asks for a token, nobody comes in without one; elsewhere nobody is asked.
func TestOpenAPISaysWhereATokenIsNeeded(t *testing.T) {
	h, _ := openGateway(t)
	d := openAPI(t)
	for _, path := range d.Names("paths") {
		if path == "/socket.io/" || path == "/ws/{Sender}" {
			continue // the doors behind these ask
		}
		for _, method := range d.Names("paths", path) {
			security, own := d.At("paths", path, method, "security").([]any)
			needed := !own || len(security) > 0
			a := h.ask(strings.ToUpper(method), strings.NewReplacer("{", "", "}", "").Replace(path), nil)
			asked := a.status == http.StatusUnauthorized || strings.Contains(a.body, `"error":1010`)
			if asked != needed {
				t.Errorf("%s %s: a token needed is %v, without one came %d %s", method, path, needed, a.status, a.body)
			}
		}
	}
}
