package commitlog

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
)

// hooked is files in memory whose writes and syncs ask first. Unlike those of a Faulty, operations do not wait
// for each other.
type hooked struct {
	*vfs.Mem
	ask func(vfs.OpKind) error
}

func (h hooked) Create(name string) (vfs.File, error) {
	f, err := h.Mem.Create(name)
	return hookedFile{f, h.ask}, err
}

type hookedFile struct {
	vfs.File
	ask func(vfs.OpKind) error
}

// WriteAt writes the first half of what fails; all of it if the error is errLie.
func (f hookedFile) WriteAt(p []byte, off int64) (int, error) {
	err := f.ask(vfs.OpWrite)
	n := len(p)
	if err != nil && !errors.Is(err, errLie) {
		n /= 2
	}
	if n, err := f.File.WriteAt(p[:n], off); err != nil {
		return n, err
	}
	return n, err
}

func (f hookedFile) SyncData() error {
	if err := f.ask(vfs.OpSync); err != nil {
		return err
	}
	return f.File.SyncData()
}

// errLie is a full disk that has room.
var errLie = fmt.Errorf("all is written: %w", syscall.ENOSPC)

// gate holds back the operations of one kind.
type gate struct {
	kind   vfs.OpKind
	closed atomic.Bool
	came   chan struct{} // an operation waits
	open   chan error    // what becomes of it
}

func newGate(kind vfs.OpKind) *gate {
	return &gate{kind: kind, came: make(chan struct{}), open: make(chan error)}
}

func (g *gate) ask(kind vfs.OpKind) error {
	if kind != g.kind || !g.closed.Load() {
		return nil
	}
	g.came <- struct{}{}
	return <-g.open
}

// diskFull is how a file system says so.
func diskFull(kind vfs.OpKind) error {
	return &fs.PathError{Op: string(kind), Path: "a segment", Err: syscall.ENOSPC}
}

// enqueueWhileWriting enqueues records 2 to n while the write of record 1 is held back. It returns
// where the last ends, and what Write says of record 1 when that is let go with err.
func enqueueWhileWriting(t *testing.T, l *Log, g *gate, n uint64, err error) (end Position, first error) {
	t.Helper()
	one, failed := l.Enqueue(record(1, 100))
	mustNot(t, failed)
	g.closed.Store(true)
	result := make(chan error)
	go func() { result <- l.Write(one) }()
	<-g.came
	g.closed.Store(false)
	for sequence := uint64(2); sequence <= n; sequence++ {
		var err error
		end, err = l.Enqueue(record(sequence, 100))
		mustNot(t, err)
	}
	g.open <- err
	return end, <-result
}

func TestRecordsGatherWhileAWriteIsRunning(t *testing.T) {
	mem, g := newDirectory(t), newGate(vfs.OpWrite)
	l := mustOpen(t, hooked{mem, g.ask}, small)
	mustAppend(t, l, record(0, 1))
	before := l.Statistics()
	end, err := enqueueWhileWriting(t, l, g, 20, nil)
	mustNot(t, err)
	var waiting sync.WaitGroup
	for range 20 {
		waiting.Go(func() {
			if err := l.Wait(end); err != nil {
				t.Error(err)
			}
		})
	}
	waiting.Wait()
	after := l.Statistics()
	if after.Writes-before.Writes != 2 || after.Records-before.Records != 20 {
		t.Errorf("%d records in %d writes, not 20 in 2", after.Records-before.Records, after.Writes-before.Writes)
	}
	mustNot(t, l.Close())
	l = mustOpen(t, mem, small)
	if got := sequences(t, l); !slices.Equal(got, upTo(0, 20)) {
		t.Errorf("replay gives %v", got)
	}
	mustNot(t, l.Close())
}

// TestEnqueueingWritesNothing: only who waits does, and then with one write and one sync. Who enqueues more than may wait writes too.
func TestEnqueueingWritesNothing(t *testing.T) {
	mem := newDirectory(t)
	faulty := vfs.NewFaulty(mem, func(vfs.Op) error { return nil })
	l := mustOpen(t, faulty, Options{SegmentBytes: 16 << 20})
	mustAppend(t, l, record(1, 1))
	before := faulty.Count()
	sequence := uint64(1)
	for range 1000 {
		sequence++
		_, err := l.Enqueue(record(sequence, 100))
		mustNot(t, err)
	}
	if n := faulty.Count() - before; n != 0 {
		t.Errorf("enqueueing took %d file operations", n)
	}
	mustNot(t, l.Wait(l.End()))
	if n := faulty.Count() - before; n != 2 {
		t.Errorf("waiting for all took %d file operations, not a write and a sync", n)
	}
	for range 3 * framesBytesMax / (64 << 10) {
		sequence++
		_, err := l.Enqueue(record(sequence, 64<<10))
		mustNot(t, err)
	}
	if cap(l.frames) > 4*framesBytesMax || l.Written() == l.Synced() {
		t.Errorf("%d bytes are kept in memory, written up to %s", cap(l.frames), l.Written())
	}
	mustNot(t, l.Close())
	mustFind(t, mem, upTo(1, sequence))
}

