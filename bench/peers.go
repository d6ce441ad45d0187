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
	nativeRooms bool // has rooms of its own, and plays those
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
		{name: "stock", title: "Go socket.io/v2 v2.5.0, in memory", command: stock},
		{name: "socketioxide", title: "Rust socketioxide 0.18.9, in memory", command: socketioxide},
		{name: "raw", title: "bare relay, in memory", command: built("/bench/peers/raw")},
		{name: "program", title: "Parley's extension namespace", accounts: true, command: built("/bench/peers/program")},
	}
}

func parley() kind {
	return kind{name: "parley", title: "Parley, embedded engine", accounts: true, nativeRooms: true, command: built("")}
}

// prebuilt is a Parley binary made elsewhere, for comparing two builds.
func prebuilt(name, path string) kind {
	return kind{name: name, title: "Parley, binary " + name, accounts: true, nativeRooms: true, command: func(p *peer) (*exec.Cmd, error) {
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

func node(p *peer) (*exec.Cmd, error) {
	if _, err := exec.LookPath("node"); err != nil {
		return nil, fmt.Errorf("%w: no node", errMissing)
	}
	dir, err := source("node")
	if err != nil {
		return nil, err
	}
	if err := proc.InstallNode(dir); err != nil {
		return nil, err
	}
	cmd := exec.Command("node", filepath.Join(dir, "server.js"))
	cmd.Env = append(os.Environ(), p.env...)
	return cmd, nil
}

// stock is a module of its own.
func stock(p *peer) (*exec.Cmd, error) {
	dir, err := source("stock")
	if err != nil {
		return nil, err
	}
	binary := filepath.Join(p.dir, p.name)
	return exec.Command(binary), proc.BuildModule(binary, dir)
}

func socketioxide(*peer) (*exec.Cmd, error) {
	if _, err := exec.LookPath("cargo"); err != nil {
		return nil, fmt.Errorf("%w: no cargo", errMissing)
	}
	dir, err := source("socketioxide")
	if err != nil {
		return nil, err
	}
	binary, err := proc.BuildCargo(dir)
	return exec.Command(binary), err
}

// source is the folder of a peer that is no package of this module.
func source(name string) (string, error) {
	root, err := proc.Root()
	return filepath.Join(root, "bench", "peers", name), err
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
