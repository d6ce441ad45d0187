package chat

import "slices"

// batch is messages on their way, and beside each what becomes of it. So a message is written where it is submitted, and
// stays there until it is delivered: it is too long to be copied from one stage to the next.
type batch struct {
	messages []Message // numbered by the engine
	outcomes []Outcome // of the messages; ends completes them
}

func makeBatch(size int) batch {
	return batch{make([]Message, 0, size), make([]Outcome, 0, size)}
}

func (b *batch) len() int { return len(b.messages) }

// add appends a copy of m.
func (b *batch) add(m *Message, origin any) {
	n := len(b.messages)
	b.messages = slices.Grow(b.messages, 1)[:n+1]
	b.messages[n] = *m // append would put a copy on the stack
	b.outcomes = append(b.outcomes, Outcome{Origin: origin})
}

func (b *batch) addAll(more batch) {
	b.messages = append(b.messages, more.messages...)
	b.outcomes = append(b.outcomes, more.outcomes...)
}

// cut returns the first n and the others. They share memory, and neither grows into the other's.
func (b batch) cut(n int) (first, rest batch) {
	return batch{b.messages[:n:n], b.outcomes[:n:n]}, batch{b.messages[n:], b.outcomes[n:]}
}

// ends returns the outcomes with their messages.
func (b batch) ends() []Outcome {
	for i := range b.outcomes {
		b.outcomes[i].Message = &b.messages[i]
	}
	return b.outcomes
}
