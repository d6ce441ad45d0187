package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/parley-chat/parley/bench/proc"
)

// kind is a server that can be measured.
type kind struct {
	name, title string
	accounts    bool // users are registered, by /toregister, and log in with tokens
	// command builds what is not built yet and returns what starts the server. It prints its URL.
	command func(p *peer) (*exec.Cmd, error)
}

// errMissing says that this machine lacks what it takes to build or start a peer.
var errMissing = errors.New("missing")

// kinds are all peers of this source tree.
func kinds() []kind {
	return []kind{
		parley(),
		{name: "node", title: "Node socket.io, in memory", command: node},
		{name: "raw", title: "bare relay, in memory", command: built("/bench/peers/raw")},
	}
}

func parley() kind {
	return kind{name: "parley", title: "Parley, stored before the ack", accounts: true, command: built("")}
}

// prebuilt is a Parley binary made elsewhere, for comparing two builds.
func prebuilt(name, path string) kind {
	return kind{name: name, title: "Parley, binary " + name, accounts: true, command: func(p *peer) (*exec.Cmd, error) {
		return p.serve(path)
	}}
}

// built is a program of this module, by its package's path below the module's.
func built(pkg string) func(p *peer) (*exec.Cmd, error) {
	return func(p *peer) (*exec.Cmd, error) {
		binary := filepath.Join(p.dir, p.name)
		if err := proc.Build(binary, proc.Module+pkg); err != nil { // every time: the build cache makes that cheap
			return nil, err
		}
		return p.serve(binary)
	}
}

func node(*peer) (*exec.Cmd, error) {
	if _, err := exec.LookPath("node"); err != nil {
		return nil, fmt.Errorf("%w: no node", errMissing)
	}
	root, err := proc.Root()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(root, "bench", "peers", "node")
	if err := proc.InstallNode(dir); err != nil {
		return nil, err
	}
	return exec.Command("node", filepath.Join(dir, "server.js")), nil
}

// serve starts a binary with the settings that all Parleys are measured with.
func (p *peer) serve(binary string) (*exec.Cmd, error) {
	cmd := exec.Command(binary)
	if p.accounts && p.data == "" {
		var err error
		if p.data, err = os.MkdirTemp(p.dir, "data"); err != nil {
			return nil, err
		}
	}
	cmd.Dir = p.dir
	// Nothing else: a setting of the machine's, such as a database, would make figures that compare with no others.
	cmd.Env = append([]string{"HOST=127.0.0.1", "PORT=0", "DATA_DIR=" + p.data, "RATE_LIMITS=off", "BCRYPT_COST=4", "LOG_LEVEL=warn"}, p.env...)
	return cmd, nil
}
