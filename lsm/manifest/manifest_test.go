package manifest

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

var table = mutation.Table{
	ID: mutation.TableID{1, 2, 3}, Name: "test.readings", Law: mutation.ByTimestamp,
	Clustering: clustering.Layout{
		{Type: types.ByName("timestamp"), Desc: true}, {Type: types.ByName("text")}, {Type: types.Frozen(types.ListOf(types.ByName("int")))},
	},
	Columns: []mutation.Column{
		{ID: 1, Physical: mutation.PhysicalInt, Width: 4},
		{ID: 7, Physical: mutation.PhysicalBytes, Static: true},
		{ID: 8, Physical: mutation.PhysicalBytes, Complex: true},
		{ID: 9, Physical: mutation.PhysicalBytes, Static: true, Complex: true},
	},
	GCGraceSec: 864000,
	Bucket:     partition.Bucketing{SizeMillis: 3_600_000, OriginMillis: -5}, KeepExpired: true,
}

func fullEdit() *Edit {
	return &Edit{
		RemovedTables: []mutation.TableID{{9}}, Tables: []mutation.Table{table}, RemovedFiles: []uint64{3, 300},
		AddedFiles: []File{{Table: table.ID, Number: 7, Bytes: 1 << 40, Rows: 5, Partitions: 2, Run: 6, WrittenSec: 1 << 31, Final: true, Split: true}, {Table: table.ID, Number: 8}},
		Epochs:     []Epoch{{table.ID, 12}}, Schema: []byte("schema"), LogStart: 4, NextFile: 9, Sequence: 1 << 50, LogSynced: Place{4, 300},
	}
}

func TestEditRoundTrip(t *testing.T) {
	for _, e := range []*Edit{{}, {Schema: []byte{}}, fullEdit()} {
		got, err := DecodeEdit(AppendEdit(nil, e))
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%+v became %+v, %v", e, got, err)
		}
	}
}

// Every step and unit comes back; those of a fixed size have the bytes of the first releases.
func TestBucketsRoundTrip(t *testing.T) {
	for _, b := range []partition.Bucketing{
		{}, {SizeMillis: 5}, {SizeMillis: 5, OriginMillis: -7}, {SizeMillis: 5, Zone: "Asia/Kolkata"}, {Days: 7, Zone: "Europe/Berlin", OriginMillis: 1},
		{Months: 3}, {Months: 1, Zone: "America/New_York"},
	} {
		for _, unit := range []int64{0, 1, 1_000_000_000} {
			of := table
			of.Bucket, of.UnitNanos = b, unit
			e := &Edit{Tables: []mutation.Table{of}}
			got, err := DecodeEdit(AppendEdit(nil, e))
			if err != nil || !reflect.DeepEqual(got, e) {
				t.Errorf("%+v became %+v, %v", e, got, err)
			}
		}
	}
	if got := appendBucketing(nil, partition.Bucketing{SizeMillis: 1, OriginMillis: -1}); !bytes.Equal(got, []byte{2, 1}) {
		t.Errorf("a fixed step is stored as %x", got)
	}
}