// A full disk refuses what is enqueued behind a write that failed, and keeps what was enqueued before: it is written when there is space,
// in its order. A crash before that leaves a beginning of it.
func TestUnwrittenRecordsAreWrittenLater(t *testing.T) {
	mem, g := newDirectory(t), newGate(vfs.OpWrite)
	full := false
	l := mustOpen(t, hooked{mem, func(kind vfs.OpKind) error {
		if err := g.ask(kind); err != nil || kind != vfs.OpWrite || !full {
			return err
		}
		return diskFull(kind)
	}}, small)
	mustAppend(t, l, record(100, 1))
	full = true
	end, err := enqueueWhileWriting(t, l, g, 9, diskFull(vfs.OpWrite))
	if !errors.Is(err, ErrUnwritten) || !errors.Is(err, ErrDiskFull) {
		t.Fatalf("record 1: %v", err)
	}
	for range 3 {
		if err := l.Wait(end); !errors.Is(err, ErrUnwritten) || !errors.Is(err, ErrDiskFull) {
			t.Fatalf("records behind: %v", err)
		}
		if _, err := l.Enqueue(record(10, 10)); !errors.Is(err, ErrDiskFull) || errors.Is(err, ErrUnwritten) {
			t.Fatalf("a record behind them: %v", err)
		}
		crashed := mustOpen(t, mem.CrashClone(rand.New(rand.NewPCG(1, 1)), 100), small)
		if got, all := sequences(t, crashed), append([]uint64{100}, upTo(1, 9)...); len(got) > 9 || !slices.Equal(got, all[:len(got)]) {
			t.Fatalf("a crash leaves %v", got)
		}
		mustNot(t, crashed.Close())
	}
	full = false
	mustAppend(t, l, record(200, 700))
	mustFind(t, mem.CrashClone(rand.New(rand.NewPCG(1, 1)), 0), append(append([]uint64{100}, upTo(1, 9)...), 200))
	mustNot(t, l.Close())
}

func mustFind(t *testing.T, mem *vfs.Mem, want []uint64) {
	t.Helper()
	l := mustOpen(t, mem, small)
	if got := sequences(t, l); !slices.Equal(got, want) {
		t.Fatalf("found %v, want %v", got, want)
	}
	mustNot(t, l.Close())
}

// A header that was written although its write failed ends the segment before: nothing may go behind.
func TestHeaderOfFailedRotationStays(t *testing.T) {
	mem := newDirectory(t)
	lie := false
	l := mustOpen(t, hooked{mem, func(vfs.OpKind) error {
		if lie {
			return errLie
		}
		return nil
	}}, small)
	mustAppend(t, l, record(1, 3000))
	lie = true
	if _, err := l.Append(record(2, 3000)); !errors.Is(err, ErrDiskFull) {
		t.Fatalf("rotation: %v", err)
	}
	if _, err := l.Append(record(2, 10)); !errors.Is(err, ErrDiskFull) {
		t.Fatalf("a record that would fit the segment before: %v", err)
	}
	lie = false
	mustAppend(t, l, record(2, 10))
	mustFind(t, mem.CrashClone(rand.New(rand.NewPCG(1, 1)), 0), upTo(1, 2))
	mustNot(t, l.Close())
}

func TestTooLargeRecordWritesNothing(t *testing.T) {
	faulty := vfs.NewFaulty(newDirectory(t), func(vfs.Op) error { return nil })
	opts := small
	opts.RecordBytesMax = 1000
	l := mustOpen(t, faulty, opts)
	mustAppend(t, l, record(1, 10))
	before, end := faulty.Count(), l.End()
	if _, err := l.Append(record(2, 1000)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v", err)
	}
	if _, err := l.Append(&Record{Sequence: 2, Parts: make([]Part, partsMax+1)}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too many parts: %v", err)
	}
	if faulty.Count() != before || l.End() != end {
		t.Errorf("%d operations, the log ends at %s, not %s", faulty.Count()-before, l.End(), end)
	}
	mustNot(t, l.Close())
}

