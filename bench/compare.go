package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/parley-chat/parley/bench/figure"
)

// compare measures every scenario asked for, and prints and saves each as soon as it is done. A run that fails is shown
// in its table and does not end the others; the error then says how many did. A series that is interrupted keeps the
// rounds it has.
func compare(ctx context.Context, o options, stdout, stderr io.Writer) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	failed := 0
	for _, s := range o.scenarios {
		series, err := takeTurns(ctx, s, o.of(s), dir, stderr)
		if series == nil {
			return err
		}
		for _, why := range series.Failures {
			failed += len(why)
		}
		if err := errors.Join(err, publish(series, o.out, stdout)); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d runs failed", failed)
	}
	return nil
}

// takeTurns plays a scenario as often as asked for, the peers alternating, so that a machine that becomes slower or
// busier does so for all of them. Interrupted, it returns the whole rounds that were played besides the error, or nil.
func takeTurns(ctx context.Context, s scenario, o options, dir string, stderr io.Writer) (*figure.Series, error) {
	series := newSeries(s.name, s.summary, o.command(s))
	series.Columns = s.columns
	cast := o.cast(s)
	for _, k := range cast {
		series.Order = append(series.Order, k.name)
		series.Titles[k.name] = k.title
	}
	o.sofar = series
	for i := range o.runs {
		for _, k := range cast {
			if series.Skipped[k.name] != "" {
				continue
			}
			fmt.Fprintf(stderr, "%s, run %d of %d: %s", s.name, i+1, o.runs, k.name)
			run, err := measure(ctx, s, k, dir, o)
			switch {
			case ctx.Err() != nil && i == 0:
				return nil, ctx.Err()
			case ctx.Err() != nil:
				return series, ctx.Err()
			case errors.Is(err, errMissing):
				fmt.Fprintf(stderr, ": skipped, %v\n", err)
				series.Skipped[k.name] = reason(err)
			case err != nil:
				fmt.Fprintf(stderr, ": failed, %v\n", err)
				series.Failures[k.name] = append(series.Failures[k.name], reason(err))
			default:
				fmt.Fprintln(stderr, brief(s, run))
				series.Peers[k.name] = append(series.Peers[k.name], run)
			}
		}
	}
	return series, nil
}

// reason is why a run failed, for the figures that are kept: its first line, for what a program wrote before it ended
// does not belong there, and no folders of this machine.
func reason(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return regexp.MustCompile(`(^|[\s"'=])/(?:[^\s/:"']+/)+`).ReplaceAllString(line, "$1")
}

// brief are a run's main figures, for who watches.
func brief(s scenario, run figure.Run) string {
	text := ""
	for _, c := range s.columns {
		if v, ok := run[c.Name]; ok && (c.Against || c.Worst && v != 0) {
			text += fmt.Sprintf("; "+c.Format+" %s", v, c.Name)
		}
	}
	return text
}

func measure(ctx context.Context, s scenario, k kind, dir string, o options) (figure.Run, error) {
	p := &peer{kind: k, dir: dir}
	defer p.stop()
	run, err := s.run(ctx, p, o)
	if err != nil && p.process != nil {
		err = fmt.Errorf("%w\n%s", err, p.process.Stderr())
	}
	return run, err
}

// newSeries begins a series that is measured now, on this machine.
func newSeries(scenario, title, command string) *figure.Series {
	return &figure.Series{
		Scenario: scenario, Title: title, Command: command,
		Machine: machine(), Versions: versions(), Date: time.Now().Format(time.DateOnly),
		Titles: make(map[string]string), Peers: make(map[string][]figure.Run),
		Failures: make(map[string][]string), Skipped: make(map[string]string),
	}
}

// publish prints a series and saves it, if there is a folder for it.
func publish(s *figure.Series, out string, stdout io.Writer) error {
	fmt.Fprintln(stdout, s.Markdown())
	if out == "" {
		return nil
	}
	return s.Save(out)
}
