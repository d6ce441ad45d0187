package app

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Bounds of the debug pages. A profile or trace that would take longer is refused by net/http/pprof.
const (
	debugTime    = 5 * time.Minute // for one answer
	debugScrapes = 4               // of /metrics at the same time; it looks at every connection
)

// debugOpen before an address says that everybody who can reach it may look.
const debugOpen = "open:"

// debugAddress is the value of DEBUG_ADDR: IP:PORT, a loopback address unless debugOpen stands before it.
func debugAddress(v string) (netip.AddrPort, error) {
	if v == "" {
		return netip.AddrPort{}, nil
	}
	address, open := strings.CutPrefix(v, debugOpen)
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return netip.AddrPort{}, errors.New("an IP address and a port, as 127.0.0.1:6060 or [::1]:6060")
	}
	if !open && !ap.Addr().IsLoopback() {
		return netip.AddrPort{}, errors.New("not a loopback address; anybody who reaches it sees memory and slows the server down: " +
			"put " + debugOpen + " before it if that is meant")
	}
	return ap, nil
}

// debugDoor serves profiles and figures to operators, on an address of its own. Nil serves none.
type debugDoor struct {
	web  *http.Server
	addr net.Addr
	done sync.WaitGroup
}

// startDebug listens at address; at the zero address there is nothing. The pages ask nobody who she is.
func startDebug(address netip.AddrPort, from *sources, log *slog.Logger) (*debugDoor, error) {
	if !address.IsValid() {
		return nil, nil
	}
	listener, err := net.Listen("tcp", address.String())
	if err != nil {
		return nil, fmt.Errorf("DEBUG_ADDR: %w", err)
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(
		collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsGC)),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		newMeters(from),
	)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{
		MaxRequestsInFlight: debugScrapes, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	d := &debugDoor{addr: listener.Addr(), web: &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       headerTime,
		WriteTimeout:      debugTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
	if address.Addr().IsLoopback() {
		d.web.Handler = localOnly(mux)
	}
	d.done.Go(func() { d.web.Serve(listener) })
	log.Info("profiles and figures, without a password", "metrics", "http://"+d.addr.String()+"/metrics")
	return d, nil
}

// localOnly refuses requests for other hosts than this one: a web page that is open in a browser on this machine may
// have its own name resolve to 127.0.0.1, and would read the answers.
func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if host != "localhost" && (err != nil || !ip.IsLoopback()) {
			http.Error(w, "by the name localhost or a loopback address alone", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// close ends what is asked for and waits until nothing is served.
func (d *debugDoor) close() {
	if d != nil {
		d.web.Close()
		d.done.Wait()
	}
}
