// Package words knows what a message says: the text in its JSON, in the form in which texts of any language are compared,
// and sketches of many texts. It implements chat.Words. It knows nothing of conversations, of who may read, or of engines.
package words
