// Package docs reads the two documents that stand beside it, openapi.yaml and asyncapi.yaml, for the tests that hold them
// to what the doors do.
package docs

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

//go:embed openapi.yaml asyncapi.yaml
var files embed.FS

// Document is one of the two. Not for use by several goroutines at once.
type Document struct {
	root    any
	schemas *jsonschema.Compiler
}

// OpenAPI returns the document of the routes.
func OpenAPI() (*Document, error) { return read("openapi.yaml") }

// AsyncAPI returns the document of the events, the frames and the messages.
func AsyncAPI() (*Document, error) { return read("asyncapi.yaml") }

func read(name string) (*Document, error) {
	text, err := files.ReadFile(name)
	if err != nil {
		return nil, err
	}
	d := &Document{schemas: jsonschema.NewCompiler()}
	var root any
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if text, err = json.Marshal(root); err == nil { // values as encoding/json has them
		err = json.Unmarshal(text, &d.root)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	d.schemas.DefaultDraft(jsonschema.Draft2020) // as OpenAPI 3.1 has it; AsyncAPI's draft 7 means the same by what is used here
	return d, d.schemas.AddResource(location, d.root)
}

// location is where the schemas refer to each other; nothing is fetched from there.
const location = "parley:///document"

// At returns what stands in the document at the end of a way of names, references followed; nil when there is nothing.
func (d *Document) At(way ...string) any {
	value, _ := d.find(way)
	return value
}

// Names returns the names of an object in the document, in their order; none when there is no object.
func (d *Document) Names(way ...string) []string {
	object, _ := d.At(way...).(map[string]any)
	return slices.Sorted(maps.Keys(object))
}

// Check tells whether a value, as encoding/json decodes it, fits the schema at the end of a way.
func (d *Document) Check(value any, way ...string) error {
	_, place := d.find(way)
	schema, err := d.schemas.Compile(location + "#" + place)
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// find goes a way and says where it ended, as a pointer for an address's fragment (RFC 6901, section 6).
func (d *Document) find(way []string) (value any, place string) {
	value = d.root
	for _, name := range way {
		object, _ := value.(map[string]any)
		value = object[name]
		place += "/" + url.PathEscape(strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1"))
		if object, ok := value.(map[string]any); ok {
			if reference, ok := object["$ref"].(string); ok {
				steps := strings.Split(strings.TrimPrefix(reference, "#/"), "/")
				value, place = d.find(steps) // no name that is referred to holds what a pointer escapes
			}
		}
	}
	return value, place
}
