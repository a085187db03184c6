// Package encoding turns one column of a row group into few bytes and back, bit by bit the same.
//
// It knows columns as 64-bit words (integers, float bits) or as byte strings, and the numbered
// encodings of docs/formats/encodings.md. It does not know rows, files, checksums or CQL types.
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

// ExpandedBytesMax bounds what repetition and compression may grow to: the encodings that store fewer
// bytes than they show are neither written nor accepted beyond it.
const ExpandedBytesMax = 16 << 20

// Effort is how much work an encoder does for fewer bytes. Decoders read whatever it made.
type Effort uint8

const (
	// Light is for what is soon written again: flushes, and windows that are open.
	Light Effort = 1
	// Final is for what stays: it may take several times as long.
	Final Effort = 2
)

// Encodings of words. 3 to 8 were given to others.
const (
	wordsConst     = 1  // on disk: never reuse
	wordsRaw       = 2  // on disk: never reuse
	wordsSequence  = 9  // on disk: never reuse
	wordsFOR       = 10 // on disk: never reuse
	wordsDelta     = 11 // on disk: never reuse
	wordsDelta2    = 12 // on disk: never reuse
	wordsLinear    = 13 // on disk: never reuse
	wordsRLE       = 14 // on disk: never reuse
	wordsDecimal   = 15 // on disk: never reuse
	wordsDecimal32 = 16 // on disk: never reuse
	wordsEntropy   = 17 // on disk: never reuse
	wordsCommon    = 18 // on disk: never reuse
)

// Encodings of bytes. 34 to 36 were given to others.
const (
	bytesConst       = 33 // on disk: never reuse
	bytesPlain       = 37 // on disk: never reuse
	bytesSnappy      = 38 // on disk: never reuse
	bytesZstd        = 39 // on disk: never reuse
	bytesFront       = 40 // on disk: never reuse
	bytesFrontSnappy = 41 // on disk: never reuse
	bytesFrontZstd   = 42 // on disk: never reuse
	bytesDict        = 43 // on disk: never reuse
)

var names = map[byte]string{
	wordsConst: "const", wordsRaw: "raw", wordsSequence: "sequence", wordsFOR: "for", wordsDelta: "delta", wordsDelta2: "delta2",
	wordsLinear: "linear", wordsRLE: "rle", wordsDecimal: "decimal", wordsDecimal32: "decimal32", wordsEntropy: "entropy", wordsCommon: "common",
	bytesConst: "const", bytesPlain: "plain", bytesSnappy: "snappy", bytesZstd: "zstd", bytesFront: "front",
	bytesFrontSnappy: "front snappy", bytesFrontZstd: "front zstd", bytesDict: "dict",
}

// Name returns the name of an encoding, as shown by tools; an unknown one is given as its number.
func Name(id byte) string {
	if name, ok := names[id]; ok {
		return name
	}
	return fmt.Sprintf("encoding %d", id)
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

// checkRange refuses a range of values that a column of n does not have, and a column that is too long.
func checkRange(n, from, to int) error {
	if n < 0 || n > ValuesMax {
		return corrupt("%d values", n)
	}
	if from < 0 || to < from || to > n {
		return corrupt("values %d to %d of %d", from, to, n)
	}
	return nil
}
