package engineio

import "sync/atomic"

// turn says whose it is to read a socket. While there is nothing to read it is nobody's: the socket is parked.
//
//	          park
//	reading ───────► parked        end: from both to ending
//	   ▲               │
//	   └───────────────┘
//	          wake
//
// What holds at any moment:
//   - One goroutine owns all that belongs to reading, unless the socket is parked: then nobody does. Who moves it from
//     parked, by wake or end, and nobody else, has to see to a new owner. Who parks it touches it no more.
//   - The poller is told to watch a socket behind the parking, and once for each (netpoll.arm). It looks at what is
//     there already, so nothing is missed; and it wakes nobody while there is an owner.
//   - Once ending, a socket has an owner until it is closed: whoever waits for its end sees it come.
//
// The zero value is reading: a new socket is its maker's.
type turn struct{ state atomic.Uint32 }

const (
	reading uint32 = iota
	parked
	ending // for ever; the owner reads on until the peer hangs up
)

// park gives the turn away; false says that the socket is ending.
func (t *turn) park() bool { return t.state.CompareAndSwap(reading, parked) }

// wake takes the turn of a parked socket. When it returns true the caller has to see to an owner.
func (t *turn) wake() bool { return t.state.CompareAndSwap(parked, reading) }

// end says that the socket is about to end, and must not be parked again. When it returns true the caller has to see to
// an owner.
func (t *turn) end() bool { return t.state.Swap(ending) == parked }

// ended tells whether end was called.
func (t *turn) ended() bool { return t.state.Load() == ending }
