package encoding

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"slices"

	"github.com/golang/snappy"
)

const (
	dictEntriesMax  = 4096 // beyond it codes save little
	dictEntriesPart = 2    // at most one entry for so many values
	dictEntriesFree = 64   // more while the first are looked at
	packBytesMin    = 64   // below it compression costs more than it saves
	packRatioMax    = 64   // bytes never grow by more when they are unpacked
	packBytesSlack  = 64
	dictValueMax    = 1024 // a longer value is hardly a word of few
)

// stringScratch is the scratch of byte strings.
type stringScratch struct {
	numbers []uint64 // lengths, or codes
	shared  []uint64 // lengths of prefixes
	entries []byte
	lengths []uint64 // of entries
	suffix  []byte
	packed  []byte
	stored  []byte
	firsts  []uint32 // value that an entry was first
	table   []uint16 // codes + 1, by hash; at most half full
}

// AppendBytes appends byte strings in the encoding that seems smallest: its number, then its payload.
// Value i is data[offsets[i]:offsets[i+1]]; nothing is appended for no values.
func AppendBytes(dst []byte, offsets []uint32, data []byte, effort Effort) []byte {
	n := len(offsets) - 1
	if n <= 0 {
		return dst
	}
	values := texts{offsets: offsets, data: data}
	size := len(values.all())
	if size <= ExpandedBytesMax && values.same() {
		return append(append(dst, bytesConst), values.value(0)...)
	}
	s := scratches.Get().(*scratch)
	if size > ExpandedBytesMax {
		dst = s.appendText(dst, bytesPlain, values, nil, values.all(), effort)
	} else if out, ok := s.appendDict(dst, values, effort); ok {
		dst = out
	} else {
		dst = s.appendTexts(dst, values, effort)
	}
	s.release()
	return dst
}

// texts are byte strings one behind the other.
type texts struct {
	offsets []uint32
	data    []byte
}

func (t texts) count() int         { return len(t.offsets) - 1 }
func (t texts) value(i int) []byte { return t.data[t.offsets[i]:t.offsets[i+1]] }
func (t texts) all() []byte        { return t.data[t.offsets[0]:t.offsets[t.count()]] }

func (t texts) same() bool {
	for i := 1; i < t.count(); i++ {
		if !bytes.Equal(t.value(i), t.value(0)) {
			return false
		}
	}
	return true
}

// appendDict appends a dictionary and codes, if that is clearly smaller than the data.
func (s *scratch) appendDict(dst []byte, values texts, effort Effort) ([]byte, bool) {
	x := &s.strings
	n := values.count()
	if !x.fillDict(values) {
		return dst, false
	}
	if len(x.entries)+2*len(x.lengths)+n*bitsFor(len(x.lengths))/8 > len(values.all())*3/4 {
		return dst, false
	}
	dst = append(dst, bytesDict)
	dst = binary.AppendUvarint(dst, uint64(len(x.lengths)))
	dst = s.appendNested(dst, x.lengths)
	dst = append(dst, x.entries...)
	return s.appendIntegers(dst, x.numbers, effort), true
}

// fillDict finds the entries of a dictionary and the code of each value, unless there are too many.
func (x *stringScratch) fillDict(values texts) bool {
	n := values.count()
	x.entries, x.lengths, x.firsts = x.entries[:0], x.lengths[:0], x.firsts[:0]
	x.numbers = grow(x.numbers[:0], n)
	size := min(1<<bits.Len(uint(2*n)), 2*dictEntriesMax)
	x.table = slices.Grow(x.table[:0], size)[:size]
	clear(x.table)
	for i := range n {
		v := values.value(i)
		if i > 0 && bytes.Equal(v, values.value(i-1)) {
			x.numbers[i] = x.numbers[i-1]
			continue
		}
		code, slot := x.find(values, v)
		if code == len(x.firsts) {
			// Many new values among the first few mean many among all.
			if code == dictEntriesMax || code > dictEntriesFree+i/dictEntriesPart || len(v) > dictValueMax {
				return false
			}
			x.table[slot] = uint16(code + 1)
			x.firsts = append(x.firsts, uint32(i))
			x.entries = append(x.entries, v...)
			x.lengths = append(x.lengths, uint64(len(v)))
		}
		x.numbers[i] = uint64(code)
	}
	return len(x.firsts)*dictEntriesPart <= n
}