// A record of several frames is found whole, or not at all.
func TestChainIsWholeOrNotThere(t *testing.T) {
	mem := newDirectory(t)
	opts := Options{SegmentBytes: 1 << 20}
	l := mustOpen(t, mem, opts)
	mustAppend(t, l, record(1, 10))
	mustAppend(t, l, record(2, 2*frameBodyMax+10))
	end := l.End()
	mustAppend(t, l, record(3, 10))
	mustNot(t, l.Close())
	for _, cut := range []int64{0, end.Offset - 1, end.Offset - 100, 2 * frameBodyMax, frameBodyMax, 200} {
		crashed := mem.CrashClone(rand.New(rand.NewPCG(1, 1)), 0)
		want := upTo(1, 3)
		if cut > 0 {
			// Without the promises of the close, or it would be corruption.
			f, err := crashed.OpenReadWrite("data/" + fileName(end.Segment))
			mustNot(t, err)
			mustNot(t, f.Truncate(cut))
			mustNot(t, f.Close())
			_ = crashed.Remove("data/" + fileName(end.Segment+1))
			want = upTo(1, 1)
		}
		l := mustOpen(t, crashed, opts)
		if got := sequences(t, l); !slices.Equal(got, want) {
			t.Errorf("cut at %d: replay gives %v, want %v", cut, got, want)
		}
		mustNot(t, l.Close())
	}
}

// In mode periodic a write is done at once, but not while the sync of an earlier tick is still running.
func TestPeriodicWritersWaitForALateSync(t *testing.T) {
	g := newGate(vfs.OpSync)
	g.closed.Store(true)
	opts := small
	opts.Mode, opts.SyncPeriod = Periodic, time.Millisecond
	l := mustOpen(t, hooked{newDirectory(t), g.ask}, opts)
	mustAppend(t, l, record(1, 10)) // does not wait for the sync, which nobody lets go on
	<-g.came
	pos, err := l.Append(record(2, 10))
	mustNot(t, err)
	for !l.periodic.late.Load() {
		runtime.Gosched()
	}
	var released atomic.Bool
	waited := make(chan error)
	go func() {
		err := l.Wait(pos)
		if !released.Load() {
			err = errors.Join(err, errors.New("it did not wait"))
		}
		waited <- err
	}()
	for range 1000 {
		runtime.Gosched()
	}
	released.Store(true)
	g.closed.Store(false)
	g.open <- nil
	mustNot(t, <-waited)
	if l.Synced().Less(pos) {
		t.Errorf("synced up to %s, and the record ends at %s", l.Synced(), pos)
	}
	mustNot(t, l.Close())
}

// The next segment is made before it is needed: a rotation then writes its header and nothing else.
func TestNextSegmentIsMadeBeforehand(t *testing.T) {
	for _, failure := range []error{nil, syscall.ENOSPC} {
		mem := newDirectory(t)
		var full atomic.Bool
		var late atomic.Int64 // operations but writes
		faulty := vfs.NewFaulty(mem, func(op vfs.Op) error {
			if op.Kind != vfs.OpWrite {
				late.Add(1)
			}
			if full.Load() && op.Kind == vfs.OpPreallocate {
				return failure
			}
			return nil
		})
		opts := small
		opts.Prepare = true
		l := mustOpen(t, faulty, opts)
		mustAppend(t, l, record(1, 1000))
		full.Store(true)
		_, err := l.Append(record(2, 1500)) // beyond the half
		mustNot(t, err)
		l.making.Wait()
		full.Store(false)
		late.Store(0)
		_, err = l.Append(record(3, 1700))
		mustNot(t, err)
		if l.End().Segment != 2 {
			t.Fatalf("the log ends at %s", l.End())
		}
		if n := late.Load(); (n == 0) != (failure == nil) {
			t.Errorf("made beforehand: %v; the rotation took %d operations beside writes", failure == nil, n)
		}
		mustNot(t, l.Close())
		mustFind(t, mem, upTo(1, 3))
	}
}

