package main

import (
	"context"
	"fmt"

	"github.com/parley-chat/parley/bench/figure"
)

// everyPeer plays what needs no more than login, chat and typing over WebSockets.
func everyPeer() []string { return []string{"parley", "node", "stock", "socketioxide", "raw"} }

// talks are the scenarios in which pairs of sockets write to each other, in a closed loop or, with -rate, an open one.
func talks() []scenario {
	columns := append([]figure.Column{
		{Name: "delivered/s", Format: "%.0f", Against: true}, {Name: "CPU us/msg", Format: "%.1f", Against: true},
		{Name: "p50 ms", Format: "%.2f"}, {Name: "p99 ms", Format: "%.2f"}, {Name: "p99.9 ms", Format: "%.2f"},
		{Name: generatorCost, Format: "%.1f"},
	}, faults(talkFaults()...)...)
	return []scenario{
		{
			name: "chat", summary: "pairs of sockets write to each other and wait for acks; Parley stores each message durably before",
			sockets: 200, peers: everyPeer(), columns: columns, run: talk(byWebSocket, chatWithAcks),
		}, {
			name: "chat-noack", summary: "the same without asking for acks; what arrives makes room for the next",
			sockets: 200, peers: everyPeer(), columns: columns, run: talk(byWebSocket, chatWithoutAcks),
		}, {
			name: "typing", summary: "pairs of sockets tell each other that they type, which nobody stores; two events swapped show as one lost and one twice",
			sockets: 200, peers: everyPeer(), columns: columns, run: talk(byWebSocket, typing),
		}, {
			name: "chat-polling", summary: "pairs write to each other and wait for acks, by HTTP long-polling",
			sockets: 200, peers: []string{"parley", "node", "stock", "socketioxide"}, columns: columns, run: talk(byPolling, chatWithAcks),
		},
	}
}

func talk(connect connector, speak language) func(context.Context, *peer, options) (figure.Run, error) {
	return func(ctx context.Context, p *peer, o options) (figure.Run, error) {
		s, err := seat(ctx, p, o, connect, speak)
		if err != nil {
			return nil, err
		}
		defer s.close()
		var run figure.Run
		if o.rate > 0 {
			run, err = s.open(ctx, o, o.rate)
		} else {
			run, err = s.closed(ctx, o)
		}
		if err != nil {
			return nil, err
		}
		return s.finish(run)
	}
}

// latency finds the peak of a peer, and then sends at half of that, and at half of Node's. Node goes first, so that
// the others know its peak.
func latency() scenario {
	columns := []figure.Column{{Name: "peak/s", Format: "%.0f", Against: true}}
	for _, rate := range []string{"", atNodes} {
		columns = append(columns,
			figure.Column{Name: "sent/s" + rate, Format: "%.0f"},
			figure.Column{Name: "p50 ms" + rate, Format: "%.2f", Against: true}, figure.Column{Name: "p99 ms" + rate, Format: "%.2f", Against: true},
			figure.Column{Name: "p99.9 ms" + rate, Format: "%.2f", Against: true}, figure.Column{Name: "CPU us/msg" + rate, Format: "%.1f", Against: true},
			figure.Column{Name: "p99 ms" + ofPacer + rate, Format: "%.2f"})
	}
	return scenario{
		name: "latency", summary: "chat with acks at half of the peer's own peak, then at half of Node's, each message sent when it is due",
		sockets: 200, peers: []string{"node", "parley", "raw"}, columns: append(columns, faults(talkFaults()...)...), run: atHalf,
	}
}

// ofPacer marks how late the generator itself was, which is part of each latency.
const ofPacer = ", generator late"

// atNodes marks the columns of the second rate.
const atNodes = ", at Node's"

func atHalf(ctx context.Context, p *peer, o options) (figure.Run, error) {
	s, err := seat(ctx, p, o, byWebSocket, chatWithAcks)
	if err != nil {
		return nil, err
	}
	defer s.close()
	peak, err := s.closed(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("peak: %w", err)
	}
	run := figure.Run{"peak/s": peak["delivered/s"]}
	nodes := o.sofar.Median("node", "peak/s") // not a number without Node
	if p.name == "node" {
		nodes = run["peak/s"]
	}
	for _, at := range []struct {
		suffix string
		rate   float64
	}{{"", run["peak/s"] / 2}, {atNodes, nodes / 2}} {
		if !(at.rate > 0) {
			continue
		}
		half, err := s.open(ctx, o, at.rate)
		if err != nil {
			return nil, fmt.Errorf("%.0f a second: %w", at.rate, err)
		}
		run["sent/s"+at.suffix] = at.rate
		for name, v := range half {
			run[name+at.suffix] = v
		}
	}
	return s.finish(run)
}
