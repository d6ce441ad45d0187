// Package uschat is what the HTTP door and the TCP door of UsChat have in common (wire contract, section 2): the numbers
// that say what went wrong, and how values are read, since its clients send numbers and numeric strings alike. It knows no
// transport and no rule.
package uschat
