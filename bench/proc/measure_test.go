package proc

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestParseCPU(t *testing.T) {
	stat := "123 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 250 31 0 0 20 0 9 0\n"
	if got, err := parseCPU([]byte(stat)); err != nil || got != 2810*time.Millisecond {
		t.Errorf("%v, %v; want 2.81s", got, err)
	}
	for _, bad := range []string{"", "123 (a) S 1 2", "1 (a) S 1 2 3 4 5 6 7 8 9 10 x y 0"} {
		if _, err := parseCPU([]byte(bad)); err == nil {
			t.Errorf("%q: accepted", bad)
		}
	}
}

func TestOwnCPUGrowsWithWork(t *testing.T) {
	before, err := OwnCPU()
	for after := before; after == before && err == nil; { // the work is asking
		after, err = OwnCPU()
	}
	if err != nil {
		t.Error(err)
	}
}

func TestParseRSS(t *testing.T) {
	if got, err := parseRSS([]byte("VmHWM:\t  900 kB\nVmRSS:\t  123 kB\nThreads: 4\n")); err != nil || got != 123<<10 {
		t.Errorf("%v, %v; want %d", got, err, 123<<10)
	}
	if _, err := parseRSS([]byte("Threads: 4\n")); err == nil {
		t.Error("accepted without VmRSS")
	}
}

func TestStart(t *testing.T) {
	serving := exec.Command("sh", "-c", "echo ready; echo at http://127.0.0.1:4321/ now; exec sleep 60")
	p, err := Start(serving, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if p.URL != "http://127.0.0.1:4321" {
		t.Errorf("URL %q", p.URL)
	}
	if rss, err := p.RSS(); err != nil || rss <= 0 {
		t.Errorf("RSS %d, %v", rss, err)
	}
	p.Kill()
	if err := p.Stop(time.Minute); err == nil {
		t.Error("a killed process ended well")
	}

	_, err = Start(exec.Command("sh", "-c", "echo no such database >&2; exit 1"), time.Minute)
	if err == nil || !strings.Contains(err.Error(), "no such database") {
		t.Errorf("%v: want what the program said", err)
	}
}
