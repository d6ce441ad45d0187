package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/store/mongo"
)

// meter is one figure of the server's own for Prometheus.
type meter struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(*sample) float64
}

// meters are all of them. It implements prometheus.Collector: figures are taken when they are asked for, of one moment.
type meters struct {
	from           *sources
	table          []meter
	commands, took *prometheus.Desc // of MongoDB, by name
}

func newMeters(from *sources) *meters {
	now := func(name, help string, read func(*sample) float64, labels ...string) meter {
		return newMeter(prometheus.GaugeValue, name, help, read, labels)
	}
	total := func(name, help string, read func(*sample) float64, labels ...string) meter {
		return newMeter(prometheus.CounterValue, name, help, read, labels)
	}
	const connections, connectionsHelp = "connections", "Socket.IO connections."
	m := &meters{from: from}
	m.commands = prometheus.NewDesc("parley_mongo_commands_total", "Commands that MongoDB answered or failed.", []string{"command"}, nil)
	m.took = prometheus.NewDesc("parley_mongo_command_seconds_total", "Time that commands took.", []string{"command"}, nil)
	m.table = []meter{
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
	}
	return m
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
	to <- m.commands
	to <- m.took
}

// Collect implements prometheus.Collector.
func (m *meters) Collect(to chan<- prometheus.Metric) {
	s := m.from.sample()
	for _, one := range m.table {
		to <- prometheus.MustNewConstMetric(one.desc, one.kind, one.read(&s))
	}
	if engine, ok := m.from.server.store.(*mongo.Store); ok {
		for name, c := range engine.Commands() {
			to <- prometheus.MustNewConstMetric(m.commands, prometheus.CounterValue, float64(c.Count), name)
			to <- prometheus.MustNewConstMetric(m.took, prometheus.CounterValue, c.Spent.Seconds(), name)
		}
	}
}
