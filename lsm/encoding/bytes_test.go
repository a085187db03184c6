package encoding

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func pack(values [][]byte) (offsets []uint32, data []byte) {
	offsets = []uint32{0}
	for _, v := range values {
		data = append(data, v...)
		offsets = append(offsets, uint32(len(data)))
	}
	return offsets, data
}

// checkBytes holds both efforts to giving back what they got, and returns what the light one writes.
func checkBytes(t fataler, values [][]byte) []byte {
	checkBytesAt(t, values, Final)
	return checkBytesAt(t, values, Light)
}

func checkBytesAt(t fataler, values [][]byte, effort Effort) []byte {
	offsets, data := pack(values)
	src := AppendBytes(nil, offsets, data, effort)
	gotOffsets, gotData, err := DecodeBytes([]uint32{9, 9}, []byte("old"), src, len(values))
	if err != nil {
		t.Fatalf("decode %d values: %v", len(values), err)
	}
	if !slices.Equal(gotOffsets, offsets) || !bytes.Equal(gotData, data) {
		t.Fatalf("%d values came back otherwise", len(values))
	}
	for _, r := range [][2]int{{0, len(values)}, {len(values) / 3, len(values) / 2}, {len(values), len(values)}} {
		checkRangeOfBytes(t, src, values, r[0], r[1])
	}
	return src
}

func checkRangeOfBytes(t fataler, src []byte, values [][]byte, from, to int) {
	offsets, data := pack(values[from:to])
	gotOffsets, gotData, err := DecodeBytesRange([]uint32{9, 9}, []byte("old"), src, len(values), from, to)
	if err != nil || !slices.Equal(gotOffsets, offsets) || !bytes.Equal(gotData, data) {
		t.Fatalf("%d to %d of %d came back otherwise: %v", from, to, len(values), err)
	}
}

// textColumns are the shapes that columns of bytes have, by the encoding they should take.
func textColumns(n int) map[byte][][]byte {
	r := rng(3)
	out := map[byte][][]byte{}
	for i := range n {
		random := make([]byte, 16)
		for j := range random {
			random[j] = byte(r.Uint32())
		}
		out[bytesConst] = append(out[bytesConst], []byte("online"))
		out[bytesPlain] = append(out[bytesPlain], random)
		out[bytesSnappy] = append(out[bytesSnappy], []byte(strings.Repeat(fmt.Sprintf("sensor %d says; ", i), 3)))
		place := rng(uint64(i / 20)).Uint64() // twenty sensors a place
		out[bytesFront] = append(out[bytesFront], fmt.Appendf(nil, "%016x%016x/%06d", place, ^place*3, i*7919))
		out[bytesFrontSnappy] = append(out[bytesFrontSnappy], fmt.Appendf(nil, "%016x%016x%016x/the sensor number %d is quite well today", place, place*5, place*7, i%20))
		out[bytesDict] = append(out[bytesDict], []byte([]string{"", "idle", "running", "failed"}[r.IntN(4)]))
	}
	return out
}

func TestBytesComeBack(t *testing.T) {
	for id, values := range textColumns(1000) {
		if src := checkBytes(t, values); src[0] != id {
			t.Errorf("%s taken instead of %s", Name(src[0]), Name(id))
		}
	}
	for _, values := range [][][]byte{nil, {nil}, {nil, nil}, {[]byte("a")}, {nil, []byte("a"), nil}} {
		checkBytes(t, values)
	}
}

func TestEveryEncodingOfBytesIsUsed(t *testing.T) {
	seen := map[byte]bool{}
	for _, values := range textColumns(1000) {
		offsets, data := pack(values)
		for _, effort := range []Effort{Light, Final} {
			seen[AppendBytes(nil, offsets, data, effort)[0]] = true
		}
	}
	for _, id := range []byte{bytesConst, bytesPlain, bytesSnappy, bytesZstd, bytesFront, bytesFrontSnappy, bytesFrontZstd, bytesDict} {
		if !seen[id] {
			t.Errorf("no column takes %s", Name(id))
		}
	}
}

func TestPartsOfBytesComeBack(t *testing.T) {
	for _, values := range textColumns(300) {
		offsets, data := pack(values)
		for _, effort := range []Effort{Light, Final} {
			src := AppendBytes(nil, offsets, data, effort)
			for from := 0; from < 300; from += 29 {
				for to := from; to <= 300; to += 31 {
					checkRangeOfBytes(t, src, values, from, to)
				}
			}
		}
	}
}

func TestBytesOfALargerColumn(t *testing.T) {
	offsets, data := pack([][]byte{[]byte("skipped"), []byte("a"), []byte("bc")})
	src := AppendBytes(nil, offsets[1:], data, Light)
	gotOffsets, gotData, err := DecodeBytes(nil, nil, src, 2)
	if err != nil || !slices.Equal(gotOffsets, []uint32{0, 1, 3}) || string(gotData) != "abc" {
		t.Fatalf("got %v %q %v", gotOffsets, gotData, err)
	}
}

func TestBytesRoundTripProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 0, 40),
			rapid.SampledFrom([][]byte{{}, []byte("aa"), []byte("bb")})), 0, 200).Draw(t, "values")
		checkBytes(t, values)
	})
}

