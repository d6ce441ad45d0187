package e2e_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
)

// tokenBy says how a client gives its token: those of Engine.IO 3 know no auth option, and use the query.
func tokenBy(protocol string) string {
	if protocol == "3" {
		return "AUTH=query"
	}
	return "AUTH=auth"
}

// nodeClient is socket.io-client.
func nodeClient(folder, protocol string) client {
	return client{
		folder: folder, protocol: protocol, legs: allLegs(), tools: []string{"node", "npm"},
		pins: []string{"package.json", "package-lock.json"},
		install: func(ctx context.Context, dir string) []*exec.Cmd {
			return []*exec.Cmd{in(ctx, dir, "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error")}
		},
		run: func(ctx context.Context, dir string) *exec.Cmd {
			cmd := in(ctx, "clients", "node", "story.cjs")
			cmd.Env = append(cmd.Environ(), "CLIENT_DIR="+dir, tokenBy(protocol))
			return cmd
		},
	}
}

// pythonClient is python-socketio, the threaded one.
func pythonClient(folder, protocol string) client {
	return client{
		folder: folder, protocol: protocol, legs: allLegs(), tools: []string{"python3"},
		pins: []string{"requirements.txt"},
		install: func(ctx context.Context, dir string) []*exec.Cmd {
			return []*exec.Cmd{
				in(ctx, dir, "python3", "-m", "venv", "--clear", "venv"),
				in(ctx, dir, python(dir), "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check",
					"-r", "requirements.txt"),
			}
		},
		run: func(ctx context.Context, dir string) *exec.Cmd {
			cmd := in(ctx, "clients", python(dir), "-B", "story.py")
			cmd.Env = append(cmd.Environ(), tokenBy(protocol))
			return cmd
		},
	}
}

func python(dir string) string { return filepath.Join(dir, "venv", "bin", "python") }

// javaClient is io.socket:socket.io-client, which Android runs too.
func javaClient(folder, protocol string) client {
	return client{
		folder: folder, protocol: protocol, legs: allLegs(), tools: []string{"java", "javac", "mvn"},
		pins: []string{"pom.xml"},
		install: func(ctx context.Context, dir string) []*exec.Cmd {
			return []*exec.Cmd{in(ctx, dir, "mvn", "--quiet", "--batch-mode", "dependency:copy-dependencies")}
		},
		build: func(ctx context.Context, dir string) []*exec.Cmd {
			return []*exec.Cmd{in(ctx, "clients", "javac", "-encoding", "UTF-8", "-d", filepath.Join(dir, "classes"),
				"-cp", filepath.Join(dir, "lib", "*"), "Story.java", filepath.Join(folder, "Token.java"))}
		},
		run: func(ctx context.Context, dir string) *exec.Cmd {
			return in(ctx, dir, "java", "-Dfile.encoding=UTF-8", "-cp", "classes:lib/*", "Story")
		},
	}
}

// rustClient is rust_socketio. It knows one namespace a connection, and binary as an event's only argument, which is no
// chat.
func rustClient() client {
	target := func(dir string) string { return filepath.Join(dir, "target") }
	return client{
		folder: "rust", protocol: "4", tools: []string{"cargo"},
		legs: slices.DeleteFunc(allLegs(), func(leg string) bool { return leg == legNamespaces || leg == legFile }),
		pins: []string{"Cargo.toml"},
		build: func(ctx context.Context, dir string) []*exec.Cmd {
			return []*exec.Cmd{in(ctx, filepath.Join("clients", "rust"), "cargo", "build", "--quiet", "--target-dir", target(dir))}
		},
		run: func(ctx context.Context, dir string) *exec.Cmd {
			return in(ctx, dir, filepath.Join(target(dir), "debug", "story"))
		},
	}
}
