package lsm

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// row is one row with an int cell and liveness.
func rowMutation(t *mutation.Table, key int, millis, timestamp int64) mutation.Mutation {
	m := pair(keyOf(key), timestamp)[0]
	m.Table = t.ID
	m.Rows[0].Clustering = rowKey(t, millis)
	return m
}

func openWith(t *testing.T, opts Options) *Store {
	t.Helper()
	s := mustOpen(t, opts)
	mustNot(t, s.PutSchema([]byte("schema"), testTables()))
	return s
}

func mustApply(t *testing.T, s *Store, ms ...mutation.Mutation) uint64 {
	t.Helper()
	sequence, err := s.Apply(ms)
	mustNot(t, err)
	return sequence
}

func filesOf(s *Store, id mutation.TableID) []*file {
	v, _ := s.acquire()
	defer v.unref()
	return v.tables[id].files
}

func TestDirectoryIsLocked(t *testing.T) {
	mem := vfs.NewMem()
	opts := testOptions(mem, clock.NewManual(start))
	s := mustOpen(t, opts)
	if _, err := Open(opts); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	mustNot(t, s.Close())
	mustNot(t, mustOpen(t, opts).Close())
}

func TestLockNamesItsHolder(t *testing.T) {
	opts := testOptions(vfs.OS, clock.NewManual(start))
	opts.Dir = vfs.Join(t.TempDir(), "data")
	s := openWith(t, opts)
	table := testTable(1)
	mustApply(t, s, rowMutation(&table, 1, 5, 5))
	mustNot(t, s.FlushAll())
	mustApply(t, s, rowMutation(&table, 1, 6, 6))
	_, err := Open(opts)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "process ") {
		t.Errorf("opened twice: %v", err)
	}
	mustNot(t, s.Close())
	s = mustOpen(t, opts)
	v := s.View()
	text, err := readText(v, &table, allOf(&table, keyOf(1)), 0)
	if err != nil || strings.Count(text, "\n") != 2 {
		t.Errorf("after reopening: %v\n%s", err, text)
	}
	v.Close()
	mustNot(t, s.Close())
}

func TestForeignDirectoryIsRefused(t *testing.T) {
	mem := vfs.NewMem()
	mustNot(t, mem.MkdirAll("data"))
	f, err := mem.Create("data/letter.txt")
	mustNot(t, err)
	mustNot(t, f.Close())
	_, err = Open(testOptions(mem, clock.NewManual(start)))
	if !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "letter.txt") {
		t.Errorf("a directory of something else: %v", err)
	}
	if names, _ := mem.List("data"); len(names) != 1 {
		t.Errorf("it was changed: %v", names)
	}
}

func TestClosedStoreRefuses(t *testing.T) {
	s := openWith(t, testOptions(vfs.NewMem(), clock.NewManual(start)))
	mustNot(t, s.Close())
	mustNot(t, s.Close())
	if _, err := s.Apply(pair(keyOf(1), 1)); !errors.Is(err, ErrClosed) {
		t.Errorf("write: %v", err)
	}
	if err := s.Flush(testTable(1).ID); !errors.Is(err, ErrClosed) {
		t.Errorf("flush: %v", err)
	}
	v := s.View()
	table := testTable(1)
	if _, err := v.Read(table.ID, allOf(&table, keyOf(1))); !errors.Is(err, ErrClosed) {
		t.Errorf("read: %v", err)
	}
	v.Close()
}

func TestOverloadedAndTooLarge(t *testing.T) {
	opts := testOptions(vfs.NewMem(), clock.NewManual(start))
	opts.MemoryBytesMax, opts.RecordBytesMax = 256<<10, 100<<10
	s := openWith(t, opts)
	table := testTable(1)
	big := rowMutation(&table, 1, 1, 1)
	big.Rows[0].Cells = append(big.Rows[0].Cells, mutation.Cell{
		Column: columnText, Timestamp: 1, ExpiresAt: mutation.Forever, Value: bytes.Repeat([]byte{'x'}, 100<<10),
	})
	if _, err := s.Apply([]mutation.Mutation{big}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a record beyond the limit: %v", err)
	}
	big.Rows[0].Cells[1].Value = big.Rows[0].Cells[1].Value[:90<<10]
	var err error
	n := 0
	for ; err == nil && n < 100; n++ {
		big.Rows[0].Clustering = rowKey(&table, int64(n))
		_, err = s.Apply([]mutation.Mutation{big})
	}
	if !errors.Is(err, ErrOverloaded) {
		t.Fatalf("after %d writes: %v", n, err)
	}
	mustNot(t, s.FlushAll())
	mustApply(t, s, big)
	mustNot(t, s.Close())
}

