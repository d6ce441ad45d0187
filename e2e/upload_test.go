package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const (
	mostUpload   = 10 << 20 // the server's default
	giantUpload  = 1 << 30
	uploadMemory = 64 << 20 // that the server may take beside what it had
	uploadDisk   = mostUpload + 1<<20
	uploadPipe   = 64 << 20 // that may be on its way when the server has had enough
)

// zeros is an endless file, and counts what was taken of it. The transport may go on reading behind the answer.
type zeros struct{ taken atomic.Int64 }

func (z *zeros) Read(p []byte) (int, error) {
	clear(p)
	z.taken.Add(int64(len(p)))
	return len(p), nil
}

// form is a multipart body with one file of a size.
func form(size int64) (body io.Reader, file *zeros, length int64) {
	const head = "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"ann.bin\"\r\n\r\n"
	const end = "\r\n--edge--\r\n"
	file = &zeros{}
	body = io.MultiReader(strings.NewReader(head), io.LimitReader(file, size), strings.NewReader(end))
	return body, file, int64(len(head)) + size + int64(len(end))
}

const formType = "multipart/form-data; boundary=edge"

// size is what stands in a folder and below, in bytes. What goes while it counts does not count.
func size(dir string) (bytes int64) {
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				bytes += info.Size()
			}
		}
		return nil
	})
	return bytes
}

// observe looks at the server's memory and the folder's size again and again until the returned function is called, which
// says how far each rose.
func observe(t *testing.T, s *server, dir string) (rise func() (memory, disk int64)) {
	t.Helper()
	memory := func() int64 {
		rss, err := s.RSS()
		if err != nil {
			t.Error(err)
		}
		return rss
	}
	memoryBefore, diskBefore := memory(), size(dir)
	memoryMost, diskMost := memoryBefore, diskBefore
	enough, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			memoryMost, diskMost = max(memoryMost, memory()), max(diskMost, size(dir))
			select {
			case <-tick.C:
			case <-enough:
				return
			}
		}
	}()
	return func() (int64, int64) {
		close(enough)
		<-done
		return memoryMost - memoryBefore, diskMost - diskBefore
	}
}

// A gigabyte against a limit of ten megabytes is refused, at once where the client says how much it is, and in any case
// at little cost.
func TestGiantUploadIsCheap(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	ann := s.register("Ann")
	for _, told := range []bool{true, false} {
		t.Run(fmt.Sprintf("its size told %v", told), func(t *testing.T) {
			rise := observe(t, s, dir)
			body, file, length := form(giantUpload)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/upload", body)
			if err != nil {
				t.Fatal(err)
			}
			if told {
				req.ContentLength = length
			}
			req.Header.Set("Content-Type", formType)
			req.Header.Set("Authorization", "Bearer "+ann.token)
			res, err := http.DefaultClient.Do(req)
			if err == nil {
				answer, _ := io.ReadAll(res.Body)
				res.Body.Close()
				if res.StatusCode != http.StatusRequestEntityTooLarge {
					t.Errorf("answered %d: %s", res.StatusCode, answer)
				}
			} else if told || file.taken.Load() < mostUpload {
				t.Errorf("no answer: %v", err) // what was sent on meanwhile may reset the connection before the answer is read
			}
			memory, disk := rise()
			taken := file.taken.Load()
			t.Logf("%d MB were sent; memory rose by %.1f MB, the disk by %.1f MB", taken>>20, float64(memory)/(1<<20), float64(disk)/(1<<20))
			if memory > uploadMemory || disk > uploadDisk || taken > mostUpload+uploadPipe {
				t.Error("that is too much")
			}
			nothingIsLeft(t, dir)
		})
	}
	if status, answer := s.sendFile(ann, "ann.bin", make([]byte, 1<<20)); status != http.StatusOK {
		t.Errorf("a file of one megabyte afterwards: %d %s", status, answer)
	}
}

// nothingIsLeft waits until no upload has a file on its way.
func nothingIsLeft(t *testing.T, dir string) {
	t.Helper()
	left := func() int64 { return size(filepath.Join(dir, "tmp")) + size(filepath.Join(dir, "data", "files")) }
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(answerWait); left() > 0; <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("%d bytes are left", left())
		}
	}
}

// Ann's connection is gone in the midst of an upload, at its beginning, in the middle and just before the end. Nothing
// of it is kept, on the disk or on her account.
func TestClientVanishesWhileItUploads(t *testing.T) {
	dir := t.TempDir()
	const one = 2 << 20
	s := start(t, dir, fmt.Sprint("UPLOAD_QUOTA=", one+one/2))
	ann := s.register("Ann")
	for _, part := range []int64{0, 1, 100, 4096, one / 2, one - 1, one} {
		for _, reset := range []bool{false, true} {
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			body, _, length := form(one)
			var begun bytes.Buffer
			fmt.Fprintf(&begun, "POST /upload HTTP/1.1\r\nHost: parley\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
				ann.token, formType, length)
			io.CopyN(&begun, body, part)
			if _, err := conn.Write(begun.Bytes()); err != nil {
				t.Fatal(err)
			}
			if reset {
				conn.(*net.TCPConn).SetLinger(0)
			}
			conn.Close()
		}
	}
	nothingIsLeft(t, dir)
	if status, answer := s.sendFile(ann, "ann.bin", make([]byte, one)); status != http.StatusOK { // there is room for one
		t.Errorf("a whole file afterwards: %d %s", status, answer)
	}
	if stored := size(filepath.Join(dir, "data", "files")); stored != one {
		t.Errorf("%d bytes are stored of a file of %d", stored, one)
	}
}
