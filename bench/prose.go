package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
)

// Words that a search is measured with. They are made like the others, so that their letters do not give them away.
const (
	rareWord      = "thornaled" // where rarePlaces says
	commonWord    = "the"       // about every tenth word
	rareChinese   = "看罍"        // beside each of those; its characters are common, side by side they are not
	commonChinese = "天气"        // in about every tenth Chinese message
)

// prose makes messages that look like talk to a search: 5,000 words, the more common the shorter, and, in one message
// of four, Chinese of 3,000 characters. The same seed makes the same messages.
type prose struct {
	random     *rand.Rand
	vocabulary []string
	word       *rand.Zipf
	character  *rand.Zipf
}

func newProse() *prose {
	random := rand.New(rand.NewPCG(1, 1))
	p := &prose{
		random: random, vocabulary: []string{commonWord},
		word: rand.NewZipf(random, 1.1, 3, 4999), character: rand.NewZipf(random, 1.2, 20, 2999),
	}
	const letters = "eeeeeeeeeeeetttttttttaaaaaaaaooooooooiiiiiiinnnnnnnssssssshhhhhhrrrrrrddddllllcccuuummmwwffggyyppbbvk" // as often as in English
	known := map[string]bool{rareWord: true, commonWord: true}
	for len(p.vocabulary) < 5000 {
		word := make([]byte, 2+random.IntN(3)+len(p.vocabulary)/1000)
		for i := range word {
			word[i] = letters[random.IntN(len(letters))]
		}
		if !known[string(word)] {
			known[string(word)] = true
			p.vocabulary = append(p.vocabulary, string(word))
		}
	}
	return p
}

// message makes a body of 3 to 16 words, or of as much Chinese, and the given words at its end.
func (p *prose) message(ending ...string) []byte {
	n := 3 + p.random.IntN(14)
	var text []byte
	if p.random.IntN(4) == 0 {
		for range 2 * n {
			text = append(text, string(rune(0x4E00+7*p.character.Uint64()))...)
		}
		text = bytes.ReplaceAll(text, []byte(rareChinese), nil)
		if p.random.IntN(10) == 0 {
			text = append(text, commonChinese...)
		}
	} else {
		for range n {
			text = append(append(text, p.vocabulary[p.word.Uint64()]...), ' ')
		}
	}
	for _, word := range ending {
		text = append(append(text, ' '), word...)
	}
	body, _ := json.Marshal(string(text)) // a string always marshals
	return body
}

// rarePlaces are the numbers of the messages, of n, that hold the rare words.
func rarePlaces(n int) []uint64 {
	places := []uint64{uint64(n / 10), uint64(n / 2), uint64(n - n/10)}
	return slices.Compact(places)
}
