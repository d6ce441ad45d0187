package uschat

import "github.com/parley-chat/parley/chat"

// Error is the member `error` of every answer.
type Error int

// The errors of the contract.
const (
	Success       Error = 0
	BadRequest    Error = 1001 // bad JSON, a field missing or out of bounds
	Unavailable   Error = 1002
	CodeExpired   Error = 1003
	CodeWrong     Error = 1004
	Exists        Error = 1005 // the user or the email
	NotConfirmed  Error = 1006 // passwd is not confirm
	WrongEmail    Error = 1007 // email and user do not belong together
	UpdateFailed  Error = 1008
	WrongPassword Error = 1009
	TokenInvalid  Error = 1010
	UIDInvalid    Error = 1011 // no such user or group, or none with whom the asker may do that
)

// ErrorOf is the one table from the codes of the rules to UsChat's. Where the contract has a number of its own for a
// code, as 1009 for a login that is refused, the door says so.
func ErrorOf(code chat.Code) Error {
	switch code {
	case "":
		return Success
	case chat.Invalid, chat.TooLarge:
		return BadRequest
	case chat.Unauthenticated:
		return TokenInvalid
	case chat.NotFound, chat.Forbidden:
		return UIDInvalid
	case chat.Conflict:
		return Exists
	default: // TooMany, Unavailable, Internal: later it may work
		return Unavailable
	}
}
