package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/parley-chat/parley/chat"
)

// The control socket is how commands reach the server that owns the embedded engine: HTTP on a Unix socket in a folder
// of DATA_DIR that is open to nobody else. POST /JOB?ARGUMENTS; the body goes in, the answer's body comes out, and what
// went wrong is in a trailer, since it may go wrong late.
const (
	controlFolder  = "control" // in DATA_DIR
	controlSocket  = "socket"
	controlTrailer = "Parley-Error"
	// maxSocketPath is what sun_path of the BSDs and macOS holds, without the zero at its end; Linux has four more.
	maxSocketPath = 103
)

// control serves jobs. Its zero value serves none.
type control struct {
	web  *http.Server
	jobs sync.RWMutex // each job holds it for reading; close takes it for good
}

// startControl listens in dataDir. The caller owns the engine there, so a socket that is there already is a dead one.
func startControl(dataDir string, w *worker, log *slog.Logger) (*control, error) {
	folder := filepath.Join(dataDir, controlFolder)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	if err := os.Chmod(folder, 0o700); err != nil {
		return nil, err
	}
	path, release, err := socketPath(folder)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false) // its path may not lead there any more; the next start removes it
	if err := os.Chmod(path, 0o600); err != nil {
		listener.Close()
		return nil, err
	}
	c := new(control)
	c.web = &http.Server{
		Handler:           http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { c.serve(w, rw, r) }),
		ReadHeaderTimeout: headerTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go c.web.Serve(listener)
	return c, nil
}

// socketPath returns a path of the socket that is short enough: where its own is not, one through the open folder.
func socketPath(folder string) (path string, release func(), err error) {
	path = filepath.Join(folder, controlSocket)
	if len(path) <= maxSocketPath {
		return path, func() {}, nil
	}
	d, err := os.Open(folder)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), controlSocket), func() { d.Close() }, nil
}

func (c *control) serve(w *worker, rw http.ResponseWriter, r *http.Request) {
	if !c.jobs.TryRLock() {
		http.Error(rw, "shutting down", http.StatusServiceUnavailable)
		return
	}
	defer c.jobs.RUnlock()
	if r.Method != http.MethodPost {
		http.Error(rw, "POST /JOB", http.StatusMethodNotAllowed)
		return
	}
	_ = http.NewResponseController(rw).EnableFullDuplex() // an import may fail while it is being sent; HTTP/1 can
	rw.Header().Set("Trailer", controlTrailer)
	rw.WriteHeader(http.StatusOK)
	if err := w.do(r.Context(), strings.TrimPrefix(r.URL.Path, "/"), r.URL.Query(), r.Body, flusher{rw}); err != nil {
		rw.Header().Set(controlTrailer, url.QueryEscape(oneLine(err)))
	}
}

// flusher lets whoever waits see each word at once.
type flusher struct{ http.ResponseWriter }

func (f flusher) Write(b []byte) (int, error) {
	n, err := f.ResponseWriter.Write(b)
	if err == nil {
		err = http.NewResponseController(f.ResponseWriter).Flush()
	}
	return n, err
}

// close ends jobs under way and waits for their end; none begins after it.
func (c *control) close() {
	if c != nil {
		c.web.Close()
		c.jobs.Lock()
	}
}

// callControl has the server at dataDir do a job; done is false when none runs.
func callControl(ctx context.Context, dataDir, job string, args url.Values, in io.Reader, out io.Writer) (done bool, err error) {
	folder := filepath.Join(dataDir, controlFolder)
	if _, err := os.Stat(folder); err != nil {
		return false, nil
	}
	path, release, err := socketPath(folder)
	if err != nil {
		return false, err
	}
	defer release()
	client := http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
		DisableKeepAlives: true,
	}}
	if in != nil {
		in = io.NopCloser(in) // a file that is closed twice
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://control/"+job+"?"+args.Encode(), in)
	if err != nil {
		return true, err
	}
	res, err := client.Do(req)
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return false, nil // it died, or was never there
	}
	if err != nil {
		return true, fmt.Errorf("the running server does not answer: %w", err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(out, res.Body); err != nil {
		return true, fmt.Errorf("the running server broke off: %w", err)
	}
	if text := res.Trailer.Get(controlTrailer); text != "" {
		text, _ = url.QueryUnescape(text)
		return true, errors.New(text)
	}
	if res.StatusCode != http.StatusOK {
		return true, chat.Errorf(chat.Internal, "the running server answers %s", res.Status)
	}
	return true, nil
}
