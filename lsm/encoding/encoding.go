// Package encoding turns one column of a row group into few bytes and back, bit by bit the same.
//
// It knows columns as 64-bit words (integers, float bits) or as byte strings, and the numbered
// encodings of docs/formats/sstable.md. It does not know rows, files, checksums or CQL types.
package encoding

import (
	"errors"
	"fmt"
)

// ErrCorrupt means that bytes do not decode. It is wrapped with the cause.
var ErrCorrupt = errors.New("corrupt column")

// ErrUnknown means that a column has an encoding this program does not know.
var ErrUnknown = errors.New("unknown encoding")

// ValuesMax is how many values a column may claim to have. Decoders refuse more before they allocate.
const ValuesMax = 64 * 1024

// ExpandedBytesMax bounds what repetition may grow to: the encodings that store a value once and
// show it often are neither written nor accepted beyond it.
const ExpandedBytesMax = 16 << 20

// Effort is how much work an encoder does for fewer bytes. Decoders read whatever it made.
type Effort uint8

const (
	// Light is for what is soon written again: flushes, and windows that are open.
	Light Effort = 1
	// Final is for what stays: it may take several times as long.
	Final Effort = 2
)

// Encodings of words.
const (
	wordsConst     = 1 // on disk: never reuse
	wordsRaw       = 2 // on disk: never reuse
	wordsFOR       = 3 // on disk: never reuse
	wordsDelta     = 4 // on disk: never reuse
	wordsDelta2    = 5 // on disk: never reuse
	wordsRLE       = 6 // on disk: never reuse
	wordsDecimal   = 7 // on disk: never reuse
	wordsDecimal32 = 8 // on disk: never reuse
)

// Encodings of bytes.
const (
	bytesConst  = 33 // on disk: never reuse
	bytesRaw    = 34 // on disk: never reuse
	bytesSnappy = 35 // on disk: never reuse
	bytesDict   = 36 // on disk: never reuse
)

// Name returns the name of an encoding, as shown by tools; an unknown one is given as its number.
func Name(id byte) string {
	switch id {
	case wordsConst, bytesConst:
		return "const"
	case wordsRaw, bytesRaw:
		return "raw"
	case wordsFOR:
		return "for"
	case wordsDelta:
		return "delta"
	case wordsDelta2:
		return "delta2"
	case wordsRLE:
		return "rle"
	case wordsDecimal:
		return "decimal"
	case wordsDecimal32:
		return "decimal32"
	case bytesSnappy:
		return "snappy"
	case bytesDict:
		return "dict"
	}
	return fmt.Sprintf("encoding %d", id)
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

// checkRange refuses a range of values that a column of n does not have.
func checkRange(n, from, to int) error {
	if from < 0 || to < from || to > n {
		return corrupt("values %d to %d of %d", from, to, n)
	}
	return nil
}