// As many segments are kept as the log needs between two releases.
func TestSparesFollowTheNeed(t *testing.T) {
	created, mem := 0, newDirectory(t)
	l := mustOpen(t, vfs.NewFaulty(mem, func(op vfs.Op) error {
		if op.Kind == vfs.OpCreate {
			created++
		}
		return nil
	}), small)
	next := uint64(1)
	cycle := func(segments int) {
		for from := l.Next(); l.Next() < from+uint64(segments); next++ {
			mustAppend(t, l, record(next, 900))
		}
		mustNot(t, l.Sync())
		mustNot(t, l.Release(l.Next()))
	}
	for range 3 {
		cycle(8)
	}
	created = 0
	for range 3 {
		cycle(8)
	}
	if created > 0 {
		t.Errorf("%d segments were made though old ones could be written over", created)
	}
	for range 20 {
		cycle(1)
	}
	if n := l.Statistics().Spares; n > sparesMin {
		t.Errorf("%d spares are kept for a log that needs one at a time", n)
	}
	mustNot(t, l.Close())
	names, err := mem.List("data")
	mustNot(t, err)
	if len(names) != 1 {
		t.Errorf("after it is closed, a log of one segment has %v", names)
	}
}

func TestStatisticsCount(t *testing.T) {
	mem, manual := newDirectory(t), clock.NewManual(time.Unix(1000, 0))
	opts := small
	opts.Clock = manual
	l := mustOpen(t, vfs.NewFaulty(mem, func(op vfs.Op) error {
		if op.Kind == vfs.OpSync {
			manual.Advance(time.Second)
		}
		return nil
	}), opts)
	for n := range uint64(3) {
		mustAppend(t, l, record(n+1, 2000))
	}
	got := l.Statistics()
	if got.Records != 3 || got.Writes != 3 || got.Syncs != 3 || got.SyncTime < 3*time.Second || got.Segments != 3 || got.Spares != 0 {
		t.Errorf("%+v", got)
	}
	if want := l.Bytes() - 3*headerBytes; got.Bytes != want {
		t.Errorf("%d bytes appended, want %d", got.Bytes, want)
	}
	mustNot(t, l.Release(3))
	if got := l.Statistics(); got.Segments != 1 || got.Spares != 2 {
		t.Errorf("after a release: %+v", got)
	}
	mustNot(t, l.Close())
}

// Many writers with rotations, releases and a disk that is sometimes full: what Wait said is durable is found,
// what Enqueue refused is not.
func TestWritersOnADiskThatIsFullAtTimes(t *testing.T) {
	const writers, each = 4, 200
	mem := newDirectory(t)
	var tick atomic.Int64
	var calm atomic.Bool
	opts := small
	opts.Prepare = true
	l := mustOpen(t, vfs.NewFaulty(mem, func(op vfs.Op) error {
		full := op.Kind == vfs.OpWrite || op.Kind == vfs.OpPreallocate || op.Kind == vfs.OpCreate
		if full && !calm.Load() && tick.Add(1)%16 > 11 {
			return diskFull(op.Kind)
		}
		return nil
	}), opts)
	var mu sync.Mutex
	sequence := uint64(0)
	fate := make(map[uint64]bool) // acknowledged or refused
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for n := range each {
				mu.Lock()
				sequence++
				mine := sequence
				end, err := l.Enqueue(record(mine, (n*w*31)%500))
				mu.Unlock()
				if err == nil {
					err = l.Wait(end)
				}
				if err != nil && !errors.Is(err, ErrDiskFull) {
					t.Error(err)
				}
				if errors.Is(err, ErrUnwritten) {
					continue // nobody knows
				}
				mu.Lock()
				fate[mine] = err == nil
				mu.Unlock()
			}
		})
	}
	writing.Wait()
	mustNot(t, l.Failure())
	if len(fate) < writers*each/2 {
		t.Errorf("of %d of %d records it is known what became of them", len(fate), writers*each)
	}
	crashed := mem.CrashClone(rand.New(rand.NewPCG(2, 2)), 50)
	calm.Store(true)
	mustNot(t, l.Close())
	again := mustOpen(t, crashed, small)
	got := sequences(t, again)
	mustNot(t, again.Close())
	if !slices.IsSorted(got) {
		t.Errorf("out of order: %v", got)
	}
	for n, acknowledged := range fate {
		if slices.Contains(got, n) != acknowledged {
			t.Errorf("record %d: acknowledged %v, found %v", n, acknowledged, !acknowledged)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, bytes := range []int{60, 12_000} {
		b.Run(fmt.Sprint(bytes), func(b *testing.B) {
			l, err := Open(vfs.OS, b.TempDir(), Options{Mode: Periodic, SyncPeriod: time.Hour, Prepare: true}, nil)
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			r := record(1, bytes)
			b.SetBytes(int64(bytes))
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					pos, err := l.Append(r)
					if err == nil && pos.Segment > 4 {
						err = l.Release(pos.Segment - 2)
					}
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
