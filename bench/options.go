package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/parley-chat/parley/bench/figure"
)

// options are what the command line says. Those of a run have its scenario's defaults filled in.
type options struct {
	scenarios []scenario
	peers     []string // empty for all that can play a scenario
	binaries  []kind   // further ones, which play whatever Parley plays
	duration  time.Duration
	warmup    time.Duration
	sockets   int
	window    int
	body      int
	runs      int
	rate      float64
	out       string
	sofar     *figure.Series // of a run: what the same scenario has come to before it
	measuring func()         // of a run: called when the time measured begins; may be nil
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var names []string
	for _, s := range scenarios() {
		names = append(names, s.name)
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	peers := flags.String("peers", "", "servers to measure; empty for all that can play a scenario")
	wanted := flags.String("scenario", "chat,idle-5000", "what to measure: all, or some of these, or room and idle for all of theirs: "+strings.Join(names, ","))
	flags.Func("binary", "name=path: a Parley built elsewhere as one more peer, for comparing two builds", func(text string) error {
		name, path, ok := strings.Cut(text, "=")
		if !ok || name == "" || path == "" {
			return fmt.Errorf("want name=path")
		}
		o.binaries = append(o.binaries, prebuilt(name, path))
		return nil
	})
	flags.DurationVar(&o.duration, "duration", 0, "time measured; 0 for the scenario's own, mostly "+usualDuration.String())
	flags.DurationVar(&o.warmup, "warmup", 2*time.Second, "time before that")
	flags.IntVar(&o.sockets, "sockets", 0, "sockets, an even number; 0 for the scenario's own")
	flags.IntVar(&o.window, "window", 8, "messages without an ack that a socket may have under way")
	flags.Float64Var(&o.rate, "rate", 0, "messages a second of all sockets together, each sent when due; 0 for as fast as answers come")
	flags.IntVar(&o.body, "body", 100, "bytes in a message")
	flags.IntVar(&o.runs, "runs", 1, "runs, the servers taking turns")
	flags.StringVar(&o.out, "out", "", "folder to write the figures to as JSON, besides the tables on standard output")
	if err := parseFlags(flags, args); err != nil {
		return o, err
	}
	if o.sockets < 0 || o.sockets%2 != 0 || o.window < 1 || o.body < minBody || o.runs < 1 || o.duration != 0 && o.duration < time.Second || o.warmup < 0 || !(o.rate >= 0) {
		return o, fmt.Errorf("sockets: an even number; window and runs: at least 1; body: at least %d; duration: at least 1s; warmup and rate: not negative", minBody)
	}
	if err := o.choosePeers(*peers); err != nil {
		return o, err
	}
	if err := o.chooseScenarios(*wanted); err != nil {
		return o, err
	}
	for _, s := range o.scenarios { // now, not after hours
		if len(o.cast(s)) == 0 {
			return o, fmt.Errorf("%s: none of these peers can play it; %v can", s.name, s.peers)
		}
	}
	return o, nil
}

// parseFlags parses arguments that are flags and nothing else.
func parseFlags(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	return nil
}

func (o *options) choosePeers(list string) error {
	taken := make(map[string]bool)
	for _, k := range kinds() {
		taken[k.name] = true
	}
	if list != "" {
		o.peers = strings.Split(list, ",")
	}
	for _, name := range o.peers {
		if !taken[name] {
			return fmt.Errorf("unknown peer %q", name)
		}
	}
	for _, binary := range o.binaries {
		if taken[binary.name] {
			return fmt.Errorf("two peers called %q", binary.name)
		}
		taken[binary.name] = true
	}
	return nil
}

func (o *options) chooseScenarios(list string) error {
	if list == "all" {
		o.scenarios = scenarios()
		return nil
	}
	for name := range strings.SplitSeq(list, ",") {
		found := false
		for _, s := range scenarios() {
			if family, _, _ := figure.Family(s.name); s.name == name || family == name {
				o.scenarios = append(o.scenarios, s)
				found = true
			}
		}
		if !found {
			return fmt.Errorf("unknown scenario %q", name)
		}
	}
	return nil
}

// of are the options for one scenario.
func (o options) of(s scenario) options {
	if o.sockets == 0 {
		o.sockets = s.sockets
	}
	if o.duration == 0 {
		o.duration = cmp.Or(s.duration, usualDuration)
	}
	return o
}

// cast are the peers that play a scenario, in its order.
func (o options) cast(s scenario) []kind {
	var cast []kind
	for _, name := range s.peers {
		i := slices.IndexFunc(kinds(), func(k kind) bool { return k.name == name })
		if i >= 0 && (len(o.peers) == 0 || slices.Contains(o.peers, name)) {
			cast = append(cast, kinds()[i])
		}
		if name == "parley" {
			cast = append(cast, o.binaries...)
		}
	}
	return cast
}

// command makes the figures of a scenario again.
func (o options) command(s scenario) string {
	command := fmt.Sprintf("go run ./bench -scenario %s -runs %d -duration %v -warmup %v -sockets %d -window %d -body %d",
		s.name, o.runs, o.duration, o.warmup, o.sockets, o.window, o.body)
	if o.rate > 0 {
		command += fmt.Sprintf(" -rate %g", o.rate)
	}
	if len(o.peers) > 0 {
		command += " -peers " + strings.Join(o.peers, ",")
	}
	return command
}