func TestUnknownTable(t *testing.T) {
	s := openWith(t, testOptions(vfs.NewMem(), clock.NewManual(start)))
	table := testTable(9)
	if _, err := s.Apply([]mutation.Mutation{rowMutation(&table, 1, 1, 1)}); !errors.Is(err, ErrUnknownTable) {
		t.Errorf("write: %v", err)
	}
	for _, err := range []error{s.Flush(table.ID), s.Compact(table.ID), s.Truncate([]mutation.TableID{table.ID})} {
		if !errors.Is(err, ErrUnknownTable) {
			t.Error(err)
		}
	}
	mustNot(t, s.Close())
}

// TestWindows: a flush of a bucketed table writes a file a window that is worth it, rows beyond flushFilesMax into a
// mixed one, which compaction splits; a read opens only the windows it asks for.
func TestWindows(t *testing.T) {
	opts := testOptions(vfs.NewMem(), clock.NewManual(start))
	opts.Tuning.ShareRows = 1
	s := openWith(t, opts)
	table := testTable(2)
	const windows = flushFilesMax + 5
	base := start.UnixMilli()
	for n := range int64(windows) {
		mustApply(t, s, rowMutation(&table, 1, base+n*bucketMillis, n+1))
	}
	mustNot(t, s.Flush(table.ID))
	if n := len(filesOf(s, table.ID)); n != flushFilesMax+1 {
		t.Fatalf("%d files after the flush", n)
	}
	mustNot(t, s.compactAsNeeded())
	files := filesOf(s, table.ID)
	if len(files) != windows {
		t.Fatalf("%d files after compaction, %d windows", len(files), windows)
	}
	req := allOf(&table, keyOf(1))
	from, to := rowKey(&table, base+5*bucketMillis), rowKey(&table, base+2*bucketMillis)
	req.Slices = clustering.MakeSlices([]clustering.Slice{{Start: clustering.Before(from), End: clustering.After(to)}})
	v := s.View()
	text, err := readText(v, &table, req, 0)
	if err != nil || strings.Count(text, "\n") != 4 {
		t.Errorf("%v\n%s", err, text)
	}
	if opened := filesOpened(t, v, &table, req, 0); opened < 4 || opened > 5 {
		t.Errorf("%d files were opened for four windows", opened)
	}
	for _, reverse := range []bool{false, true} {
		last := allOf(&table, keyOf(1))
		last.Reverse, last.RowsMax = reverse, 1
		if opened := filesOpened(t, v, &table, last, 1); opened > 2 {
			t.Errorf("%d files were opened for one row, reverse %v", opened, reverse)
		}
		if opened := filesOpened(t, v, &table, last, 0); opened != windows {
			t.Errorf("%d files were opened for all rows", opened)
		}
	}
	v.Close()
	if st := s.Statistics(); len(st.Tables[1].Buckets) != windows || st.Tables[1].FileRows != windows {
		t.Errorf("statistics: %+v", st.Tables[1])
	}
	mustNot(t, s.Close())
}

// filesOpened reads so many batches, 0 for all, and returns how many files that took.
func filesOpened(t *testing.T, v *View, table *mutation.Table, req mutation.ReadRequest, batches int) int {
	t.Helper()
	var cost mutation.ReadStatistics
	req.Statistics = &cost
	r, err := v.Read(table.ID, req)
	mustNot(t, err)
	defer r.Close()
	for n := 0; batches == 0 || n < batches; n++ {
		batch, err := r.Next()
		mustNot(t, err)
		if batch == nil {
			break
		}
	}
	return cost.Files
}

// TestCompactionComesToRest: rows whose event time is not known stay in a file of no window, which
// must not be split again and again.
func TestCompactionComesToRest(t *testing.T) {
	opts := testOptions(vfs.NewMem(), clock.NewManual(start))
	compactions := 0
	opts.Events.Compacted = func(CompactInfo) { compactions++ }
	s := openWith(t, opts)
	table := testTable(2)
	timeless := rowMutation(&table, 1, 0, 1)
	timeless.Rows[0].Clustering = table.Clustering[0].Append(nil, []byte{})
	mustApply(t, s, timeless, rowMutation(&table, 1, 5, 2))
	mustNot(t, s.Flush(table.ID))
	mustNot(t, s.compactAsNeeded())
	mustNot(t, s.Close())
	s = mustOpen(t, opts)
	mustNot(t, s.compactAsNeeded())
	mustNot(t, s.compactAsNeeded())
	if compactions > 1 {
		t.Errorf("%d compactions of two files", compactions)
	}
	mustNot(t, s.Close())
}

