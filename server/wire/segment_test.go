package wire

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/datastax/go-cassandra-native-protocol/compression/lz4"
	"github.com/datastax/go-cassandra-native-protocol/crc"
	"github.com/datastax/go-cassandra-native-protocol/segment"
	"pgregory.net/rapid"
)

// framesOf are whole frames with bodies of the lengths given: of few different bytes, so that they can be compressed.
func framesOf(seed uint64, lengths ...int) []byte {
	random := rand.New(rand.NewPCG(seed, 1))
	var out []byte
	for i, n := range lengths {
		out = AppendHeader(out, Header{Version: 5, Stream: int16(i), Opcode: OpQuery, Length: n})
		for range n {
			out = append(out, byte(random.IntN(8)))
		}
	}
	return out
}

func wrap(t testing.TB, frames []byte, c Compression, step int) []byte {
	t.Helper()
	s := Segmenter{Compression: c}
	var out []byte
	for len(frames) > 0 {
		part, used, err := s.Append(nil, frames, step)
		if err != nil || used == 0 {
			t.Fatalf("%d bytes of %d carried: %v", used, len(frames), err)
		}
		out, frames = append(out, part...), frames[used:]
	}
	return out
}

func oracleCodec(c Compression) segment.Codec {
	if c == CompressionLZ4 {
		return segment.NewCodecWithCompression(lz4.Compressor{})
	}
	return segment.NewCodec()
}

var segmentLengths = [][]int{
	{0}, {1}, {compressBytesMin}, {5, 700, 0, 3}, {SegmentBytesMax - HeaderBytes}, {SegmentBytesMax - HeaderBytes + 1},
	{10, SegmentBytesMax, 10}, {3*SegmentBytesMax + 5, 1}, {60000, 60000, 60000, 60000},
}

func TestSegmentsAgreeWithOracle(t *testing.T) {
	for _, c := range []Compression{CompressionNone, CompressionLZ4} {
		codec := oracleCodec(c)
		for i, lengths := range segmentLengths {
			frames := framesOf(uint64(i), lengths...)
			ours := bytes.NewReader(wrap(t, frames, c, 1<<20))
			var carried, theirs []byte
			for ours.Len() > 0 {
				s, err := codec.DecodeSegment(ours)
				if err != nil {
					t.Fatalf("%q %v: oracle: %v", c, lengths, err)
				}
				payload := s.Payload.UncompressedData
				if n, err := wholeFrames(payload); s.Header.IsSelfContained != (err == nil && n == len(payload)) {
					t.Errorf("%q %v: a segment of %d bytes says whole frames: %v", c, lengths, len(payload), s.Header.IsSelfContained)
				}
				carried = append(carried, payload...)
				var out bytes.Buffer
				if err := codec.EncodeSegment(s, &out); err != nil {
					t.Fatalf("oracle: %v", err)
				}
				theirs = append(theirs, out.Bytes()...)
			}
			if !bytes.Equal(carried, frames) {
				t.Errorf("%q %v: the oracle reads %d other bytes", c, lengths, len(carried))
			}
			if got, err := io.ReadAll(NewSegmentReader(bytes.NewReader(theirs), c)); err != nil || !bytes.Equal(got, frames) {
				t.Errorf("%q %v: of the oracle's segments %d bytes are read: %v", c, lengths, len(got), err)
			}
			if c == CompressionNone && !bytes.Equal(theirs, wrap(t, frames, c, 1)) {
				t.Errorf("%v: the oracle writes other bytes", lengths)
			}
		}
	}
}

func TestChecksumsAgreeWithOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		header := rapid.SliceOfN(rapid.Byte(), 1, 5).Draw(t, "header")
		var register [8]byte
		copy(register[:], header)
		if got, want := crc24(header), crc.ChecksumKoopman(binary.LittleEndian.Uint64(register[:]), len(header)); got != want {
			t.Errorf("CRC24 of %x is %06x, want %06x", header, got, want)
		}
		payload := rapid.SliceOf(rapid.Byte()).Draw(t, "payload")
		if got, want := payloadCRC(payload), crc.ChecksumIEEE(payload); got != want {
			t.Errorf("CRC32 of %x is %08x, want %08x", payload, got, want)
		}
	})
}

