package engineio

import "sync/atomic"

// turn says whose it is to read a socket. While there is nothing to read it is nobody's: the socket is parked.
//
//	         wake             park
//	parked ───────► reading ───────► parked
//	                 │   ▲
//	            wake │   │ park: refused, look thoroughly
//	                 ▼   │
//	                 again                        end: from everywhere to ending
//
// What holds at any moment:
//   - One goroutine owns all that belongs to reading, unless the socket is parked: then nobody does. Who moves it from
//     parked, by wake or end, and nobody else, has to see to a new owner. Who parks it touches it no more.
//   - What happens after the owner has looked for the last time is not missed. Its wake comes either before the owner
//     parks, which is refused that once; or after, and finds the socket parked.
//   - Several wakes may become one, so who is refused the parking looks until nothing is there.
//   - Once ending, a socket has an owner until it is closed: whoever waits for its end sees it come.
//
// The zero value is reading: a new socket is its maker's.
type turn struct{ state atomic.Uint32 }

const (
	reading uint32 = iota
	again          // as reading, and something has happened that the owner may not have seen
	parked
	ending // for ever; the owner reads on until the peer hangs up
)

// wake tells that something happened to the socket. thorough says that it may not show in the next read, as a peer's
// hanging up does not while there are bytes before it: then the owner reads until nothing is there. When read is true
// the caller has to see to an owner.
func (t *turn) wake(thorough bool) (read bool) {
	for {
		switch t.state.Load() {
		case parked:
			next := reading
			if thorough {
				next = again
			}
			if t.state.CompareAndSwap(parked, next) {
				return true
			}
		case reading:
			if t.state.CompareAndSwap(reading, again) {
				return false
			}
		default:
			return false
		}
	}
}

// park gives the turn away; the owner calls it when it has found nothing more to read. When it is refused, more is true
// if the owner has to look until nothing is there, and false if the socket is ending.
func (t *turn) park() (ok, more bool) {
	if t.state.CompareAndSwap(reading, parked) {
		return true, false
	}
	return false, t.state.CompareAndSwap(again, reading)
}

// end says that the socket is about to end, and must not be parked again. When read is true the caller has to see to an
// owner.
func (t *turn) end() (read bool) { return t.state.Swap(ending) == parked }
