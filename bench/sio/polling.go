package sio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// poller makes the requests of a polling session as a browser does: over connections that it keeps, each request with a
// mark t of its own, and sent again by itself when a kept connection breaks before a word of the answer has come
// (RFC 9110 section 9.2.2; browsers do so for posts as well).
type poller struct {
	ctx      context.Context // of the session
	protocol int
	client   *http.Client
	marks    atomic.Uint64
}

func newPoller(ctx context.Context, protocol int) *poller {
	return &poller{ctx: ctx, protocol: protocol, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2}}}
}

func (p *poller) get(url string, wait time.Duration) (packets [][]byte, err error) {
	kind, body, err := p.do(http.MethodGet, url, nil, wait)
	if err != nil {
		return nil, err
	}
	return decodePayload(p.protocol, kind, body)
}

func (p *poller) post(url string, packets [][]byte, wait time.Duration) error {
	_, body, err := p.do(http.MethodPost, url, encodePayload(p.protocol, packets), wait)
	if err == nil && string(body) != "ok" {
		err = fmt.Errorf("a post was answered %.100q", body)
	}
	return err
}

func (p *poller) do(method, url string, payload []byte, wait time.Duration) (kind string, body []byte, err error) {
	ctx, cancel := context.WithTimeout(p.ctx, wait)
	defer cancel()
	url += "&t=" + strconv.FormatUint(p.marks.Add(1), 36)
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(payload))
	if err != nil {
		return "", nil, err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "text/plain;charset=UTF-8")
		req.Header["Idempotency-Key"] = nil // not sent: it has net/http repeat posts too, see Request.isReplayable
	}
	res, err := p.client.Do(req)
	if err != nil {
		return "", nil, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(io.LimitReader(res.Body, maxFrame))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s %.200s", method, res.Status, body)
	}
	return res.Header.Get("Content-Type"), body, err
}

func (p *poller) close() { p.client.CloseIdleConnections() }

// separator stands between the packets of a payload of protocol 4.
const separator = "\x1e"

var errPayload = errors.New("malformed payload")

// encodePayload makes the body of a post.
func encodePayload(protocol int, packets [][]byte) []byte {
	if protocol == 4 {
		return bytes.Join(packets, []byte(separator))
	}
	var body []byte
	for _, p := range packets {
		body = fmt.Appendf(body, "%d:%s", len(utf16.Encode([]rune(string(p)))), p)
	}
	return body
}

// decodePayload splits the answer to a poll into its packets, of which there is one at least.
func decodePayload(protocol int, kind string, body []byte) (packets [][]byte, err error) {
	switch {
	case protocol == 4:
		packets = bytes.Split(body, []byte(separator))
	case kind == "application/octet-stream":
		packets, err = decodeBytes(body)
	default:
		packets, err = decodeText(body)
	}
	if err == nil && (len(packets) == 0 || slices.ContainsFunc(packets, func(p []byte) bool { return len(p) == 0 })) {
		err = errPayload
	}
	return packets, err
}

// decodeText splits <length>:<packet>…, the lengths in UTF-16 code units (Engine.IO protocol 3, section "Payload").
func decodeText(body []byte) (packets [][]byte, err error) {
	for len(body) > 0 {
		head, rest, found := bytes.Cut(body, []byte(":"))
		units, err := strconv.ParseUint(string(head), 10, 31)
		if !found || err != nil {
			return nil, errPayload
		}
		size := 0
		for n := uint64(0); n < units; {
			r, width := utf8.DecodeRune(rest[size:])
			if width == 0 {
				return nil, errPayload
			}
			size += width
			n += uint64(max(utf16.RuneLen(r), 1))
		}
		packets, body = append(packets, rest[:size]), rest[size:]
	}
	return packets, nil
}

// decodeBytes splits <0 for text><length, a digit a byte><255><packet>…, the lengths in bytes.
func decodeBytes(body []byte) (packets [][]byte, err error) {
	for len(body) > 0 {
		end := bytes.IndexByte(body, 0xff)
		if end < 2 || body[0] != 0 {
			return nil, errPayload
		}
		size := 0
		for _, digit := range body[1:end] {
			if size = 10*size + int(digit); size > maxFrame {
				return nil, errPayload
			}
		}
		rest := body[end+1:]
		if size > len(rest) {
			return nil, errPayload
		}
		packets, body = append(packets, rest[:size]), rest[size:]
	}
	return packets, nil
}
