package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// profileRows are how many functions a profile lists.
const profileRows = 40

// runProfile plays scenarios with Parley and writes where its time and memory go, as text. It asks the server by
// DEBUG_ADDR, while figures are measured and not before.
func runProfile(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench profile", flag.ContinueOnError)
	flags.SetOutput(stderr)
	wanted := flags.String("scenario", "chat,typing", "scenarios to look into, of those that Parley plays")
	duration := flags.Duration("duration", usualDuration, "time profiled")
	out := flags.String("out", "", "folder to write profile-SCENARIO.txt to, besides standard output")
	if err := flags.Parse(args); err != nil {
		return err
	}
	o, err := parse([]string{"-scenario=" + *wanted, "-duration=" + duration.String()}, stderr)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, s := range o.scenarios {
		text, err := profile(ctx, s, o.of(s), dir)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Fprintln(stdout, text)
		if *out == "" {
			continue
		}
		if err := os.MkdirAll(*out, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(*out, "profile-"+s.name+".txt"), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// profile plays one scenario once.
func profile(ctx context.Context, s scenario, o options, dir string) (string, error) {
	debug, err := freeAddress()
	if err != nil {
		return "", err
	}
	type answer struct {
		path string
		err  error
	}
	cpu, memory := make(chan answer, 1), make(chan answer, 1)
	ask := func(name string, answers chan<- answer) {
		path := filepath.Join(dir, name)
		answers <- answer{path, fetch(ctx, o.duration, fmt.Sprintf("http://%s/debug/pprof/%s?seconds=%.0f", debug, name, o.duration.Seconds()), path)}
	}
	asked := false
	o.measuring = func() {
		asked = true
		go ask("profile", cpu)
		go ask("allocs", memory)
	}
	p := &peer{kind: parley(), dir: dir, env: []string{"DEBUG_ADDR=" + debug}}
	defer p.stop()
	run, err := s.run(ctx, p, o)
	if err != nil {
		return "", err
	}
	if !asked {
		return "", fmt.Errorf("this scenario does not tell when it measures")
	}
	text := fmt.Sprintf("%s; %s%s\n", s.name, versions(), brief(s, run))
	for _, c := range []struct {
		answers chan answer
		flags   []string
	}{
		{cpu, []string{"-top", "-cum"}}, {cpu, []string{"-top"}}, {memory, []string{"-top", "-sample_index=alloc_space"}}, {memory, []string{"-top", "-sample_index=alloc_objects"}},
	} {
		got := <-c.answers
		if got.err != nil {
			return "", got.err
		}
		c.answers <- got
		table, err := exec.Command("go", append(append([]string{"tool", "pprof", fmt.Sprintf("-nodecount=%d", profileRows)}, c.flags...), got.path)...).Output()
		if err != nil {
			return "", fmt.Errorf("go tool pprof: %w", err)
		}
		text += "\n" + strings.TrimSpace(string(table)) + "\n"
	}
	return text, nil
}

// fetch writes an answer, which takes the server so long, to a file.
func fetch(ctx context.Context, long time.Duration, url, path string) error {
	ctx, cancel := context.WithTimeout(ctx, long+time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, res.Status)
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := io.Copy(file, res.Body); err != nil {
		return err
	}
	return file.Close()
}
