package engineio

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
)

// This file is Config.Compress on polls.

// zip returns the body of an answer as the request accepts it, and says so in the header.
func (s *Server) zip(header http.Header, r *http.Request, body []byte) []byte {
	if !s.cfg.Compress {
		return body
	}
	header.Add("Vary", "Accept-Encoding")
	if len(body) < compressFrom || !acceptsGzip(r.Header) {
		return body
	}
	zipper, ok := s.codecs.gzips.Get().(*gzip.Writer)
	if !ok {
		zipper, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails for levels that do not exist
	}
	defer s.codecs.gzips.Put(zipper)
	var out bytes.Buffer
	zipper.Reset(&out)
	zipper.Write(body)
	if err := zipper.Close(); err != nil || out.Len() >= len(body) {
		return body
	}
	header.Set("Content-Encoding", "gzip")
	return out.Bytes()
}

// acceptsGzip tells whether a request names gzip in Accept-Encoding with a weight above 0 (RFC 9110, section 12.5.3).
func acceptsGzip(header http.Header) bool {
	for _, line := range header.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(line, ",") {
			name, weight, weighted := strings.Cut(coding, ";")
			if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
				continue
			}
			if !weighted {
				return true
			}
			_, value, _ := strings.Cut(weight, "=")
			q, err := strconv.ParseFloat(strings.TrimSpace(value), 32)
			return err == nil && q > 0
		}
	}
	return false
}
