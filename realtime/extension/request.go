package extension

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"

	"github.com/zishang520/engine.io/v2/types"
)

// remembered is what is kept of a connection's first request for the handshake that handlers see.
type remembered struct {
	uri, host, address string
	secure             bool
	header             http.Header
}

func remember(r *http.Request) *remembered {
	// The strings are parts of the request, which would stay in memory with them.
	m := &remembered{
		uri: strings.Clone(r.URL.RequestURI()), host: strings.Clone(r.Host), address: strings.Clone(r.RemoteAddr),
		secure: r.TLS != nil, header: make(http.Header, len(r.Header)),
	}
	for name, values := range r.Header {
		copied := make([]string, len(values))
		for i, v := range values {
			copied[i] = strings.Clone(v)
		}
		m.header[strings.Clone(name)] = copied
	}
	return m
}

// context makes of it what the library takes for a request. A nil one gives a request that tells nothing.
func (m *remembered) context() *types.HttpContext {
	if m == nil {
		m = &remembered{uri: "/socket.io/", header: http.Header{}}
	}
	target, err := url.ParseRequestURI(m.uri)
	if err != nil {
		target = &url.URL{Path: "/"}
	}
	r := &http.Request{
		Method: http.MethodGet, URL: target, RequestURI: m.uri, Host: m.host, RemoteAddr: m.address, Header: m.header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if m.secure {
		r.TLS = &tls.ConnectionState{}
	}
	c := types.NewHttpContext(nowhere{http.Header{}}, r)
	c.Flush() // answered long ago; this also ends the goroutine that the context starts to wait for it
	return c
}

// nowhere is the answer of a request that was answered long ago.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header         { return n.header }
func (n nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n nowhere) WriteHeader(int)             {}