func TestCutEditIsCorrupt(t *testing.T) {
	whole := AppendEdit(nil, &Edit{Tables: []mutation.Table{table}})
	for cut := 1; cut < len(whole); cut++ {
		if _, err := DecodeEdit(whole[:cut]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}

func FuzzDecodeEdit(f *testing.F) {
	f.Add(AppendEdit(nil, fullEdit()))
	f.Fuzz(func(t *testing.T, src []byte) {
		e, err := DecodeEdit(src)
		if err != nil {
			return
		}
		again, err := DecodeEdit(AppendEdit(nil, e))
		if err != nil {
			t.Fatalf("%+v does not decode again: %v", e, err)
		}
		if !bytes.Equal(AppendEdit(nil, again), AppendEdit(nil, e)) {
			t.Fatalf("%+v became %+v", e, again)
		}
	})
}

var options = Options{NewStore: func() [16]byte { return [16]byte{5} }, Ignore: []string{"LOCK"}}

func mustOpen(t *testing.T, fs vfs.FS, opts Options) *Manifest {
	t.Helper()
	m, err := Open(fs, "data", opts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustNot(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newDirectory(t *testing.T) *vfs.Mem {
	t.Helper()
	mem := vfs.NewMem()
	mustNot(t, mem.MkdirAll("data"))
	return mem
}

// fill commits edits and returns the state after each, the first being that of an empty store.
func fill(t *testing.T, m *Manifest) []*State {
	t.Helper()
	states := []*State{m.State()}
	for n := uint64(1); n < 12; n++ {
		e := &Edit{AddedFiles: []File{{Table: table.ID, Number: n, Rows: int64(n)}}, Epochs: []Epoch{{table.ID, n}}, LogStart: n}
		if n == 1 {
			e.Tables, e.Schema = []mutation.Table{table}, []byte("blob")
		}
		if n%3 == 0 {
			e.RemovedFiles = []uint64{n - 1}
		}
		mustNot(t, m.Commit(e))
		states = append(states, m.State())
	}
	return states
}

func TestReopenFindsTheState(t *testing.T) {
	for _, rotate := range []int64{0, 200} { // with and without new manifests on the way
		mem := newDirectory(t)
		opts := options
		opts.RotateBytes = rotate
		m := mustOpen(t, mem, opts)
		states := fill(t, m)
		mustNot(t, m.Close(Place{}))
		m = mustOpen(t, mem.CrashClone(rand.New(rand.NewPCG(1, 1)), 0), opts)
		if want := states[len(states)-1]; !reflect.DeepEqual(m.State(), want) {
			t.Errorf("state %+v, want %+v", m.State(), want)
		}
		mustNot(t, m.Close(Place{}))
		names, err := mem.List("data")
		mustNot(t, err)
		if len(names) != 2 {
			t.Errorf("files are left over: %v", names)
		}
	}
}

// TestCutOrDamagedManifest: a cut is a torn tail and ends with the last whole edit; damage with a
// whole edit behind it is refused.
func TestCutOrDamagedManifest(t *testing.T) {
	mem := newDirectory(t)
	m := mustOpen(t, mem, options)
	states := fill(t, m)
	mustNot(t, m.Close(Place{}))
	file, err := mem.Open("data/" + fileName(1))
	mustNot(t, err)
	whole, err := readAll(file)
	mustNot(t, err)
	mustNot(t, file.Close())
	last := 0
	for at := headerBytes + 1; at <= len(whole); at++ {
		state, _, err := decodeFile(whole[:at], 1)
		if err != nil && (last > 0 || !errors.Is(err, ErrCorrupt)) {
			t.Fatalf("cut at %d: %v", at, err)
		}
		if err != nil {
			continue // not even the snapshot, which was synced before the marker
		}
		n := slices.IndexFunc(states, func(s *State) bool { return reflect.DeepEqual(s, state) })
		if n < last {
			t.Fatalf("cut at %d: a state that never was, or an older one: %+v", at, state)
		}
		last = n
	}
	if last != len(states)-1 {
		t.Errorf("the whole manifest leads to state %d of %d", last, len(states))
	}
	tail := len(whole) - 60
	for at := range tail {
		data := slices.Clone(whole)
		data[at] ^= 4
		if _, _, err := decodeFile(data, 1); err == nil {
			t.Fatalf("byte %d is damaged and nobody notices", at)
		}
	}
}

func TestOtherDirectoriesAreRefused(t *testing.T) {
	mem := newDirectory(t)
	create := func(name string, data []byte) {
		f, err := mem.Create("data/" + name)
		mustNot(t, err)
		_, err = f.WriteAt(data, 0)
		mustNot(t, err)
		mustNot(t, f.Close())
	}
	create("notes", nil)
	if _, err := Open(mem, "data", options); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "notes") {
		t.Errorf("a directory of something else: %v", err)
	}
	mustNot(t, mem.Remove("data/notes"))
	create("LOCK", nil)
	mustNot(t, mustOpen(t, mem, options).Close(Place{}))
	other := appendHeader(nil, [16]byte{5})
	other[8] = 77
	other = other[:headerBytes-4]
	create(fileName(1), appendChecksum(other))
	if _, err := Open(mem, "data", options); !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "77") {
		t.Errorf("another version: %v", err)
	}
	mustNot(t, mem.Remove("data/"+fileName(1)))
	if _, err := Open(mem, "data", options); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a marker without its manifest: %v", err)
	}
}

func TestUnfinishedManifestDoesNotCount(t *testing.T) {
	mem := newDirectory(t)
	m := mustOpen(t, mem, options)
	states := fill(t, m)
	mustNot(t, m.Close(Place{}))
	f, err := mem.Create("data/" + fileName(9))
	mustNot(t, err)
	mustNot(t, f.Close())
	m = mustOpen(t, mem, options)
	if !reflect.DeepEqual(m.State(), states[len(states)-1]) {
		t.Errorf("state %+v", m.State())
	}
	mustNot(t, m.Close(Place{}))
	if _, err := mem.Stat("data/" + fileName(9)); err == nil {
		t.Error("it is still there")
	}
}

func TestFullDiskRefusesTheEditOnly(t *testing.T) {
	full := false
	mem := newDirectory(t)
	m := mustOpen(t, vfs.NewFaulty(mem, func(op vfs.Op) error {
		if full && (op.Kind == vfs.OpWrite || op.Kind == vfs.OpCreate) {
			return syscall.ENOSPC
		}
		return nil
	}), options)
	mustNot(t, m.Commit(&Edit{Tables: []mutation.Table{table}}))
	full = true
	before := m.State()
	if err := m.Commit(fullEditFor(5)); !errors.Is(err, ErrDiskFull) || m.State() != before {
		t.Fatalf("on a full disk: %v", err)
	}
	full = false
	mustNot(t, m.Commit(fullEditFor(6)))
	want := m.State()
	mustNot(t, m.Close(Place{}))
	m = mustOpen(t, mem, options)
	if !reflect.DeepEqual(m.State(), want) {
		t.Errorf("state %+v, want %+v", m.State(), want)
	}
	mustNot(t, m.Close(Place{}))
}

func fullEditFor(n uint64) *Edit {
	return &Edit{AddedFiles: []File{{Table: table.ID, Number: n}}, Schema: bytes.Repeat([]byte{byte(n)}, int(n)*10)}
}

func TestFailedSyncIsNotTriedAgain(t *testing.T) {
	syncs, broken := 0, false
	mem := newDirectory(t)
	m := mustOpen(t, vfs.NewFaulty(mem, func(op vfs.Op) error {
		if op.Kind != vfs.OpSync || !broken {
			return nil
		}
		if syncs++; syncs == 1 {
			return errors.New("injected")
		}
		return nil
	}), options)
	broken = true
	for range 3 {
		if err := m.Commit(&Edit{Sequence: 9}); !errors.Is(err, ErrFailed) {
			t.Fatalf("after a failed sync: %v", err)
		}
	}
	if syncs != 1 {
		t.Errorf("%d syncs", syncs)
	}
	mustNot(t, m.Close(Place{}))
}

// TestGoldenEdit compares the bytes of an edit with those on the format page.
func TestGoldenEdit(t *testing.T) {
	e := &Edit{RemovedFiles: []uint64{300}, Schema: []byte("hi"), LogStart: 4}
	want := []byte{2, 2, 0xac, 0x02, 4, 2, 'h', 'i', 7, 1, 4}
	if got := AppendEdit(nil, e); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}
