package main

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

const patience = 20 * time.Second

// ends is a network with a connection through it, and its two ends.
func ends(t *testing.T) (n *network, client, server *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	n, err = newNetwork()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	n.leadTo(listener.Addr().String())
	near, err := net.Dial("tcp", n.address())
	if err != nil {
		t.Fatal(err)
	}
	far, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{near, far} {
		c.SetDeadline(time.Now().Add(patience))
		t.Cleanup(func() { c.Close() })
	}
	client, server = near.(*net.TCPConn), far.(*net.TCPConn)
	carries(t, client, server) // so that the link is known
	return n, client, server
}

func carries(t *testing.T, from, to net.Conn) {
	t.Helper()
	io.WriteString(from, "hello")
	got := make([]byte, 5)
	if _, err := io.ReadFull(to, got); err != nil || string(got) != "hello" {
		t.Fatalf("%q, %v arrived instead of hello", got, err)
	}
}

func TestNetworkCarriesBothWays(t *testing.T) {
	_, client, server := ends(t)
	carries(t, server, client)
	client.CloseWrite()
	if rest, err := io.ReadAll(server); len(rest) > 0 || err != nil {
		t.Errorf("%q, %v at the end", rest, err)
	}
	carries(t, server, client) // half closed
}

func TestCutMidFrame(t *testing.T) {
	n, client, server := ends(t)
	n.all()[0].down.cut(7, false)
	io.WriteString(server, "0123456789")
	if got, _ := io.ReadAll(client); string(got) != "0123456" {
		t.Errorf("%q arrived, of which seven bytes were to pass", got)
	}
	if _, err := server.Read(make([]byte, 1)); err == nil {
		t.Error("the server's side lives on")
	}
}

func TestHalfCut(t *testing.T) {
	n, client, server := ends(t)
	n.all()[0].up.cut(2, true)
	io.WriteString(client, "0123")
	if got, err := io.ReadAll(server); string(got) != "01" || err != nil {
		t.Errorf("%q, %v arrived, of which two bytes were to pass", got, err)
	}
	carries(t, server, client)
}

func TestStall(t *testing.T) {
	n, client, server := ends(t)
	n.darken()
	io.WriteString(client, "hello")
	server.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if m, err := server.Read(make([]byte, 5)); err == nil {
		t.Errorf("%d bytes passed in the dark", m)
	}
	server.SetReadDeadline(time.Now().Add(patience))
	n.lighten()
	got := make([]byte, 5)
	if _, err := io.ReadFull(server, got); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v after the dark", got, err)
	}
}

func TestVanish(t *testing.T) {
	n, client, server := ends(t)
	n.all()[0].vanish(200 * time.Millisecond)
	if _, err := client.Read(make([]byte, 1)); err == nil {
		t.Error("the client's side lives on")
	}
	begun := time.Now()
	if _, err := server.Read(make([]byte, 1)); err == nil || time.Since(begun) < 50*time.Millisecond {
		t.Errorf("the server's side ended with %v after %v", err, time.Since(begun))
	}
}

func TestNobodyThere(t *testing.T) {
	n, err := newNetwork()
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	conn, err := net.Dial("tcp", n.address())
	if err == nil {
		conn.SetDeadline(time.Now().Add(patience))
		_, err = conn.Read(make([]byte, 1))
		conn.Close()
	}
	if err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("%v: want an end at once", err)
	}
}
