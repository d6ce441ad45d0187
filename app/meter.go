package app

import (
	"github.com/prometheus/client_golang/prometheus"
)

// meter is one figure of the server's own for Prometheus.
type meter struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(*sample) float64
}

// meters are all of them. It implements prometheus.Collector: figures are taken when they are asked for, of one moment.
type meters struct {
	from  *sources
	table []meter
}

func newMeters(from *sources) *meters {
	now := func(name, help string, read func(*sample) float64, labels ...string) meter {
		return newMeter(prometheus.GaugeValue, name, help, read, labels)
	}
	total := func(name, help string, read func(*sample) float64, labels ...string) meter {
		return newMeter(prometheus.CounterValue, name, help, read, labels)
	}
	const connections, connectionsHelp = "connections", "Socket.IO connections."
	return &meters{from, []meter{
		now(connections, connectionsHelp, func(s *sample) float64 { return float64(s.transport.Polling) }, "transport", "polling"),
		now(connections, connectionsHelp, func(s *sample) float64 { return float64(s.transport.WebSocket) }, "transport", "websocket"),
		now("protocol3_connections", "Connections that speak Engine.IO 3.", func(s *sample) float64 { return float64(s.transport.Protocol3) }),
		now("send_queue_packets", "Packets that wait to be sent.", func(s *sample) float64 { return float64(s.transport.Queued) }),
		now("send_queue_bytes", "Bytes that wait to be sent.", func(s *sample) float64 { return float64(s.transport.QueuedBytes) }),
		now("send_queue_longest_bytes", "Bytes that wait for the connection with most of them.", func(s *sample) float64 { return float64(s.transport.LongestQueue) }),
		now("commit_queue_messages", "Messages that wait for the next batch.", func(s *sample) float64 { return float64(s.commit.Queued) }),
		now("commit_queue_bytes", "Bytes that wait for the next batch.", func(s *sample) float64 { return float64(s.commit.QueuedBytes) }),
		total("events_total", "Events heard.", func(s *sample) float64 { return float64(s.events) }),
		total("messages_total", "Messages given to the engine.", func(s *sample) float64 { return float64(s.commit.Messages) }),
		total("commit_batches_total", "Batches given to the engine.", func(s *sample) float64 { return float64(s.commit.Batches) }),
		total("commit_seconds_total", "Time that the engine took for batches.", func(s *sample) float64 { return s.commit.Spent.Seconds() }),
	}}
}

// newMeter makes a meter; labels are name and value in turn.
func newMeter(kind prometheus.ValueType, name, help string, read func(*sample) float64, labels []string) meter {
	constant := prometheus.Labels{}
	for i := 0; i+1 < len(labels); i += 2 {
		constant[labels[i]] = labels[i+1]
	}
	return meter{prometheus.NewDesc("parley_"+name, help, nil, constant), kind, read}
}

// Describe implements prometheus.Collector.
func (m *meters) Describe(to chan<- *prometheus.Desc) {
	for _, one := range m.table {
		to <- one.desc
	}
}

// Collect implements prometheus.Collector.
func (m *meters) Collect(to chan<- prometheus.Metric) {
	s := m.from.sample()
	for _, one := range m.table {
		to <- prometheus.MustNewConstMetric(one.desc, one.kind, one.read(&s))
	}
}
