package lsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// logged runs a script whose log holds much that is not in files, and some that is.
func logged(seed uint64) (*script, *vfs.Mem) {
	mem := vfs.NewMem()
	s := newScript(mem, seed)
	s.open()
	for i := range 120 {
		if i%25 == 24 {
			s.failed(s.store.Flush(s.gen.tables[i/25%4].ID))
		}
		s.write()
	}
	return s, mem
}

// little is options under which a recovery cannot hold in memory what the log has.
func little(fs vfs.FS, c clock.Clock) Options {
	opts := testOptions(fs, c)
	opts.MemoryBytesMax = 16 << 10
	return opts
}

// tableFiles counts the table files in the data directory.
func tableFiles(t *testing.T, fs vfs.FS) (n int) {
	t.Helper()
	names, err := fs.List("data")
	mustNot(t, err)
	for _, name := range names {
		if strings.HasPrefix(name, "sstable-") {
			n++
		}
	}
	return n
}

// A recovery that does not fit memory writes files. Stopped before any operation on files it is found by the next
// one, with as little memory or with enough; and nothing is applied twice or lost.
func TestCrashInARecoveryThatSpills(t *testing.T) {
	every := 37
	if soak() {
		every = 1
	}
	s, mem := logged(43)
	before := mem.CrashClone(s.rng, 50)
	mustNot(t, s.store.Close())
	crash := rand.New(rand.NewPCG(4, 4))
	files := tableFiles(t, before)
	spilled := 0
	fs := vfs.NewFaulty(before, func(op vfs.Op) error {
		if op.Kind == vfs.OpCreate && strings.Contains(op.Name, "sstable-") {
			spilled++
		}
		if op.Index%every != 0 {
			return nil
		}
		clone := before.CrashClone(crash, []int{0, 50, 100}[crash.IntN(3)])
		again, err := Open(little(clone, s.clock))
		if err != nil {
			return fmt.Errorf("crash before operation %d, %s %s: %w", op.Index, op.Kind, op.Name, err)
		}
		if err := again.Close(); err != nil {
			return err
		}
		if err := s.verify(clone); err != nil {
			return fmt.Errorf("crash before operation %d, %s %s: %w", op.Index, op.Kind, op.Name, err)
		}
		return nil
	})
	store, err := Open(little(fs, s.clock))
	mustNot(t, err)
	if spilled < 3 || tableFiles(t, before) <= files {
		t.Errorf("%d files were spilled; %d files, before %d", spilled, tableFiles(t, before), files)
	}
	// Rows go where they went before: to memory, to files, and through a compaction that may purge.
	s.store = store
	for _, table := range s.gen.tables {
		mustNot(t, store.Compact(table.ID))
	}
	mustNot(t, s.verify(before.CrashClone(crash, 0)))
	mustNot(t, store.Close())
	mustNot(t, s.verify(before))
}

// A recovery of which an operation fails leaves nothing that the next one could trip over.
func TestRecoveryThatSpillsFailsOnce(t *testing.T) {
	s, mem := logged(47)
	crashed := mem.CrashClone(s.rng, 100)
	mustNot(t, s.store.Close())
	probe := vfs.NewFaulty(crashed.CrashClone(s.rng, 0), func(vfs.Op) error { return nil })
	store, err := Open(little(probe, s.clock))
	mustNot(t, err)
	total := probe.Count()
	mustNot(t, store.Close())
	step := max(total/40, 1)
	if soak() {
		step = 1
	}
	boom := errors.New("injected")
	for n := 0; n < total; n += step {
		clone := crashed.CrashClone(s.rng, 0)
		store, err := Open(little(vfs.NewFaulty(clone, func(op vfs.Op) error {
			if op.Index == n {
				return boom
			}
			return nil
		}), s.clock))
		if err == nil {
			_ = store.Close() // the failure was not in its way, or comes now
		} else if !errors.Is(err, boom) {
			t.Errorf("operation %d: %v", n, err)
		}
		mustNot(t, s.verify(clone))
	}
}

