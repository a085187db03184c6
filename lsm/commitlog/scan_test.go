package commitlog

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// image is a log in memory, built frame by frame.
type image struct {
	segments map[uint64][]byte
	files    []segmentFile
	ends     []Position // of each record
}

func (im *image) open(number uint64) (segmentSource, int64, error) {
	data := im.segments[number]
	return imageSource{bytes.NewReader(data)}, int64(len(data)), nil
}

type imageSource struct{ *bytes.Reader }

func (imageSource) Close() error { return nil }

// findTail reads the log of an image.
func findTail(first uint64, synced Position, files []segmentFile, im *image) (tail, error) {
	return readLog(first, synced, files, im, nil)
}

func (im *image) begin(h header) {
	if im.segments == nil {
		im.segments = make(map[uint64][]byte)
	}
	im.segments[h.number] = appendHeader(nil, h)
	im.files = append(im.files, segmentFile{header: h, begun: true})
}

func (im *image) record(number, sequence uint64, payload int) Position {
	r := Record{Sequence: sequence, Parts: []Part{{Epoch: 1, Payload: bytes.Repeat([]byte{7}, payload)}}}
	data := im.segments[number]
	from := len(data)
	data = appendRecord(data, &r, recordBytes(&r))
	sealFrames(data[from:], Position{number, int64(from)})
	im.segments[number] = data
	end := Position{number, int64(len(data))}
	im.ends = append(im.ends, end)
	return end
}

func (im *image) promise(number uint64, done Position) {
	data := im.segments[number]
	from := len(data)
	data = appendSync(data, done)
	sealFrames(data[from:], Position{number, int64(from)})
	im.segments[number] = data
}

func TestTailCutAtEveryByte(t *testing.T) {
	var im image
	im.begin(header{number: 1})
	var ends []Position
	for i := range 5 {
		ends = append(ends, im.record(1, uint64(i+1), 10*i))
	}
	whole := im.segments[1]
	for cut := headerBytes; cut <= len(whole); cut++ {
		im.segments[1] = whole[:cut:cut]
		got, err := findTail(1, Position{}, im.files, &im)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		want, last := Position{1, headerBytes}, uint64(0)
		for i, end := range ends {
			if end.Offset <= int64(cut) {
				want, last = end, uint64(i+1)
			}
		}
		if got.end != want || got.last != last {
			t.Fatalf("cut at %d: end %s, last %d; want %s, %d", cut, got.end, got.last, want, last)
		}
	}
}

func TestDamageBeforePromiseIsCorrupt(t *testing.T) {
	var im image
	im.begin(header{number: 1})
	im.record(1, 1, 20)
	synced := im.record(1, 2, 20)
	im.promise(1, synced)
	im.record(1, 3, 20)
	whole := slices.Clone(im.segments[1])
	for at := headerBytes; at < len(whole); at++ {
		data := slices.Clone(whole)
		data[at] ^= 0x40
		im.segments[1] = data
		got, err := findTail(1, Position{}, im.files, &im)
		promise := synced.Offset + frameHeadBytes + syncBodyBytes
		switch {
		case at < int(synced.Offset):
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("byte %d of what was synced is damaged: %v", at, err)
			}
		case err != nil:
			t.Fatalf("byte %d behind what was synced is damaged: %v", at, err)
		case at < int(promise) && got.end != synced:
			t.Fatalf("byte %d: the log ends at %s, not at %s", at, got.end, synced)
		}
	}
}

// A promise behind a broken record is found wherever it lies, across the windows that are read too.
func TestPromiseAcrossWindowsConvicts(t *testing.T) {
	for payload := readBytes - 120; payload < readBytes+10; payload++ {
		var im image
		im.begin(header{number: 1})
		im.promise(1, im.record(1, 1, payload))
		im.segments[1] = append(im.segments[1], make([]byte, 100)...) // never written
		if got, err := findTail(1, Position{}, im.files, &im); err != nil || got.last != 1 {
			t.Fatalf("a record with %d bytes: %v", payload, err)
		}
		im.segments[1][headerBytes+50] ^= 1
		if _, err := findTail(1, Position{}, im.files, &im); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("a promise behind a record with %d bytes was not kept: %v", payload, err)
		}
	}
}

// Records of all lengths are read whole, wherever the windows end.
func TestWindowsEndAnywhere(t *testing.T) {
	var im image
	im.begin(header{number: 1})
	rng := rand.New(rand.NewPCG(6, 6))
	var want []Position
	for sequence := range uint64(200) {
		payload := rng.IntN(60_000)
		if sequence%50 == 49 {
			payload += frameBodyMax
		}
		want = append(want, im.record(1, sequence+1, payload))
		if rng.IntN(4) == 0 {
			im.promise(1, want[len(want)-1])
		}
	}
	var got []Position
	_, err := readLog(1, Position{}, im.files, &im, func(at Position, r *Record) error {
		got = append(got, at)
		if want := bytes.Repeat([]byte{7}, len(r.Parts[0].Payload)); r.Sequence != uint64(len(got)) || !bytes.Equal(r.Parts[0].Payload, want) {
			t.Errorf("record %d that ends at %s is not what was written", r.Sequence, at)
		}
		return nil
	})
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%v; %d records of %d, or at other places", err, len(got), len(want))
	}
}

