package engineio

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestPollsAreZippedForThoseWhoAcceptIt(t *testing.T) {
	long := strings.Repeat("hello ", 1000)
	for _, c := range []struct {
		config Config
		accept string
		said   string
		zipped bool
	}{
		{packs, "gzip, deflate, br", long, true},
		{packs, "deflate, GZIP ; q=0.5", long, true},
		{packs, "", long, false},
		{packs, "br", long, false},
		{packs, "gzip;q=0", long, false},
		{packs, "gzip;q=what", long, false},
		{packs, "gzip", "short", false},
		{Config{}, "gzip", long, false},
	} {
		h := open(t, c.config, nil)
		h.web.Transport.(*http.Transport).DisableCompression = true
		ann := h.come()
		h.must(ann.post("4"+c.said), 200, "ok")
		request, _ := http.NewRequest("GET", h.http.URL+"/?"+ann.query(), nil)
		request.Header.Set("Accept-Encoding", c.accept)
		response, err := h.web.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.ContentLength != int64(len(body)) {
			t.Errorf("%d bytes of %d, %v", len(body), response.ContentLength, err)
		}
		if zipped := response.Header.Get("Content-Encoding") == "gzip"; zipped != c.zipped {
			t.Errorf("Accept-Encoding %q, %d bytes: zipped %t", c.accept, len(c.said), zipped)
		}
		if varies := response.Header.Get("Vary") == "Accept-Encoding"; varies != c.config.Compress {
			t.Errorf("Vary %q", response.Header.Values("Vary"))
		}
		if c.zipped {
			r, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
		if string(body) != "4"+c.said {
			t.Errorf("got %.100q", body)
		}
	}
}

func TestEncodedBodiesAreRefused(t *testing.T) {
	h := open(t, packs, nil)
	ann := h.come()
	h.must(h.ask("POST", ann.query(), "4hello", "Content-Encoding", "identity"), 200, "ok")
	h.must(ann.poll(), 200, "4hello")
	h.must(h.ask("POST", ann.query(), "\x1f\x8b", "Content-Encoding", "gzip"), 415, "body with a Content-Encoding\n")
	h.mustClose(ann.guest, "body with a Content-Encoding")
}
