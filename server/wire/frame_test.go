package wire

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func readOne(raw []byte, compression Compression) (Frame, error) {
	r := NewRequestReader(bufio.NewReader(bytes.NewReader(raw)))
	r.Compression = compression
	return r.Next(nil)
}

func TestFramesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		compression := Compression(rapid.IntRange(0, 2).Draw(t, "compression"))
		texts := rapid.SliceOfN(rapid.Map(rapid.StringN(0, 4000, -1), func(s string) string {
			return strings.Repeat(s, 3)
		}), 1, 4).Draw(t, "texts")
		var raw []byte
		for i, text := range texts {
			var err error
			raw, err = AppendRequest(raw, Header{Version: 4, Stream: int16(i)}, &Prepare{Text: []byte(text)}, compression)
			if err != nil {
				t.Fatal(err)
			}
		}
		r := NewRequestReader(bufio.NewReaderSize(bytes.NewReader(raw), 16))
		r.Compression = compression
		var d RequestDecoder
		var buf []byte
		for i, text := range texts {
			f, err := r.Next(buf)
			if err != nil {
				t.Fatal(err)
			}
			buf = f.Body
			m, err := d.Decode(f)
			if err != nil || string(m.(*Prepare).Text) != text || f.Header.Stream != int16(i) {
				t.Fatalf("frame %d: %v, %v", i, f.Header, err)
			}
		}
		if _, err := r.Next(buf); err != io.EOF {
			t.Fatalf("after the last frame: %v", err)
		}
	})
}

func TestUnsupportedVersionIsToldAfterOneByte(t *testing.T) {
	const want = "Invalid or unsupported protocol version (66); the lowest supported version is 3 and the greatest is 5"
	// One byte and then silence: the answer must not wait for more.
	silent, quiet := io.Pipe()
	go func() { _, _ = quiet.Write([]byte{0x42}) }()
	_, err := NewRequestReader(bufio.NewReader(silent)).Next(nil)
	_ = silent.Close()
	var p *ProtocolError
	if !errors.As(err, &p) || p.Message != want || p.Stream != 0 || !p.Fatal || p.Code != CodeProtocol {
		t.Fatalf("got %#v", err)
	}
	if m := p.Response(); m.Code != CodeProtocol || m.Message != want {
		t.Fatalf("response %+v", m)
	}
}