func TestPromiseInLaterSegmentConvicts(t *testing.T) {
	var im image
	im.begin(header{number: 1})
	end := im.record(1, 1, 20)
	im.begin(header{number: 2, previous: 1, previousEnd: end.Offset})
	im.promise(2, end)
	im.record(2, 2, 5)
	im.segments[1][headerBytes+12] ^= 1
	if _, err := findTail(1, Position{}, im.files, &im); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("a promise in the next segment was not kept: %v", err)
	}
}

func TestYoungerSegmentBehindTornOneDoesNotCount(t *testing.T) {
	var im image
	im.begin(header{number: 1})
	first := im.record(1, 1, 20)
	end := im.record(1, 2, 20)
	im.begin(header{number: 2, previous: 1, previousEnd: end.Offset})
	im.record(2, 3, 20)
	im.segments[1] = im.segments[1][:end.Offset-1]
	got, err := findTail(1, Position{}, im.files, &im)
	if err != nil || got.end != first || got.last != 1 {
		t.Fatalf("end %s, last %d, %v; want %s, 1", got.end, got.last, err, first)
	}
}

func TestGivenUpSegmentDoesNotCount(t *testing.T) {
	var im image
	im.begin(header{number: 1})
	end := im.record(1, 1, 20)
	im.record(1, 2, 20)
	im.begin(header{number: 2, previous: 1, previousEnd: end.Offset + 1000}) // from before a recovery
	im.begin(header{number: 3, previous: 1, previousEnd: end.Offset})
	im.promise(3, end)
	im.record(3, 2, 30)
	got, err := findTail(1, Position{}, im.files, &im)
	if err != nil || got.last != 2 || got.end.Segment != 3 || len(got.chain) != 2 {
		t.Fatalf("end %s, last %d, chain %v, %v", got.end, got.last, got.chain, err)
	}
}

func TestStaleFramesOfRecycledSegmentDoNotCount(t *testing.T) {
	var im image
	im.begin(header{number: 1})
	im.record(1, 1, 20)
	im.record(1, 2, 20)
	stale := im.segments[1]
	im = image{}
	im.begin(header{number: 2})
	end := im.record(2, 3, 20)
	im.segments[2] = append(im.segments[2], stale[end.Offset:]...)
	got, err := findTail(2, Position{}, im.files, &im)
	if err != nil || got.end != end || got.last != 3 {
		t.Fatalf("end %s, last %d, %v; want %s, 3", got.end, got.last, err, end)
	}
}

func TestLargeRecordIsAChain(t *testing.T) {
	for _, n := range []int{frameBodyMax - 100, frameBodyMax, 2*frameBodyMax + 1} {
		var im image
		im.begin(header{number: 1})
		end := im.record(1, 1, n)
		got, err := findTail(1, Position{}, im.files, &im)
		if err != nil || got.end != end {
			t.Fatalf("record of %d bytes: end %s, %v; want %s", n, got.end, err, end)
		}
		im.segments[1] = im.segments[1][:end.Offset-1]
		if got, err = findTail(1, Position{}, im.files, &im); err != nil || got.end.Offset != headerBytes {
			t.Fatalf("record of %d bytes without its last: end %s, %v", n, got.end, err)
		}
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add(AppendRecord(nil, &Record{Sequence: 3, Parts: []Part{{Epoch: 9, Payload: []byte("abc")}, {}}}))
	f.Fuzz(func(t *testing.T, src []byte) {
		var r, again Record
		if decodeRecord(src, &r) != nil {
			return
		}
		err := decodeRecord(AppendRecord(nil, &r), &again)
		if err != nil || fmt.Sprint(again) != fmt.Sprint(r) {
			t.Fatalf("%v became %v, %v", r, again, err)
		}
	})
}

func FuzzScan(f *testing.F) {
	var im image
	im.begin(header{number: 1})
	im.promise(1, im.record(1, 1, 20))
	im.record(1, 2, 3)
	f.Add(im.segments[1])
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) < headerBytes {
			return
		}
		files := []segmentFile{{header: header{number: 1}, begun: true}}
		im := image{segments: map[uint64][]byte{1: src}}
		got, err := findTail(1, Position{}, files, &im)
		if err == nil && (got.end.Offset > int64(len(src)) || got.end.Offset < headerBytes) {
			t.Fatalf("end %s of %d bytes", got.end, len(src))
		}
	})
}