// TestExpiredFileGoesUnread: what has ended everywhere is unlinked, though memtables hold newer data.
func TestExpiredFileGoesUnread(t *testing.T) {
	clk := clock.NewManual(start)
	mem := vfs.NewMem()
	s := openWith(t, testOptions(mem, clk))
	table := testTable(1)
	m := rowMutation(&table, 1, 1, 100)
	end := clk.Now().Unix() + 10
	m.Rows[0].Live.TTL, m.Rows[0].Live.ExpiresAt = 10, end
	m.Rows[0].Cells[0].TTL, m.Rows[0].Cells[0].ExpiresAt = 10, end
	mustApply(t, s, m)
	mustNot(t, s.Flush(table.ID))
	mustApply(t, s, rowMutation(&table, 1, 2, 200))
	mustNot(t, s.compactAsNeeded())
	if n := len(filesOf(s, table.ID)); n != 1 {
		t.Fatalf("%d files before the end", n)
	}
	clk.Advance(11 * time.Second)
	mustNot(t, s.compactAsNeeded())
	if n := len(filesOf(s, table.ID)); n != 0 {
		t.Errorf("%d files after the end", n)
	}
	names, err := mem.List("data")
	mustNot(t, err)
	for _, name := range names {
		if strings.HasSuffix(name, ".sst") {
			t.Errorf("%s is still there", name)
		}
	}
	mustNot(t, s.Close())
}

// TestExpiredStaysWhereItIsStillRead: of a table that keeps what has expired, neither a file nor a value
// goes, by itself or in a merge (R41).
func TestExpiredStaysWhereItIsStillRead(t *testing.T) {
	clk := clock.NewManual(start)
	table := testTable(1)
	table.KeepExpired = true
	s := mustOpen(t, testOptions(vfs.NewMem(), clk))
	mustNot(t, s.PutSchema(nil, []mutation.Table{table}))
	end := clk.Now().Unix() + 10
	for millis := range int64(8) {
		m := rowMutation(&table, 1, millis, 100+millis)
		m.Rows[0].Live.TTL, m.Rows[0].Live.ExpiresAt = 10, end
		m.Rows[0].Cells[0].TTL, m.Rows[0].Cells[0].ExpiresAt = 10, end
		mustApply(t, s, m)
		mustNot(t, s.Flush(table.ID))
	}
	clk.Advance(100 * 24 * time.Hour)
	mustNot(t, s.compactAsNeeded())
	v := s.View()
	_, rows, err := v.Rows(table.ID, keyOf(1), clustering.All())
	mustNot(t, err)
	n := 0
	for {
		row, err := rows.Next()
		mustNot(t, err)
		if row == nil {
			break
		}
		if len(row.Cells) != 1 || len(row.Cells[0].Value) == 0 || row.Live.IsNone() {
			t.Errorf("row %d has lost something: %+v", n, row)
		}
		n++
	}
	v.Close()
	if n != 8 {
		t.Errorf("%d rows of 8 are left", n)
	}
	mustNot(t, s.Close())
}

// TestTombstoneStaysWhileSomethingOlderIsElsewhere: compaction of one file must not forget a deletion
// that hides a row in a memtable (R33).
func TestTombstoneStaysWhileSomethingOlderIsElsewhere(t *testing.T) {
	clk := clock.NewManual(start)
	s := openWith(t, testOptions(vfs.NewMem(), clk))
	table := testTable(4)
	deletion := mutation.Mutation{Table: table.ID, Key: keyOf(1), Deletion: mutation.Deletion{MarkedAt: 500, LocalSec: clk.Now().Unix()}}
	mustApply(t, s, deletion)
	mustNot(t, s.Flush(table.ID))
	mustApply(t, s, rowMutation(&table, 1, 1, 100))
	clk.Advance(time.Hour)
	for range 2 {
		mustNot(t, s.Compact(table.ID))
		v := s.View()
		text, err := readText(v, &table, allOf(&table, keyOf(1)), 0)
		if err != nil || text != "" {
			t.Errorf("a deleted row shows: %v\n%s", err, text)
		}
		v.Close()
		mustNot(t, s.Flush(table.ID))
	}
	if files := filesOf(s, table.ID); len(files) != 0 {
		t.Errorf("%d files hold deletions that hide nothing", len(files))
	}
	mustNot(t, s.Close())
}

