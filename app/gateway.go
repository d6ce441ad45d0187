package app

import (
	"fmt"
	"log/slog"
	"net"
	"sync"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/gateway"
	"github.com/parley-chat/parley/realtime"
	"github.com/parley-chat/parley/routes"
)

// tcpDoor is the door of UsChat's clients with the port that it serves. The zero value is none.
type tcpDoor struct {
	server   *gateway.Server
	listener net.Listener
}

// openTCP listens for UsChat's clients, if that is set, and opens their door on the rules of the Socket.IO door. The two share
// what one address may open.
func openTCP(cfg Config, rules realtime.Config, engine chat.MessageStore) (tcpDoor, error) {
	if cfg.TCPPort == nil {
		return tcpDoor{}, nil
	}
	listener, err := listenAt(cfg.Host, *cfg.TCPPort)
	if err != nil {
		return tcpDoor{}, fmt.Errorf("%w; set HOST and TCP_PORT", err)
	}
	return tcpDoor{gateway.New(gateway.Config{
		Accounts: rules.Accounts, Friends: rules.Friends, Rooms: rules.Rooms, Messages: rules.Messages, Devices: rules.Devices,
		Cursors: rules.Cursors, Registry: rules.Registry, Presence: rules.Presence, Conversations: engine,
		Now: rules.Now, Log: rules.Log, PublicURL: rules.PublicURL,
		Requests: rules.Events, Bytes: rules.Bytes, Handshakes: rules.Handshakes, Connections: rules.Connections,
		MaxQueued: cfg.Transport.Engine.MaxQueued, WriteTime: cfg.Transport.Engine.WriteTimeout,
	}), listener}, nil
}

// serve lets clients in, until the doors are shut.
func (d tcpDoor) serve(background *sync.WaitGroup, log *slog.Logger) {
	if d.server == nil {
		return
	}
	log.Info("UsChat's clients are let in", "address", d.listener.Addr())
	background.Go(func() {
		if err := d.server.Serve(d.listener); err != nil {
			log.Error("UsChat's clients are let in no more", "error", err)
		}
	})
}

// config says to the HTTP door where UsChat's clients connect.
func (d tcpDoor) config(cfg Config, node chat.NodeID, connections func() int) routes.GatewayConfig {
	c := routes.GatewayConfig{Host: cfg.GatewayHost, Masked: cfg.GatewayMasked, Node: node, Connections: connections}
	if d.listener != nil {
		c.Port = d.listener.Addr().(*net.TCPAddr).Port
	}
	return c
}
