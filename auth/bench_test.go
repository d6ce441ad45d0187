package auth

import "testing"

// BenchmarkParse checks a token of this server, as every connect does.
func BenchmarkParse(b *testing.B) {
	tokens := at(0)
	token, err := tokens.Issue(annsAccount())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tokens.Parse(token); err != nil {
			b.Fatal(err)
		}
	}
}
