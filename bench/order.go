package main

// order checks that the numbers 1, 2, 3, … come each once and in that order.
type order struct {
	last       uint64              // the highest number seen
	missing    map[uint64]struct{} // those below it that have not come
	late       int                 // came after a higher one
	duplicates int
}

func (o *order) take(n uint64) {
	if n > o.last {
		for skipped := o.last + 1; skipped < n; skipped++ {
			if o.missing == nil {
				o.missing = make(map[uint64]struct{})
			}
			o.missing[skipped] = struct{}{}
		}
		o.last = n
		return
	}
	if _, ok := o.missing[n]; !ok {
		o.duplicates++
		return
	}
	delete(o.missing, n)
	o.late++
}

// lost is how many of the numbers up to sent have not come.
func (o *order) lost(sent uint64) int { return len(o.missing) + int(sent-o.last) }
