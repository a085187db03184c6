package wire

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Whatever fits into the source or not, compressed or not, both ways to read a frame give the same.
func TestInPlaceIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		compression := Compression(rapid.IntRange(0, 2).Draw(t, "compression"))
		size := rapid.IntRange(16, 3000).Draw(t, "size of the source")
		var raw []byte
		n := rapid.IntRange(1, 6).Draw(t, "frames")
		for i := range n {
			text := strings.Repeat(rapid.StringN(0, 500, -1).Draw(t, "text"), rapid.IntRange(1, 9).Draw(t, "times"))
			var err error
			if raw, err = AppendRequest(raw, Header{Version: 4, Stream: int16(i)}, &Prepare{Text: []byte(text)}, compression); err != nil {
				t.Fatal(err)
			}
		}
		raw = raw[:rapid.IntRange(0, len(raw)).Draw(t, "cut")]
		copied := NewRequestReader(bufio.NewReaderSize(bytes.NewReader(raw), size))
		inPlace := NewRequestReader(bufio.NewReaderSize(bytes.NewReader(raw), size))
		copied.Compression, inPlace.Compression = compression, compression
		for {
			want, wanted := copied.Next(nil)
			got, err := inPlace.NextInPlace()
			if err != wanted || err == nil && (got.Header != want.Header || !bytes.Equal(got.Body, want.Body)) {
				t.Fatalf("%v, %v instead of %v, %v", got, err, want, wanted)
			}
			if err != nil {
				if err != io.EOF && err != io.ErrUnexpectedEOF {
					t.Fatal(err)
				}
				return
			}
		}
	})
}

func TestFramesInPlaceCostNothing(t *testing.T) {
	raw, err := AppendRequest(nil, Header{Version: 4, Stream: 7}, &Execute{ID: make([]byte, 16), Params: QueryParams{
		Values: []Value{{Bytes: make([]byte, 20)}, Null, Unset}, Consistency: One,
	}}, CompressionNone)
	if err != nil {
		t.Fatal(err)
	}
	src := bytes.NewReader(nil)
	buffered := bufio.NewReaderSize(src, 4096)
	frames := NewRequestReader(buffered)
	var d RequestDecoder
	answers := make([]byte, 0, 64)
	read := func() {
		src.Reset(raw)
		buffered.Reset(src)
		f, err := frames.NextInPlace()
		if err != nil {
			t.Fatal(err)
		}
		if m, err := d.Decode(f); err != nil || len(m.(*Execute).Params.Values) != 3 {
			t.Fatal(m, err)
		}
		answers = AppendVoid(answers[:0], f.Header)
	}
	if n := testing.AllocsPerRun(100, read); n != 0 {
		t.Errorf("an EXECUTE takes %v allocations", n)
	}
	whole, err := AppendAnswer(nil, Header{Version: 4, Stream: 7}, Answer{Message: &Void{}}, CompressionLZ4)
	if err != nil || !bytes.Equal(answers, whole) {
		t.Errorf("% x instead of % x, %v", answers, whole, err)
	}
}
