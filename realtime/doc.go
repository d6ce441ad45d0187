// Package realtime is the Socket.IO door: it turns events into requests to the rules of package chat, and what the
// rules decide into acks and events.
//
// Below it, engineio carries packets and socketio names events; neither knows of chat. It imports no engine, no HTTP
// framework and no database.
package realtime
