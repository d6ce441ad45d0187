package proc

import "testing"

func TestWithSources(t *testing.T) {
	const lock = `version = 4

[[package]]
name = "peer"
version = "0.0.0"

[[package]]
name = "tokio"
version = "1.0.0"
checksum = "abc"
`
	const fresh = `[[package]]
name = "tokio"
version = "1.0.1"
source = "registry+somewhere"
checksum = "def"
`
	const want = `version = 4

[[package]]
name = "peer"
version = "0.0.0"

[[package]]
name = "tokio"
version = "1.0.0"
source = "registry+somewhere"
checksum = "abc"
`
	if got := withSources([]byte(lock), []byte(fresh)); string(got) != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
