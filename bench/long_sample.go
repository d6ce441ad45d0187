package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"time"

	metrics "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/parley-chat/parley/bench/figure"
)

// The figures of a sample; what is counted or averaged is so since the sample before.
const (
	atMinute     = "minute"
	rssMB        = "RSS MB"
	heapMB       = "heap MB"
	goroutines   = "goroutines"
	openFiles    = "open files"
	connections  = "connections"
	diskMB       = "disk MB"
	perSecond    = "messages/s"
	cpuPerMsg    = "CPU us/msg"
	perBatch     = "messages/batch"
	p50ms        = "p50 ms"
	p99ms        = "p99 ms"
	p999ms       = "p99.9 ms"
	diskPerMsg   = "disk bytes/msg"
	failureCount = "failures"
)

// reading is what a server's /metrics says at one moment.
type reading struct {
	rss, heap, goroutines, files, connections, messages, batches, cpu float64
}

// readMetrics asks the server that was started with DEBUG_ADDR.
func readMetrics(ctx context.Context, url string) (r reading, err error) {
	families, err := scrape(ctx, url)
	if err != nil {
		return r, err
	}
	for name, to := range map[string]*float64{
		"process_resident_memory_bytes": &r.rss, "go_memstats_heap_inuse_bytes": &r.heap, "go_goroutines": &r.goroutines,
		"process_open_fds": &r.files, "process_cpu_seconds_total": &r.cpu, "parley_connections": &r.connections,
		"parley_messages_total": &r.messages, "parley_commit_batches_total": &r.batches,
	} {
		family := families[name]
		if family == nil {
			return r, fmt.Errorf("%s/metrics has no %s", url, name)
		}
		for _, m := range family.Metric {
			*to += m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return r, nil
}

// scrape reads /metrics, by name.
func scrape(ctx context.Context, url string) (map[string]*metrics.MetricFamily, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	families, err := new(expfmt.TextParser).TextToMetricFamilies(res.Body)
	if err != nil {
		return nil, fmt.Errorf("%s/metrics: %w", url, err)
	}
	return families, nil
}

// weigh adds up the files below a folder, of which some may come and go meanwhile.
func weigh(folder string) (bytes int64, err error) {
	err = filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = entry.Info(); err == nil {
				bytes += info.Size()
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return bytes, err
}

// sample takes samples every interval until ctx ends.
func (r *longRun) sample(ctx context.Context, every time.Duration) error {
	before, err := readMetrics(ctx, r.metrics)
	if err != nil {
		return err
	}
	former, err := weigh(r.data)
	if err != nil {
		return err
	}
	r.failedSince() // what came before counts for nothing
	r.latency.reset()
	start := time.Now()
	for last := start; ; {
		if wait(ctx, every) != nil {
			return nil
		}
		after, err := readMetrics(ctx, r.metrics)
		if err != nil {
			return err
		}
		now := time.Now()
		failed := r.failedSince()
		seconds, messages := now.Sub(last).Seconds(), after.messages-before.messages
		disk, err := weigh(r.data)
		if err != nil {
			return err
		}
		one := figure.Run{
			atMinute: now.Sub(start).Minutes(), rssMB: after.rss / (1 << 20), heapMB: after.heap / (1 << 20),
			goroutines: after.goroutines, openFiles: after.files, connections: after.connections,
			diskMB: float64(disk) / (1 << 20), perSecond: messages / seconds,
			failureCount: float64(failed),
		}
		r.latency.take(one)
		if messages > 0 {
			one[cpuPerMsg] = (after.cpu - before.cpu) * 1e6 / messages
			one[perBatch] = messages / (after.batches - before.batches)
			one[diskPerMsg] = float64(disk-former) / messages
		}
		r.samples = append(r.samples, one)
		fmt.Fprintf(r.stderr, "%5.1f min: %5.0f messages/s, p99 %6.1f ms, RSS %4.0f MB, %5.0f goroutines, %5.0f files, %5.0f MB on disk, %d failures\n",
			one[atMinute], one[perSecond], one[p99ms], one[rssMB], one[goroutines], one[openFiles], one[diskMB], failed)
		before, last, former = after, now, disk
	}
}