// Whatever the sizes of frames, of what is wrapped at a time and of what arrives at a time.
func TestFramesComeBackOutOfSegments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Compression(rapid.IntRange(0, 1).Draw(t, "compression"))
		lengths := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 50), rapid.IntRange(0, 2000), rapid.IntRange(0, 3*SegmentBytesMax)), 1, 6).Draw(t, "lengths")
		frames := framesOf(rapid.Uint64().Draw(t, "seed"), lengths...)
		s := Segmenter{Compression: c}
		var raw []byte
		for rest := frames; len(rest) > 0; {
			part, used, err := s.Append(nil, rest, rapid.IntRange(1, 400000).Draw(t, "at a time"))
			if err != nil {
				t.Fatal(err)
			}
			raw, rest = append(raw, part...), rest[used:]
		}
		var src io.Reader = bytes.NewReader(raw)
		if rapid.Bool().Draw(t, "slow") {
			src = iotest.HalfReader(src)
		}
		r := NewRequestReader(NewSegmentReader(bufio.NewReader(src), c))
		inPlace := rapid.Bool().Draw(t, "in place")
		var again []byte
		for i, n := range lengths {
			var f Frame
			var err error
			if inPlace {
				f, err = r.NextInPlace()
			} else {
				f, err = r.Next(nil)
			}
			if err != nil || len(f.Body) != n || int(f.Header.Stream) != i {
				t.Fatalf("frame %d: %v, %v", i, f.Header, err)
			}
			again = append(AppendHeader(again, f.Header), f.Body...)
		}
		if _, err := r.Next(nil); err != io.EOF || !bytes.Equal(again, frames) {
			t.Fatalf("after the last frame: %v", err)
		}
	})
}

// A flipped bit anywhere is found out before a byte of its segment is yielded.
func TestDamagedSegments(t *testing.T) {
	for _, c := range []Compression{CompressionNone, CompressionLZ4} {
		first, second := framesOf(1, 600), framesOf(2, 900)
		good := wrap(t, first, c, 1)
		begin := len(good)
		good = append(good, wrap(t, second, c, 1)...)
		for bit := 8 * begin; bit < 8*len(good); bit++ {
			raw := bytes.Clone(good)
			raw[bit/8] ^= 1 << (bit % 8)
			got, err := io.ReadAll(NewSegmentReader(bytes.NewReader(raw), c))
			var p *ProtocolError
			if !bytes.Equal(got, first) || !errors.As(err, &p) || !p.Fatal || p.Code != CodeProtocol {
				t.Fatalf("%q bit %d: %d bytes are yielded: %v", c, bit, len(got), err)
			}
		}
		for n := begin + 1; n < len(good); n++ {
			if got, err := io.ReadAll(NewSegmentReader(bytes.NewReader(good[:n]), c)); err != io.ErrUnexpectedEOF || len(got) != len(first) {
				t.Fatalf("%q cut at %d: %d bytes are yielded: %v", c, n, len(got), err)
			}
		}
	}
}

// sealed is a segment with the right checksums, whatever its header says.
func sealed(h segmentHeader, payload []byte, c Compression) []byte {
	out := append(appendSegmentHeader(nil, h, c), payload...)
	return binary.LittleEndian.AppendUint32(out, payloadCRC(payload))
}

func TestSegmentsThatLie(t *testing.T) {
	const c = CompressionLZ4
	packed := []byte{0x1F, 'a', 1, 0, 0xFF, 0, 0x50, 'b', 'b', 'b', 'b', 'b'} // an a 275 times, 5 b
	for name, h := range map[string]segmentHeader{
		"beyond the ratio of lz4": {sent: 3, unpacked: SegmentBytesMax, whole: true},
		"shorter than claimed":    {sent: len(packed), unpacked: 281, whole: true},
		"longer than claimed":     {sent: len(packed), unpacked: 279, whole: true},
	} {
		_, err := io.ReadAll(NewSegmentReader(bytes.NewReader(sealed(h, packed[:h.sent], c)), c))
		var p *ProtocolError
		if !errors.As(err, &p) || !p.Fatal {
			t.Errorf("%s: %v", name, err)
		}
	}
	want := append(bytes.Repeat([]byte{'a'}, 275), "bbbbb"...)
	got, err := io.ReadAll(NewSegmentReader(bytes.NewReader(sealed(segmentHeader{sent: len(packed), unpacked: 280}, packed, c)), c))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("right length: %q, %v", got, err)
	}
}

