package e2e_test

import (
	"os"
	"path/filepath"
	"testing"
)

// The schemas of OpenAPI and AsyncAPI are the judges. What the documents say is held to the code beside each door.
func TestTheDocumentsAreWhatTheySay(t *testing.T) {
	needNode(t)
	folder := filepath.Join("..", "docs")
	for _, name := range []string{"openapi.yaml", "asyncapi.yaml"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil { // also tells go test that the outcome depends on it
			t.Fatal(err)
		}
	}
	node(t, filepath.Join("node", "documents.mjs"), folder)
}
