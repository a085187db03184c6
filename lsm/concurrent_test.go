package lsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// pair is one group of two tables: the same row in both.
func pair(key partition.DecoratedKey, n int64) []mutation.Mutation {
	t := testTable(1)
	value := binary.BigEndian.AppendUint32(nil, uint32(n))
	row := mutation.Row{
		Clustering: rowKey(&t, n),
		Live:       mutation.Liveness{Timestamp: n + 1, ExpiresAt: mutation.Forever},
		Cells:      []mutation.Cell{{Column: columnInt, Timestamp: n + 1, ExpiresAt: mutation.Forever, Value: value}},
	}
	return []mutation.Mutation{
		{Table: testTable(1).ID, Key: key, Rows: []mutation.Row{row}},
		{Table: testTable(4).ID, Key: key, Rows: []mutation.Row{row}},
	}
}

// applyPersistently applies ms, however often the store is overloaded.
func applyPersistently(s *Store, ms []mutation.Mutation) (uint64, error) {
	for {
		sequence, err := s.Apply(ms)
		if !errors.Is(err, ErrOverloaded) {
			return sequence, err
		}
		runtime.Gosched()
	}
}

// TestWritersAndReaders writes pairs from several goroutines while memtables are flushed and files
// compacted: every View shows both halves of each pair, and shows the same when it is read again.
func TestWritersAndReaders(t *testing.T) {
	for _, mode := range []LogMode{LogGroup, LogBatch, LogPeriodic} {
		t.Run(mode.String(), func(t *testing.T) { writersAndReaders(t, mode) })
	}
}

func writersAndReaders(t *testing.T, mode LogMode) {
	const writers, each = 4, 300
	mem := vfs.NewMem()
	opts := testOptions(mem, clock.NewManual(start))
	opts.LogMode, opts.MemtableBytes, opts.LogBytesMax = mode, 24<<10, 48<<10
	opts.Tuning = Tuning{LogSegmentBytes: 16 << 10}
	opts.CacheBytes = 64 << 10 // so that blocks come and go
	var flushed, compacted atomic.Int64
	opts.Events.Flushed = func(FlushInfo) { flushed.Add(1) }
	opts.Events.Compacted = func(CompactInfo) { compacted.Add(1) }
	opts.Events.Failed = func(err error) { t.Error(err) }
	s := mustOpen(t, opts)
	mustNot(t, s.PutSchema(nil, testTables()))
	var done [writers]atomic.Int64
	var writing, reading sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for n := range int64(each) {
				if _, err := applyPersistently(s, pair(keyOf(w), n)); err != nil {
					t.Error(err)
					return
				}
				done[w].Store(n + 1)
			}
		})
	}
	stop := make(chan struct{})
	for range 2 {
		reading.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				w := n % writers
				if err := readPair(s, keyOf(w), done[w].Load()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	writing.Wait()
	close(stop)
	reading.Wait()
	mustNot(t, s.FlushAll())
	mustNot(t, s.Compact(testTable(1).ID))
	for w := range writers {
		mustNot(t, readPair(s, keyOf(w), each))
	}
	mustNot(t, s.Close())
	if flushed.Load() == 0 || compacted.Load() == 0 {
		t.Errorf("%d flushes, %d compactions", flushed.Load(), compacted.Load())
	}
	s = mustOpen(t, opts)
	for w := range writers {
		mustNot(t, readPair(s, keyOf(w), each))
	}
	mustNot(t, s.Close())
}

// readPair checks one View: at least so many rows, the same in both tables, the same twice.
func readPair(s *Store, key partition.DecoratedKey, atLeast int64) error {
	v := s.View()
	defer v.Close()
	var texts [4]string
	for i := range texts {
		table := testTable([]byte{1, 4, 4, 1}[i])
		text, err := readText(v, &table, allOf(&table, key), 0)
		if err != nil {
			return err
		}
		texts[i] = text
	}
	if texts[0] != texts[1] || texts[0] != texts[3] || texts[1] != texts[2] {
		return fmt.Errorf("view %d of %s: the tables differ:\n%s---\n%s---\n%s---\n%s", v.Sequence(), key, texts[0], texts[1], texts[2], texts[3])
	}
	rows := int64(0)
	for _, c := range texts[0] {
		if c == '\n' {
			rows++
		}
	}
	if rows < atLeast {
		return fmt.Errorf("view %d of %s: %d rows, %d were acknowledged", v.Sequence(), key, rows, atLeast)
	}
	return nil
}

// TestTruncateAndDropWhileWriting changes the schema under writers: they succeed or are told that
// the table is not there, and nothing that was dropped comes back.
func TestTruncateAndDropWhileWriting(t *testing.T) {
	mem := vfs.NewMem()
	opts := testOptions(mem, clock.NewManual(start))
	opts.MemtableBytes, opts.Tuning.NoBackground = 16<<10, false
	opts.Events.Failed = func(err error) { t.Error(err) }
	s := mustOpen(t, opts)
	mustNot(t, s.PutSchema(nil, testTables()))
	var writing sync.WaitGroup
	for w := range 3 {
		writing.Go(func() {
			for n := range int64(200) {
				if _, err := applyPersistently(s, pair(keyOf(w), n)); err != nil && !errors.Is(err, ErrUnknownTable) {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 10 {
		mustNot(t, s.Truncate([]mutation.TableID{testTable(1).ID, testTable(4).ID}))
	}
	mustNot(t, s.PutSchema([]byte("two"), testTables()[:3]))
	writing.Wait()
	mustNot(t, s.Truncate([]mutation.TableID{testTable(1).ID}))
	mustNot(t, s.Close())
	s = mustOpen(t, opts)
	v := s.View()
	table := testTable(1)
	for w := range 3 {
		if text, err := readText(v, &table, allOf(&table, keyOf(w)), 0); err != nil || text != "" {
			t.Errorf("after TRUNCATE and restart: %v\n%s", err, text)
		}
	}
	if _, err := v.Read(testTable(4).ID, allOf(&table, keyOf(0))); !errors.Is(err, ErrUnknownTable) {
		t.Errorf("a dropped table can be read: %v", err)
	}
	if string(s.Schema()) != "two" || len(s.Tables()) != 3 {
		t.Errorf("schema %q, %d tables", s.Schema(), len(s.Tables()))
	}
	v.Close()
	mustNot(t, s.Close())
}