// find returns the code of a value, and where the table has it; the next code if the value is new, and where it belongs.
func (x *stringScratch) find(values texts, v []byte) (code int, slot uint64) {
	slot = maphash.Bytes(dictSeed, v) % uint64(len(x.table))
	for x.table[slot] != 0 {
		code = int(x.table[slot]) - 1
		if bytes.Equal(v, values.value(int(x.firsts[code]))) {
			return code, slot
		}
		slot = (slot + 1) % uint64(len(x.table))
	}
	return len(x.firsts), slot
}

// dictSeed decides where values lie in the table of a dictionary while it is made, and nothing that is written.
var dictSeed = maphash.MakeSeed()

// appendNested appends words within another encoding: their length in bytes, then integers.
func (s *scratch) appendNested(dst []byte, words []uint64) []byte {
	var p plan
	p, s.reduced[0] = planIntegers(words, look(words), s.reduced[0])
	return s.appendPart(dst, words, &p)
}

// appendTexts appends values that are no words of few: whole, or each as what differs from the one before.
func (s *scratch) appendTexts(dst []byte, values texts, effort Effort) []byte {
	x := &s.strings
	at := len(dst)
	dst = s.appendText(dst, bytesPlain, values, nil, values.all(), effort)
	x.shared, x.suffix = splitShared(values, x.shared, x.suffix)
	if len(x.suffix) > len(values.all())*3/4 {
		return dst
	}
	s.other = append(s.other[:0], dst[at:]...)
	dst = s.appendText(dst[:at], bytesFront, values, x.shared, x.suffix, effort)
	if len(dst)-at > len(s.other) {
		dst = append(dst[:at], s.other...)
	}
	return dst
}

// splitShared takes from each value what it shares with the one before; the first of a block is whole.
func splitShared(values texts, shared []uint64, suffix []byte) ([]uint64, []byte) {
	shared, suffix = shared[:0], suffix[:0]
	var before []byte
	for i := range values.count() {
		v := values.value(i)
		k := 0
		if i%blockValues != 0 {
			for k < len(v) && k < len(before) && v[k] == before[k] {
				k++
			}
		}
		shared = append(shared, uint64(k))
		suffix = append(suffix, v[k:]...)
		before = v
	}
	return shared, suffix
}

// appendText appends values whose data is plain or front-coded, compressed if that pays.
func (s *scratch) appendText(dst []byte, kind byte, values texts, shared []uint64, data []byte, effort Effort) []byte {
	x := &s.strings
	compression := byte(0)
	if len(data) >= packBytesMin && len(data) <= ExpandedBytesMax {
		x.packed = snappy.Encode(x.packed[:cap(x.packed)], data)
		if len(x.packed) < len(data)-len(data)/10 {
			compression = bytesSnappy - bytesPlain
		}
		if effort == Final {
			least := min(len(data), len(x.packed))
			x.stored = zstdEncoder().EncodeAll(data, x.stored[:0])
			if len(x.stored)*100 <= least*entropyPercent && len(data) <= len(x.stored)*packRatioMax {
				compression = bytesZstd - bytesPlain
				x.packed, x.stored = x.stored, x.packed
			}
		}
	}
	dst = append(dst, kind+compression)
	n := values.count()
	x.numbers = grow(x.numbers[:0], n)
	for i := range n {
		x.numbers[i] = uint64(values.offsets[i+1] - values.offsets[i])
	}
	if shared != nil {
		dst = s.appendNested(dst, shared)
		for i, k := range shared {
			x.numbers[i] -= k
		}
	}
	dst = s.appendNested(dst, x.numbers)
	if compression != 0 {
		data = x.packed
	}
	return append(dst, data...)
}

// bitsFor returns how many bits hold numbers below n.
func bitsFor(n int) int { return bits.Len(uint(max(n-1, 0))) }
