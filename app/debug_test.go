package app

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
)

// figure reads one metric of /metrics without labels.
func figure(t *testing.T, url, name string) float64 {
	t.Helper()
	res, err := http.Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	families, err := new(expfmt.TextParser).TextToMetricFamilies(res.Body)
	if err != nil || families[name] == nil {
		t.Fatalf("no figure %s: %v", name, err)
	}
	sum := 0.0
	for _, m := range families[name].Metric {
		sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
	}
	return sum
}

// Ann connects, and an operator on the same machine sees it; nobody sees it through the door that Ann uses.
func TestOperatorsSeeFiguresAndProfiles(t *testing.T) {
	s, url := embed(t, "DEBUG_ADDR=127.0.0.1:0")
	debug := "http://" + s.debug.addr.String()
	if n := figure(t, debug, "parley_connections"); n != 0 {
		t.Errorf("%v connections before anybody came", n)
	}
	_, token := register(t, url, "ann", "123")
	ann := dial(t, url)
	if _, err := ann.Connect(map[string]string{"token": token}); err != nil {
		t.Fatal(err)
	}
	if n := figure(t, debug, "parley_connections"); n != 1 {
		t.Errorf("%v connections, Ann's alone is there", n)
	}
	for _, name := range []string{"go_goroutines", "go_memstats_heap_inuse_bytes", "process_open_fds", "process_resident_memory_bytes"} {
		if figure(t, debug, name) <= 0 {
			t.Errorf("%s: nothing", name)
		}
	}
	for path, want := range map[string]string{
		"/debug/pprof/goroutine?debug=1": "goroutine profile: total", "/debug/pprof/": "heap", "/debug/pprof/cmdline": "app.test",
	} {
		res, err := http.Get(debug + path)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if !strings.Contains(string(text), want) {
			t.Errorf("%s: %s %.100q, without %q", path, res.Status, text, want)
		}
		if res, err = http.Get(url + path); err != nil || res.StatusCode != http.StatusNotFound && res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s is in the clients' door: %v, %v", path, res, err)
		}
		res.Body.Close()
	}
}

// A page in the operator's browser, whose name was made to resolve to this machine, reads nothing.
func TestFiguresAreNotForOtherPages(t *testing.T) {
	s, _ := embed(t, "DEBUG_ADDR=127.0.0.1:0")
	_, port, _ := net.SplitHostPort(s.debug.addr.String())
	for host, want := range map[string]int{
		"localhost:" + port: http.StatusOK, "[::1]": http.StatusOK,
		"evil.example:" + port: http.StatusForbidden, "127.0.0.1.evil.example": http.StatusForbidden, "10.0.0.1": http.StatusForbidden,
	} {
		req, err := http.NewRequest(http.MethodGet, "http://"+s.debug.addr.String()+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("as %s: %s, want %d", host, res.Status, want)
		}
	}
}

func TestWhoMayReachFiguresIsSaidExplicitly(t *testing.T) {
	for _, good := range []string{"127.0.0.1:6060", "[::1]:0", "open:0.0.0.0:6060", "open:10.1.2.3:6060"} {
		if c, err := Load(environment("DEBUG_ADDR=" + good)); err != nil || !c.Debug.IsValid() {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{":6060", "0.0.0.0:6060", "10.1.2.3:6060", "localhost:6060", "127.0.0.1", "127.0.0.1:70000", "open:", "open:here:1"} {
		if _, err := Load(environment("DEBUG_ADDR=" + bad)); err == nil || !strings.HasPrefix(err.Error(), "DEBUG_ADDR: ") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// The address is taken: the server says so and does not start, and gives back all that it had opened.
func TestATakenDebugAddressIsSaid(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	settings := []string{"DATA_DIR=" + dir + "/data", "TMP_DIR=" + dir + "/tmp", "BCRYPT_COST=4"}
	for _, c := range []struct{ address, want string }{{taken.Addr().String(), "DEBUG_ADDR: "}, {"127.0.0.1:0", ""}} {
		cfg, err := Load(environment(append(settings, "DEBUG_ADDR="+c.address)...))
		if err != nil {
			t.Fatal(err)
		}
		s, err := New(t.Context(), cfg)
		if c.want != "" {
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%s: %v", c.address, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := http.Get("http://" + s.debug.addr.String() + "/metrics"); err == nil {
			t.Error("figures of a closed server")
		}
	}
}
