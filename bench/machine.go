package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// machine says what the figures were measured on, as far as the operating system tells.
func machine() string {
	text := fmt.Sprintf("%d cores shared with the generator", runtime.NumCPU())
	if model := procField("/proc/cpuinfo", "model name"); model != "" {
		text = model + ", " + text
	}
	if fields := strings.Fields(procField("/proc/meminfo", "MemTotal")); len(fields) > 0 {
		if kb, err := strconv.ParseFloat(fields[0], 64); err == nil {
			text += fmt.Sprintf(", %.0f GB", kb/(1<<20))
		}
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		text += fmt.Sprintf(", %s %s", runtime.GOOS, bytes.TrimSpace(release))
	}
	return text
}

// procField reads the first "name: value" of a file in /proc; empty if there is none.
func procField(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// versions says which Parley, and which runtimes.
func versions() string {
	text := runtime.Version()
	if commit := output("git", "describe", "--always"); commit != "" {
		// Figures that were written a moment ago are no change of what is measured.
		if output("git", "status", "--porcelain", "--untracked-files=no", "--", ":(top)", ":(top,exclude)bench/results", ":(top,exclude)docs") != "" {
			commit += "-dirty"
		}
		text = "Parley " + commit + ", " + text
	}
	if rust := output("rustc", "--version"); rust != "" {
		text += ", " + rust
	}
	if node := output("node", "--version"); node != "" {
		text += ", Node " + node
	}
	return text
}

// output is what a command prints, or nothing if it fails.
func output(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