// Cassandra says of a stored payload that its unpacked length is 0, the specification that its length as sent is.
func TestBothWaysToStoreAPayload(t *testing.T) {
	for name, h := range map[string]segmentHeader{"Cassandra": {sent: 5}, "specification": {unpacked: 5}} {
		raw := append(sealed(h, []byte("hello"), CompressionLZ4), sealed(segmentHeader{}, nil, CompressionLZ4)...)
		if got, err := io.ReadAll(NewSegmentReader(bytes.NewReader(raw), CompressionLZ4)); err != nil || string(got) != "hello" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestSegmentsTakeMemoryAsTheyArrive(t *testing.T) {
	for _, c := range []Compression{CompressionNone, CompressionLZ4} {
		lie := appendSegmentHeader(nil, segmentHeader{sent: SegmentBytesMax, unpacked: SegmentBytesMax}, c)
		lie = append(lie, 1, 2, 3)
		const runs = 100
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			if _, err := NewSegmentReader(bytes.NewReader(lie), c).Read(make([]byte, 1)); err != io.ErrUnexpectedEOF {
				t.Fatal(err)
			}
		}
		runtime.ReadMemStats(&after)
		if allocated := int(after.TotalAlloc-before.TotalAlloc) / runs; allocated > 2*segmentSmallBytes {
			t.Errorf("%q: three bytes that claim %d cost %d", c, SegmentBytesMax, allocated)
		}
		// Segments of zeros, each 250 times as long as it is sent: memory for one, and none once they are read.
		zeros := AppendHeader(nil, Header{Version: 5, Opcode: OpQuery, Length: 100000})
		zeros = append(zeros, make([]byte, 100000)...)
		raw := bytes.Repeat(wrap(t, zeros, c, 1), 50)
		r := NewSegmentReader(bytes.NewReader(raw), c)
		n, err := io.Copy(io.Discard, struct{ io.Reader }{r})
		if err != nil || n != int64(50*len(zeros)) || cap(r.sent)+cap(r.opened) > 0 {
			t.Errorf("%q: %d bytes, %d are kept: %v", c, n, cap(r.sent)+cap(r.opened), err)
		}
	}
}

func TestSmallSegmentsTakeNoMemory(t *testing.T) {
	for _, c := range []Compression{CompressionNone, CompressionLZ4} {
		frames := framesOf(1, 200, 900)
		raw := wrap(t, frames, c, 1)
		src := bytes.NewReader(raw)
		r := NewSegmentReader(src, c)
		s := Segmenter{Compression: c}
		var out []byte
		buf := make([]byte, len(frames))
		if n := testing.AllocsPerRun(100, func() {
			src.Reset(raw)
			if _, err := io.ReadFull(r, buf); err != nil {
				t.Fatal(err)
			}
			var err error
			if out, _, err = s.Append(out[:0], frames, 1); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%q: %v allocations", c, n)
		}
	}
}

func TestFramesThatAreNotWhole(t *testing.T) {
	frames := framesOf(1, 10)
	for n := 1; n < len(frames); n++ {
		if _, _, err := new(Segmenter).Append(nil, frames[:n], 1); err == nil {
			t.Errorf("%d bytes of a frame of %d are wrapped", n, len(frames))
		}
	}
}

// Any bytes give a typed error or the end, and no more bytes than they can hold.
func FuzzSegments(f *testing.F) {
	for i, lengths := range segmentLengths {
		for _, c := range []Compression{CompressionNone, CompressionLZ4} {
			f.Add(wrap(f, framesOf(uint64(i), lengths...), c, 1), byte(c))
		}
	}
	f.Add(sealed(segmentHeader{sent: 3, unpacked: SegmentBytesMax}, []byte{0x1F, 'a', 1}, CompressionLZ4), byte(CompressionLZ4))
	f.Fuzz(func(t *testing.T, raw []byte, compression byte) {
		c := Compression(compression % 2)
		n, err := io.Copy(io.Discard, struct{ io.Reader }{NewSegmentReader(bytes.NewReader(raw), c)})
		var p *ProtocolError
		if err != nil && err != io.ErrUnexpectedEOF && (!errors.As(err, &p) || !p.Fatal) {
			t.Fatalf("untyped error %v", err)
		}
		if n > int64(len(raw))*lz4RatioMax {
			t.Fatalf("%d bytes became %d", len(raw), n)
		}
	})
}

// Fuzzed payloads with right checksums: the way to the decompressor.
func FuzzSegmentPayload(f *testing.F) {
	f.Add([]byte{0x1F, 'a', 1, 0, 0xFF, 0, 0x50, 'b', 'b', 'b', 'b', 'b'}, 280)
	f.Add([]byte("stored"), 0)
	f.Fuzz(func(t *testing.T, payload []byte, unpacked int) {
		if len(payload) > SegmentBytesMax {
			return
		}
		h := segmentHeader{sent: len(payload), unpacked: unpacked & SegmentBytesMax, whole: true}
		segment := sealed(h, payload, CompressionLZ4)
		got, err := io.ReadAll(NewSegmentReader(bytes.NewReader(append(segment, segment...)), CompressionLZ4))
		var p *ProtocolError
		if err != nil && err != io.ErrUnexpectedEOF && (!errors.As(err, &p) || !p.Fatal) {
			t.Fatalf("untyped error %v", err)
		}
		if h.unpacked > 0 && err == nil && h.sent > 0 && len(got) != 2*h.unpacked {
			t.Fatalf("%d bytes instead of twice %d", len(got), h.unpacked)
		}
	})
}
