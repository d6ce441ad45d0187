// Package gateway is the TCP door of UsChat (wire contract, section 2): frames of an id, a length and a JSON body, for its
// desktop client. Its users are everybody's users: a uid is an account's public number, a private thread is the other's
// number, a group's thread is the room's number, a message id is the message's number in its conversation.
//
// The door is live only: who logs in loads her threads (1025) and what she missed of each (1029) herself, as UsChat's
// client does. It owns no rule: it reads frames, asks package chat, and writes its answers in UsChat's words.
package gateway