// standard is a batch of the standard workload: one tick of many devices.
func standard(table mutation.TableID, tick, rows int, rng *rand.Rand) []mutation.Mutation {
	ms := make([]mutation.Mutation, rows)
	at := int64(1_700_000_000_000+tick*10_000) * 1000
	double := func(v int) []byte { return binary.BigEndian.AppendUint64(nil, math.Float64bits(float64(v)/10)) }
	for i := range ms {
		cell := func(id mutation.ColumnID, b []byte) mutation.Cell {
			return mutation.Cell{Column: id, Timestamp: at, ExpiresAt: mutation.Forever, Value: b}
		}
		clustering := binary.BigEndian.AppendUint64([]byte{2}, uint64(at/1000)^1<<63)
		ms[i] = mutation.Mutation{Table: table, Key: partition.Decorate(fmt.Appendf(nil, "device-%06d", (tick*rows+i)%2000)), Rows: []mutation.Row{{
			Clustering: clustering, Live: mutation.Liveness{Timestamp: at, ExpiresAt: mutation.Forever},
			Cells: []mutation.Cell{cell(0, double(200+rng.IntN(99))), cell(1, double(400+rng.IntN(199))), cell(2, []byte{0, 0, 0, byte(80 + rng.IntN(9))}), cell(3, []byte("ok"))},
		}}}
	}
	return ms
}

func standardTable() mutation.Table {
	t := testTable(1)
	t.Columns = t.Columns[:0:0]
	for id, kind := range []*types.Type{types.Double, types.Double, types.Int, types.Text} {
		physical, width := mutation.PhysicalOf(kind)
		t.Columns = append(t.Columns, mutation.Column{ID: mutation.ColumnID(id), Physical: physical, Width: width})
	}
	return t
}

// BenchmarkRecovery opens a store whose rows are all in the log.
func BenchmarkRecovery(b *testing.B) {
	const batches, rows = 600, 500
	opts := Options{FS: vfs.OS, Dir: b.TempDir(), Clock: clock.System{}, LogMode: LogPeriodic, Tuning: Tuning{NoBackground: true}}
	s, err := Open(opts)
	if err != nil {
		b.Fatal(err)
	}
	table := standardTable()
	if err := s.PutSchema(nil, []mutation.Table{table}); err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range batches {
		if _, err := s.Apply(standard(table.ID, i, rows, rng)); err != nil {
			b.Fatal(err)
		}
	}
	logged := s.Statistics().Log
	for b.Loop() {
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if s, err = Open(opts); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(batches*rows*b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
	b.ReportMetric(float64(logged.Bytes)/(batches*rows), "logB/row")
	_ = s.Close()
}

// BenchmarkApply writes batches of the standard workload, each durable before the next.
func BenchmarkApply(b *testing.B) {
	const rows = 500
	for _, mode := range []LogMode{LogGroup, LogPeriodic} {
		b.Run(mode.String(), func(b *testing.B) {
			opts := Options{FS: vfs.OS, Dir: b.TempDir(), Clock: clock.System{}, LogMode: mode}
			s, err := Open(opts)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			table := standardTable()
			if err := s.PutSchema(nil, []mutation.Table{table}); err != nil {
				b.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(1, 1))
			var batches [][]mutation.Mutation
			for i := range 64 {
				batches = append(batches, standard(table.ID, i, rows, rng))
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if _, err := s.Apply(batches[n%len(batches)]); err != nil {
					b.Fatal(err)
				}
				n++
			}
			log := s.Statistics().Log
			b.ReportMetric(float64(b.N*rows)/b.Elapsed().Seconds()/1e6, "Mrows/s")
			b.ReportMetric(float64(log.SyncTime.Microseconds())/float64(max(log.Syncs, 1)), "µs/sync")
		})
	}
}
