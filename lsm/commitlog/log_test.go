package commitlog

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eskerdb/esker/internal/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newDirectory(t *testing.T) *vfs.Mem {
	t.Helper()
	mem := vfs.NewMem()
	mustNot(t, mem.MkdirAll("data"))
	return mem
}

func mustNot(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var small = Options{SegmentBytes: 4096}

// found is the sequences of the records that each log had when it was opened.
var found sync.Map

func mustOpen(t *testing.T, fs vfs.FS, opts Options) *Log {
	t.Helper()
	var sequences []uint64
	l, err := Open(fs, "data", opts, func(_ Position, r *Record) error {
		if want := record(r.Sequence, len(r.Parts[0].Payload)); len(r.Parts) != 1 ||
			r.Parts[0].Epoch != want.Parts[0].Epoch || !bytes.Equal(r.Parts[0].Payload, want.Parts[0].Payload) {
			t.Errorf("record %d is not what was written: %v", r.Sequence, r)
		}
		sequences = append(sequences, r.Sequence)
		return nil
	})
	mustNot(t, err)
	found.Store(l, sequences)
	return l
}

func record(sequence uint64, payload int) *Record {
	return &Record{Sequence: sequence, Parts: []Part{{Epoch: sequence, Payload: bytes.Repeat([]byte{byte(sequence)}, payload)}}}
}

func mustAppend(t *testing.T, l *Log, r *Record) Position {
	t.Helper()
	pos, err := l.Append(r)
	mustNot(t, err)
	mustNot(t, l.Wait(pos))
	return pos
}

// sequences returns what the log had when it was opened.
func sequences(t *testing.T, l *Log) []uint64 {
	t.Helper()
	got, _ := found.Load(l)
	return got.([]uint64)
}

func upTo(from, to uint64) []uint64 {
	var out []uint64
	for n := from; n <= to; n++ {
		out = append(out, n)
	}
	return out
}

func TestReplayAfterRotationsAndReopening(t *testing.T) {
	mem := newDirectory(t)
	next := uint64(1)
	for round := range 6 {
		l := mustOpen(t, mem, small)
		if got := sequences(t, l); !slices.Equal(got, upTo(1, next-1)) {
			t.Fatalf("round %d: replay gives %v, want up to %d", round, got, next-1)
		}
		if l.LastSequence() != next-1 {
			t.Errorf("last sequence %d, want %d", l.LastSequence(), next-1)
		}
		for range 20 {
			mustAppend(t, l, record(next, int(next*37%600)))
			next++
		}
		crashed := mem.CrashClone(rand.New(rand.NewPCG(uint64(round), 1)), 50)
		mustNot(t, l.Close())
		if round%2 == 0 {
			mem = crashed
		}
	}
}

func TestReleaseRecyclesSegments(t *testing.T) {
	mem := newDirectory(t)
	l := mustOpen(t, mem, small)
	var first uint64
	most := 0
	for n := uint64(1); n < 300; n++ {
		pos := mustAppend(t, l, record(n, 300))
		if n%20 == 0 {
			mustNot(t, l.Sync())
			mustNot(t, l.Release(pos.Segment))
			first = pos.Segment
		}
		names, err := mem.List("data")
		mustNot(t, err)
		most = max(most, len(names))
	}
	if most > 5 {
		t.Errorf("%d files at once", most)
	}
	if l.Bytes() > 3*small.SegmentBytes {
		t.Errorf("the log says it has %d bytes", l.Bytes())
	}
	mustNot(t, l.Close())
	opts := small
	opts.First = first
	l = mustOpen(t, mem, opts)
	got := sequences(t, l)
	if len(got) == 0 || got[len(got)-1] != 299 || !slices.Equal(got, upTo(got[0], 299)) || got[0] > 280 {
		t.Errorf("replay gives %v", got)
	}
	mustNot(t, l.Close())
	opts.First = 1
	if _, err := Open(mem, "data", opts, nil); !errors.Is(err, ErrCorrupt) {
		t.Errorf("segments are missing, and nobody notices: %v", err)
	}
}

func TestRecordLimit(t *testing.T) {
	opts := small
	opts.RecordBytesMax = 9000
	l := mustOpen(t, newDirectory(t), opts)
	fits := opts.RecordBytesMax - recordBytes(record(1, 200)) + 200 - 1 // of a length in the same number of bytes
	for recordBytes(record(1, fits)) < opts.RecordBytesMax {
		fits++
	}
	if _, err := l.Append(record(1, fits+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("one byte too many: %v", err)
	}
	mustAppend(t, l, record(1, fits)) // larger than a segment, too
	mustAppend(t, l, record(2, 10))
	mustNot(t, l.Close())
}

func TestDiskFullRefusesRecords(t *testing.T) {
	full := false
	mem := newDirectory(t)
	l := mustOpen(t, vfs.NewFaulty(mem, func(op vfs.Op) error {
		if full && (op.Kind == vfs.OpWrite || op.Kind == vfs.OpPreallocate || op.Kind == vfs.OpCreate || op.Kind == vfs.OpRename) {
			return syscall.ENOSPC
		}
		return nil
	}), small)
	next, unwritten := uint64(1), 0
	for n := range 200 {
		full = n%4 < 2
		_, err := l.Append(record(next, n*7%700))
		switch {
		case full && !errors.Is(err, ErrDiskFull) || !full && err != nil:
			t.Fatalf("disk full %t: %v", full, err)
		case errors.Is(err, ErrUnwritten):
			unwritten++ // it has its place
			next++
		case err == nil:
			next++
		}
	}
	if unwritten == 0 || unwritten > 50 {
		t.Errorf("%d records have their place on a full disk, at most one each time", unwritten)
	}
	full = false
	mustNot(t, l.Close())
	l = mustOpen(t, mem, small)
	if got := sequences(t, l); !slices.Equal(got, upTo(1, next-1)) {
		t.Errorf("replay gives %v, want up to %d", got, next-1)
	}
	mustNot(t, l.Close())
}

func TestFailedSyncIsNotTriedAgain(t *testing.T) {
	var syncs atomic.Int64
	l := mustOpen(t, vfs.NewFaulty(newDirectory(t), func(op vfs.Op) error {
		if op.Kind == vfs.OpSync && syncs.Add(1) == 2 {
			return errors.New("injected")
		}
		return nil
	}), small)
	good := mustAppend(t, l, record(1, 10))
	pos, err := l.Append(record(2, 10))
	mustNot(t, err)
	for range 3 {
		if err := l.Wait(pos); !errors.Is(err, ErrFailed) {
			t.Fatalf("after a failed sync: %v", err)
		}
		if _, err := l.Append(record(3, 10)); !errors.Is(err, ErrFailed) {
			t.Fatalf("after a failed sync: %v", err)
		}
	}
	mustNot(t, l.SyncTo(good)) // what was synced stays so
	if syncs.Load() != 2 {
		t.Errorf("%d syncs", syncs.Load())
	}
	if err := l.Close(); !errors.Is(err, ErrFailed) {
		t.Errorf("close: %v", err)
	}
}

// TestGroupSyncsTogether holds one sync back until all writers have appended: they share the next.
func TestGroupSyncsTogether(t *testing.T) {
	const writers = 20
	var syncs atomic.Int64
	var appended sync.WaitGroup
	l := mustOpen(t, vfs.NewFaulty(newDirectory(t), func(op vfs.Op) error {
		if op.Kind == vfs.OpSync {
			syncs.Add(1)
		}
		return nil
	}), Options{SegmentBytes: 1 << 20})
	appended.Add(writers)
	var waiting sync.WaitGroup
	for n := range uint64(writers) {
		waiting.Go(func() {
			pos, err := l.Append(record(n+1, 10))
			appended.Done()
			appended.Wait()
			if err == nil {
				err = l.Wait(pos)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	waiting.Wait()
	if n := syncs.Load(); n != 1 {
		t.Errorf("%d syncs for %d records that were all there before the first", n, writers)
	}
	mustNot(t, l.Close())
}

func TestBatchSyncsEachRecord(t *testing.T) {
	var syncs atomic.Int64
	opts := small
	opts.Mode = Batch
	l := mustOpen(t, vfs.NewFaulty(newDirectory(t), func(op vfs.Op) error {
		if op.Kind == vfs.OpSync {
			syncs.Add(1)
		}
		return nil
	}), opts)
	for n := range uint64(5) {
		mustAppend(t, l, record(n+1, 10))
	}
	if n := syncs.Load(); n != 5 {
		t.Errorf("%d syncs for 5 records", n)
	}
	mustNot(t, l.Close())
}

func TestPeriodicSyncsByItself(t *testing.T) {
	synced := make(chan struct{}, 1)
	opts := small
	opts.Mode, opts.SyncPeriod = Periodic, time.Millisecond
	mem := newDirectory(t)
	l := mustOpen(t, vfs.NewFaulty(mem, func(op vfs.Op) error {
		if op.Kind == vfs.OpSync {
			select {
			case synced <- struct{}{}:
			default:
			}
		}
		return nil
	}), opts)
	mustAppend(t, l, record(1, 10))
	<-synced
	mustNot(t, l.Close())
	l = mustOpen(t, mem, small)
	if got := sequences(t, l); !slices.Equal(got, upTo(1, 1)) {
		t.Errorf("replay gives %v", got)
	}
	mustNot(t, l.Close())
}

func TestOtherVersionIsRefused(t *testing.T) {
	mem := newDirectory(t)
	l := mustOpen(t, mem, small)
	mustAppend(t, l, record(1, 10))
	mustNot(t, l.Close())
	f, err := mem.OpenReadWrite("data/" + fileName(1))
	mustNot(t, err)
	head := appendHeader(nil, header{number: 1})[:headerBytes-4]
	head[8] = 9
	_, err = f.WriteAt(appendChecksum(head), 0)
	mustNot(t, err)
	mustNot(t, f.Close())
	if _, err := Open(mem, "data", small, nil); !errors.Is(err, ErrVersion) {
		t.Errorf("another version: %v", err)
	}
}

// TestGoldenSegment compares the bytes of a segment with those on the format page.
func TestGoldenSegment(t *testing.T) {
	mem := newDirectory(t)
	l := mustOpen(t, mem, small)
	_, err := l.Append(&Record{Sequence: 258, Parts: []Part{{Epoch: 300, Payload: []byte("hi")}}})
	mustNot(t, err)
	mustNot(t, l.Close())
	f, err := mem.Open("data/" + fileName(1))
	mustNot(t, err)
	got := make([]byte, 144)
	_, err = f.ReadAt(got, 0)
	mustNot(t, err)
	mustNot(t, f.Close())
	want := "" +
		"45534b45524c4f47 01000000 0100000000000000 0000000000000000 0000000000000000" + // header
		" 000000000000000000000000000000000000000000000000 HEADCRC" +
		" 1e000000 FRAMECRC 01 01" + // frame of a record, COMMIT
		" 0201000000000000 01 00000000000000000000000000000000 ac02 02 6869" +
		" 10000000 SYNCCRC 03 00 0100000000000000 6800000000000000" // everything before 1:104 is synced
	for _, crc := range []struct {
		name string
		at   int
	}{{"HEADCRC", 60}, {"FRAMECRC", 68}, {"SYNCCRC", 108}} {
		want = string(bytes.Replace([]byte(want), []byte(crc.name), fmt.Appendf(nil, "%x", got[crc.at:crc.at+4]), 1))
	}
	want = string(bytes.ReplaceAll([]byte(want), []byte(" "), nil))
	if text := fmt.Sprintf("%x", got[:len(want)/2]); text != want {
		t.Errorf("\n%s, want\n%s", text, want)
	}
}