func TestLogLimitFlushesTheOldest(t *testing.T) {
	opts := testOptions(vfs.NewMem(), clock.NewManual(start))
	opts.LogBytesMax = 40 << 10
	s := openWith(t, opts)
	first, second := testTable(1), testTable(4)
	for n := int64(0); s.log.End().Segment < 2; n++ {
		mustApply(t, s, rowMutation(&first, 1, n, n))
	}
	for n := int64(0); s.log.Bytes() <= opts.LogBytesMax; n++ {
		mustApply(t, s, rowMutation(&second, 1, n, n))
	}
	table, found := s.flushCandidate()
	if !found || table != first.ID {
		t.Errorf("to be flushed: %x, %v", table, found)
	}
	mustNot(t, s.flushAsNeeded())
	if s.log.Bytes() > opts.LogBytesMax {
		t.Errorf("the log has %d bytes", s.log.Bytes())
	}
	mustNot(t, s.Close())
	mustNot(t, mustOpen(t, opts).Close())
}

func TestAlterKeepsData(t *testing.T) {
	opts := testOptions(vfs.NewMem(), clock.NewManual(start))
	s := openWith(t, opts)
	table := testTable(1)
	mustApply(t, s, rowMutation(&table, 1, 1, 1))
	mustNot(t, s.Flush(table.ID))
	mustApply(t, s, rowMutation(&table, 1, 2, 2))
	before := s.View()
	altered := testTable(1)
	altered.Columns = append(altered.Columns[1:3:3], mutation.Column{ID: 9, Physical: mutation.PhysicalBytes})
	mustNot(t, s.PutSchema([]byte("altered"), []mutation.Table{altered}))
	added := rowMutation(&altered, 1, 3, 3)
	added.Rows[0].Cells = []mutation.Cell{{Column: 9, Timestamp: 3, ExpiresAt: mutation.Forever, Value: []byte("new")}}
	mustApply(t, s, added)
	for round := range 3 {
		v := s.View()
		text, err := readText(v, &altered, allOf(&altered, keyOf(1)), 0)
		if err != nil || strings.Count(text, "\n") != 3 || strings.Count(text, "=") != 1 {
			t.Errorf("round %d: %v\n%s", round, err, text)
		}
		v.Close()
		if round == 0 {
			mustNot(t, s.Flush(table.ID))
			mustNot(t, s.Compact(table.ID))
			continue
		}
		before.Close()
		mustNot(t, s.Close())
		s = mustOpen(t, opts)
	}
	mustNot(t, s.Close())
}

// TestLatestViewSeesBeforeTheSync: a reader under a latch sees what is applied, users only what is durable.
func TestLatestViewSeesBeforeTheSync(t *testing.T) {
	s := openWith(t, testOptions(vfs.NewMem(), clock.NewManual(start)))
	table := testTable(1)
	sequence, err := s.ApplyUnsynced([]mutation.Mutation{rowMutation(&table, 1, 1, 1)})
	mustNot(t, err)
	latest, user := s.LatestView(), s.View()
	for _, c := range []struct {
		view *View
		rows int
	}{{latest, 1}, {user, 0}} {
		text, err := readText(c.view, &table, allOf(&table, keyOf(1)), 0)
		if err != nil || strings.Count(text, "\n") != c.rows {
			t.Errorf("want %d rows: %v\n%s", c.rows, err, text)
		}
		c.view.Close()
	}
	if latest.Sequence() != sequence {
		t.Errorf("the latest view is at %d, the record at %d", latest.Sequence(), sequence)
	}
	mustNot(t, s.WaitDurable(latest.Sequence()))
	v := s.View()
	if v.Sequence() != sequence {
		t.Errorf("visible %d, durable %d", v.Sequence(), sequence)
	}
	v.Close()
	mustNot(t, s.Close())
}