func TestBrokenFrames(t *testing.T) {
	good, _ := AppendRequest(nil, Header{Version: 4, Stream: 9}, &Prepare{Text: []byte("q")}, CompressionNone)
	response := bytes.Clone(good)
	response[0] |= directionBit
	for name, c := range map[string]struct {
		raw   []byte
		fatal bool // a fatal *ProtocolError, else io.ErrUnexpectedEOF
	}{
		"cut header":      {good[:5], false},
		"cut body":        {good[:len(good)-1], false},
		"wrong direction": {response, true},
		"too long":        {AppendHeader(nil, Header{Version: 4, Opcode: OpQuery, Length: FrameBytesMax + 1}), true},
	} {
		_, err := readOne(c.raw, CompressionNone)
		var p *ProtocolError
		if c.fatal && (!errors.As(err, &p) || !p.Fatal) || !c.fatal && err != io.ErrUnexpectedEOF {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBodyAtItsLimit(t *testing.T) {
	for length, ok := range map[int]bool{100: true, 101: false} {
		raw := append(AppendHeader(nil, Header{Version: 4, Opcode: OpQuery, Length: length}), make([]byte, length)...)
		r := NewRequestReader(bufio.NewReader(bytes.NewReader(raw)))
		r.BodyBytesMax = 100
		if f, err := r.Next(nil); (err == nil) != ok || ok && len(f.Body) != length {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
}

func TestLyingLengthTakesNoMemory(t *testing.T) {
	raw := AppendHeader(nil, Header{Version: 4, Opcode: OpQuery, Length: FrameBytesMax})
	raw = append(raw, 1, 2, 3)
	allocated := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			if _, err := readOne(raw, CompressionNone); err != io.ErrUnexpectedEOF {
				b.Fatal(err)
			}
		}
	}).AllocedBytesPerOp()
	if allocated > 2*bodyStepBytes {
		t.Errorf("three bytes that claim %d cost %d", FrameBytesMax, allocated)
	}
}

func TestCompressedBodiesThatLie(t *testing.T) {
	lz4Claim := func(n uint32, rest ...byte) []byte { return append(binary.BigEndian.AppendUint32(nil, n), rest...) }
	for name, c := range map[string]struct {
		compression Compression
		body        []byte
	}{
		"not agreed on":           {CompressionNone, []byte{0, 0, 0, 0, 0}},
		"lz4 without length":      {CompressionLZ4, []byte{0, 0, 1}},
		"lz4 beyond the limit":    {CompressionLZ4, lz4Claim(FrameBytesMax+1, make([]byte, 1<<17)...)},
		"lz4 beyond its ratio":    {CompressionLZ4, lz4Claim(1<<20, 0x10, 'a')},
		"lz4 shorter than claims": {CompressionLZ4, lz4Claim(5, 0x10, 'a')},
		"lz4 garbage":             {CompressionLZ4, lz4Claim(5, 0xF0, 0xFF, 0xFF)},
		"snappy beyond its ratio": {CompressionSnappy, []byte{0xFF, 0xFF, 0x3F, 0}},
		"snappy garbage":          {CompressionSnappy, []byte{4, 0xFF}},
	} {
		raw := AppendHeader(nil, Header{Version: 4, Stream: 6, Flags: FlagCompressed, Opcode: OpQuery, Length: len(c.body)})
		raw = append(raw, c.body...)
		good, _ := AppendRequest(nil, Header{Version: 4, Stream: 7}, &Options{}, CompressionNone)
		r := NewRequestReader(bufio.NewReader(bytes.NewReader(append(raw, good...))))
		r.Compression = c.compression
		_, err := r.Next(nil)
		var p *ProtocolError
		if !errors.As(err, &p) || p.Fatal || p.Stream != 6 {
			t.Errorf("%s: %#v", name, err)
			continue
		}
		if f, err := r.Next(nil); err != nil || f.Header.Stream != 7 {
			t.Errorf("%s: the next frame is lost: %v, %v", name, f.Header, err)
		}
	}
	empty := AppendHeader(nil, Header{Version: 4, Flags: FlagCompressed, Opcode: OpOptions, Length: 5})
	if f, err := readOne(append(empty, 0, 0, 0, 0, 0), CompressionLZ4); err != nil || len(f.Body) != 0 {
		t.Errorf("empty lz4 body: %v, %v", f, err)
	}
}

func TestSmallBodiesStayUncompressed(t *testing.T) {
	for n, want := range map[int]bool{compressBytesMin - 5: false, compressBytesMin - 4: true} {
		raw, err := AppendRequest(nil, Header{Version: 4}, &Prepare{Text: bytes.Repeat([]byte("a"), n)}, CompressionLZ4)
		if err != nil || raw[1]&FlagCompressed != 0 != want {
			t.Errorf("text of %d bytes: flags 0x%02X, %v", n, raw[1], err)
		}
	}
	startup := &Startup{Options: map[string]string{"A": strings.Repeat("x", 2000)}}
	if raw, err := AppendRequest(nil, Header{Version: 4}, startup, CompressionLZ4); err != nil || raw[1] != 0 {
		t.Errorf("STARTUP: flags 0x%02X, %v", raw[1], err)
	}
}

func FuzzFrame(f *testing.F) {
	for _, p := range requestPairs() {
		if p.since > 4 {
			continue // compressed in segments
		}
		for c := CompressionNone; c <= CompressionSnappy; c++ {
			raw, _ := AppendRequest(nil, Header{Version: 4, Stream: 1}, p.ours, c)
			f.Add(raw, byte(c))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, compression byte) {
		r := NewRequestReader(bufio.NewReader(bytes.NewReader(raw)))
		r.BodyBytesMax = 1 << 20
		r.Compression = Compression(compression % 3)
		for {
			frame, err := r.Next(nil)
			var p *ProtocolError
			switch {
			case errors.As(err, &p):
				if p.Fatal {
					return
				}
			case err == io.EOF || err == io.ErrUnexpectedEOF:
				return
			case err != nil:
				t.Fatalf("untyped error %v", err)
			case len(frame.Body) > r.BodyBytesMax:
				t.Fatalf("body of %d bytes", len(frame.Body))
			}
		}
	})
}