func TestBytesRefuseLies(t *testing.T) {
	for id, values := range textColumns(500) {
		offsets, data := pack(values)
		src := AppendBytes(nil, offsets, data, Light)
		if id != bytesConst { // a shorter constant is a constant
			for cut := 0; cut < len(src); cut += 1 + len(src)/100 {
				if _, _, err := DecodeBytes(nil, nil, src[:cut], len(values)); err == nil {
					t.Errorf("%s cut at %d decodes", Name(id), cut)
				}
			}
		}
		if _, _, err := DecodeBytes(nil, nil, src, ValuesMax+1); err == nil {
			t.Errorf("%s decodes too many values", Name(id))
		}
	}
	large := append([]byte{bytesConst}, make([]byte, ExpandedBytesMax/1000)...)
	if _, _, err := DecodeBytes(nil, nil, large, 1024); err == nil {
		t.Error("a constant expands without limit")
	}
	if _, _, err := DecodeBytes(nil, nil, []byte{bytesSnappy, 2, wordsConst, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F}, 3); err == nil {
		t.Error("4 GiB of snappy decode from 5 bytes")
	}
	if _, _, err := DecodeBytes(nil, nil, []byte{wordsConst, 2}, 3); err == nil {
		t.Error("an encoding of words decodes as bytes")
	}
}

// Frames of less than 256 bytes say their length too.
func TestBytesThatAreShortAndFinal(t *testing.T) {
	for n := range 12 {
		for length := range 40 {
			values := make([][]byte, n+1)
			for i := range values {
				values[i] = []byte(strings.Repeat(fmt.Sprint("x", i%3), length))
			}
			checkBytes(t, values)
		}
	}
}

func TestBytesBeyondRepetitionLimit(t *testing.T) {
	value := make([]byte, ExpandedBytesMax/4)
	src := checkBytes(t, [][]byte{value, value, value, value, value})
	if src[0] == bytesConst || src[0] == bytesDict {
		t.Errorf("%d bytes as %s", 5*len(value), Name(src[0]))
	}
	checkBytes(t, [][]byte{value, value, value, value})
}

func FuzzDecodeBytes(f *testing.F) {
	for _, values := range textColumns(50) {
		offsets, data := pack(values)
		f.Add(AppendBytes(nil, offsets, data, Light), 50)
		f.Add(AppendBytes(nil, offsets, data, Final), 50)
	}
	f.Fuzz(func(t *testing.T, src []byte, n int) {
		offsets, data, err := DecodeBytes(nil, nil, src, n)
		_, part, errPart := DecodeBytesRange(nil, nil, src, n, n/3, n-n/3)
		if err != nil {
			return
		}
		if errPart != nil || !bytes.Equal(part, data[offsets[n/3]:offsets[n-n/3]]) {
			t.Fatalf("%d values, the middle of them otherwise: %v", n, errPart)
		}
		if len(offsets) != n+1 || int(offsets[n]) != len(data) {
			t.Fatalf("%d offsets for %d values", len(offsets), n)
		}
		values := make([][]byte, n)
		for i := range values {
			values[i] = data[offsets[i]:offsets[i+1]]
		}
		checkBytes(t, values)
	})
}

func TestPresenceComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 1024).Draw(t, "rows")
		present := make([]uint64, (n+63)/64)
		for _, row := range rapid.SliceOfN(rapid.IntRange(0, n-1), 0, 2*n).Draw(t, "present") {
			present[row/64] |= 1 << (row % 64)
		}
		mode, src := AppendPresence(nil, present, n)
		got, count, rest, err := DecodePresence(nil, mode, append(src, "rest"...), n)
		if err != nil || string(rest) != "rest" || count != CountPresent(present) {
			t.Fatalf("presence of %d rows: count %d, rest %q, %v", n, count, rest, err)
		}
		if got == nil && count != n || got != nil && !slices.Equal(got, present) {
			t.Fatalf("got %b, want %b", got, present)
		}
	})
}

func FuzzDecodePresence(f *testing.F) {
	f.Add(byte(2), []byte{1, 2}, 12)
	f.Add(byte(3), []byte{2, 1, 5}, 100)
	f.Fuzz(func(t *testing.T, mode byte, src []byte, n int) {
		present, count, _, err := DecodePresence(nil, Presence(mode), src, n)
		if err == nil && present != nil && (count > n || CountPresent(present) != count) {
			t.Fatalf("%d of %d rows", count, n)
		}
	})
}

// TestShortTextsPack goes through sizes around those at which a frame leaves out how long it is.
func TestShortTextsPack(t *testing.T) {
	for n := 2; n < 200; n++ {
		offsets, data := []uint32{0}, []byte(nil)
		for i := range n {
			data = fmt.Appendf(data, "%b", uint32(i)*2654435761>>8)
			offsets = append(offsets, uint32(len(data)))
		}
		src := AppendBytes(nil, offsets, data, Final)
		gotOffsets, got, err := DecodeBytes(nil, nil, src, n)
		if err != nil || string(got) != string(data) || !slices.Equal(gotOffsets, offsets) {
			t.Fatalf("%d values: %v", n, err)
		}
	}
}