func TestFrontier(t *testing.T) {
	s := openWith(t, testOptions(vfs.NewMem(), clock.NewManual(start)))
	table := testTable(1)
	frontier := func(key int) (Frontier, bool) {
		v := s.View()
		defer v.Close()
		f, found, err := v.Frontier(table.ID, keyOf(key))
		mustNot(t, err)
		return f, found
	}
	mustApply(t, s, rowMutation(&table, 1, 50, 1))
	mustNot(t, s.Flush(table.ID))
	mustApply(t, s, rowMutation(&table, 1, 20, 2))
	f, found := frontier(1)
	if !found || !bytes.Equal(f.Last, rowKey(&table, 50)) || f.HasRanges {
		t.Errorf("%v %+v", found, f)
	}
	end := clustering.After(rowKey(&table, 90))
	mustApply(t, s, mutation.Mutation{Table: table.ID, Key: keyOf(1), Ranges: []mutation.RangeTombstone{{
		Slice: clustering.Slice{Start: clustering.Before(nil), End: end}, Deletion: mutation.Deletion{MarkedAt: 5, LocalSec: 1},
	}}})
	for range 2 {
		if f, _ = frontier(1); !f.HasRanges || f.Ranges.End.Compare(end) != 0 {
			t.Errorf("%+v", f)
		}
		mustNot(t, s.Flush(table.ID))
	}
	if _, found := frontier(2); found {
		t.Error("a partition that is not there has a frontier")
	}
	mustNot(t, s.Close())
}

func TestKeysOfRange(t *testing.T) {
	s := openWith(t, testOptions(vfs.NewMem(), clock.NewManual(start)))
	table := testTable(1)
	for n := range 40 {
		mustApply(t, s, rowMutation(&table, n, 1, int64(n)))
		if n%15 == 14 {
			mustNot(t, s.Flush(table.ID))
		}
	}
	r := partition.Range{Start: -1 << 62, HasStart: true, End: 1 << 62, HasEnd: true}
	want := 0
	for n := range 40 {
		if r.Contains(keyOf(n).Token) {
			want++
		}
	}
	v := s.View()
	it, err := v.Keys(table.ID, r)
	mustNot(t, err)
	got := 0
	for k, err := it.Next(); k != nil; k, err = it.Next() {
		mustNot(t, err)
		if !r.Contains(k.Token) {
			t.Error(fmt.Sprint("key outside: ", k))
		}
		got++
	}
	it.Close()
	v.Close()
	if got != want {
		t.Errorf("%d keys, want %d", got, want)
	}
	mustNot(t, s.Close())
}

// TestReadDecodesNoMoreThanAsked: a limit keeps the first batch small in both lanes.
func TestReadDecodesNoMoreThanAsked(t *testing.T) {
	s := openWith(t, testOptions(vfs.NewMem(), clock.NewManual(start)))
	table := testTable(1)
	for n := range int64(500) {
		mustApply(t, s, rowMutation(&table, 1, n, n+1))
	}
	for range 2 {
		v := s.View()
		req := allOf(&table, keyOf(1))
		req.RowsMax, req.Reverse = 1, true
		r, err := v.Read(table.ID, req)
		mustNot(t, err)
		b, err := r.Next()
		mustNot(t, err)
		if b.Rows > wantMin || b.Clustering[0].Int(0) != 499 {
			t.Errorf("the first batch has %d rows from %d", b.Rows, b.Clustering[0].Int(0))
		}
		r.Close()
		v.Close()
		mustNot(t, s.Flush(table.ID))
	}
	mustNot(t, s.Close())
}

// A row that is written over and over takes no more memory than a few versions, unless a View may ask for each.
func TestOverwritingOneRowStaysSmall(t *testing.T) {
	store := openWith(t, testOptions(vfs.NewMem(), clock.NewManual(start)))
	table := testTable(1)
	write := func(n int) (grown int64) {
		before := store.Statistics().MemoryBytes
		for i := range n {
			mustApply(t, store, rowMutation(&table, 1, start.UnixMilli(), int64(n+i)))
		}
		return store.Statistics().MemoryBytes - before
	}
	write(100)
	few := write(20_000)
	held := store.View()
	want := allOf(&table, keyOf(1))
	before, err := readText(held, &table, want, 0)
	mustNot(t, err)
	write(2000)
	after, err := readText(held, &table, want, 0)
	mustNot(t, err)
	if before != after {
		t.Errorf("a View shows\n%swhere it showed\n%s", after, before)
	}
	held.Close()
	if few > 300_000 {
		t.Errorf("20,000 versions of a row took %d bytes", few)
	}
	mustNot(t, store.Close())
}
