package chat

import (
	"errors"
	"fmt"
	"time"
)

// Code says in one word what went wrong. Doors map codes to their own wire format; clients may switch on them.
type Code string

// The codes of the wire contract, section 1.
const (
	Invalid         Code = "invalid"         // the request is malformed, or a field is out of bounds
	Unauthenticated Code = "unauthenticated" // nobody proved who is asking
	Forbidden       Code = "forbidden"       // the one who asks may not
	NotFound        Code = "not_found"       // there is no such thing, or none that the asker may see
	Conflict        Code = "conflict"        // it exists already, or changed meanwhile
	TooLarge        Code = "too_large"       // over a size limit
	TooMany         Code = "too_many"        // over a rate limit; RetryAfter says when to come back
	Unavailable     Code = "unavailable"     // the engine does not answer; the same request may work later
	Internal        Code = "internal"        // our fault; the text of the cause never leaves the house
)

// Error is the only error type that rules and engines return across a package border.
type Error struct {
	Code       Code
	Message    string        // for the client: what is wrong and how to mend it
	RetryAfter time.Duration // for TooMany and Unavailable: when to come back; 0 says nothing
	Cause      error         // for the log alone
}

// Error returns the text for a log: code, message and cause.
func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Cause)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an Error with a formatted message for the client.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes an Error from a cause that stays inside the house. A cause that is an *Error already comes back unchanged.
func Wrap(code Code, message string, cause error) *Error {
	var e *Error
	if errors.As(cause, &e) {
		return e
	}
	return &Error{Code: code, Message: message, Cause: cause}
}

// AsError turns any error into an *Error: an unknown one becomes Internal and says nothing to the client.
// A nil error stays nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	return Wrap(Internal, "internal error", err)
}

// CodeOf returns the code of err: "" for nil, Internal for an error of another type.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	return AsError(err).Code
}
