package lsm

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// epochSteps are steps that a table had one after the other; between some of them it had none.
var epochSteps = []partition.Bucketing{
	{SizeMillis: 86_400_000}, {SizeMillis: 6 * 3_600_000}, {Days: 7, Zone: "Europe/Berlin"}, {}, {SizeMillis: 3_600_000, Zone: "Australia/Lord_Howe"},
	{Months: 1, Zone: "America/New_York"}, {SizeMillis: 86_400_000, OriginMillis: 7_200_000},
}

// epochWorld is a table whose step changes, and all rows that it must have.
type epochWorld struct {
	store *Store
	clock *clock.Manual
	table mutation.Table
	rng   *rand.Rand
	now   int64               // µs, of the next write
	rows  []map[string]uint32 // of each partition: values by clustering
}

const epochPartitions = 3

func newEpochWorld(t *testing.T, first clustering.Column, unit int64, seed uint64) *epochWorld {
	w := &epochWorld{clock: clock.NewManual(start), rng: rand.New(rand.NewPCG(seed, 5)), table: testTable(1), now: start.UnixMicro()}
	w.table.Clustering, w.table.UnitNanos = clustering.Layout{first}, unit
	opts := testOptions(vfs.NewMem(), w.clock)
	opts.Tuning.ShareRows = 300
	w.store = mustOpen(t, opts)
	t.Cleanup(func() { mustNot(t, w.store.Close()) })
	for range epochPartitions {
		w.rows = append(w.rows, map[string]uint32{})
	}
	return w
}

// key is the clustering of a time.
func (w *epochWorld) key(ms int64) []byte {
	var value []byte
	switch of := w.table.Clustering[0].Type; of.Kind() {
	case types.KindTimeUUID:
		value = types.MinTimeUUID(ms)
	case types.KindInt:
		value = types.AppendInt(nil, int32(ms/1000))
	case types.KindDate:
		value = types.AppendDate(nil, int32(ms/dayMillis))
	default:
		if w.table.UnitNanos > 0 {
			ms = ms * 1_000_000 / w.table.UnitNanos
		}
		value = types.AppendBigint(nil, ms)
	}
	enc, err := w.table.Clustering.Encode([][]byte{value})
	if err != nil {
		panic(err)
	}
	return enc
}

func (w *epochWorld) write(t *testing.T, ms int64) {
	n := w.rng.IntN(epochPartitions)
	w.now++
	value := w.rng.Uint32() >> 1
	key := w.key(ms)
	w.rows[n][string(key)] = value
	mustApply(t, w.store, mutation.Mutation{Table: w.table.ID, Key: keyOf(n), Rows: []mutation.Row{{
		Clustering: key, Live: mutation.Liveness{Timestamp: w.now, ExpiresAt: mutation.Forever},
		Cells: []mutation.Cell{{Column: columnInt, Timestamp: w.now, ExpiresAt: mutation.Forever, Value: binary.BigEndian.AppendUint32(nil, value)}},
	}}})
}

// delete deletes the rows from one time to another in a partition.
func (w *epochWorld) delete(t *testing.T, n int, from, to int64) {
	w.now++
	in := clustering.Slice{Start: clustering.Before(w.key(from)), End: clustering.Before(w.key(to))}
	if w.table.Clustering[0].Desc {
		in = clustering.Slice{Start: clustering.After(w.key(to)), End: clustering.After(w.key(from))}
	}
	for key := range w.rows[n] {
		if in.Contains([]byte(key)) {
			delete(w.rows[n], key)
		}
	}
	mustApply(t, w.store, mutation.Mutation{Table: w.table.ID, Key: keyOf(n), Ranges: []mutation.RangeTombstone{{
		Slice: in, Deletion: mutation.Deletion{MarkedAt: w.now, LocalSec: w.clock.Now().Unix()},
	}}})
}

// drain compacts until there is nothing to do. It fails if that takes for ever.
func (w *epochWorld) drain(t *testing.T) {
	for n := 0; ; n++ {
		more, err := w.store.compactNext(w.table.ID)
		mustNot(t, err)
		if !more {
			return
		}
		if n > 2000 {
			t.Fatal("compaction does not come to rest")
		}
	}
}

// request is a read of one to three slices, either way, with or without a limit.
func (w *epochWorld) request(from, to int64) mutation.ReadRequest {
	req := mutation.ReadRequest{Key: keyOf(w.rng.IntN(epochPartitions)), Reverse: w.rng.IntN(2) == 0, Columns: []mutation.ColumnID{columnInt}}
	var in []clustering.Slice
	for range 1 + w.rng.IntN(3) {
		a := from + w.rng.Int64N(to-from)
		b := a + w.rng.Int64N((to-from)>>w.rng.IntN(12)+1)
		s := clustering.Slice{Start: clustering.Before(w.key(a)), End: clustering.After(w.key(b))}
		if w.table.Clustering[0].Desc {
			s = clustering.Slice{Start: clustering.Before(w.key(b)), End: clustering.After(w.key(a))}
		}
		in = append(in, s)
	}
	req.Slices = clustering.MakeSlices(in)
	if w.rng.IntN(5) == 0 {
		req.Slices = clustering.All()
	}
	if w.rng.IntN(2) == 0 {
		req.RowsMax = 1 + w.rng.IntN(20)
	}
	return req
}

// want is what a read must answer: clusterings and values.
func (w *epochWorld) want(req *mutation.ReadRequest) (out []string) {
	for n := range w.rows {
		if keyOf(n).Compare(req.Key) != 0 {
			continue
		}
		for key, value := range w.rows[n] {
			if req.Slices.Contains([]byte(key)) {
				out = append(out, fmt.Sprintf("%x=%d", key, value))
			}
		}
	}
	slices.Sort(out)
	if req.Reverse {
		slices.Reverse(out)
	}
	if req.RowsMax > 0 {
		out = out[:min(len(out), req.RowsMax)]
	}
	return out
}

// read answers a request page by page, each a read of its own that goes on where the last one ended.
func (w *epochWorld) read(t *testing.T, req mutation.ReadRequest, page int) (out []string) {
	v := w.store.View()
	defer v.Close()
	limit := req.RowsMax
	for len(req.Slices) > 0 {
		r, err := v.Read(w.table.ID, req)
		mustNot(t, err)
		got := 0
		var last []byte
		for got < page {
			b, err := r.Next()
			mustNot(t, err)
			if b == nil {
				break
			}
			for i := range min(b.Rows, page-got) {
				last = w.table.Clustering[0].Append(nil, b.Clustering[0].AppendValue(nil, i))
				out = append(out, fmt.Sprintf("%x=%d", last, b.Columns[0].Int(i)))
				got++
			}
		}
		r.Close()
		if limit > 0 && len(out) >= limit {
			return out[:limit]
		}
		if got < page {
			return out
		}
		at := clustering.After(last)
		if req.Reverse {
			at = clustering.Before(last)
		}
		req.Slices = req.Slices.From(at, req.Reverse)
	}
	return out
}

func (w *epochWorld) check(t *testing.T, from, to int64, times int) {
	t.Helper()
	for range times {
		req := w.request(from, to)
		page := 1 << 30
		if w.rng.IntN(2) == 0 {
			page = 1 + w.rng.IntN(200)
		}
		if got, want := w.read(t, req, page), w.want(&req); !slices.Equal(got, want) {
			t.Fatalf("step %+v, %d files: slices %s, reverse %v, limit %d, pages of %d:\n%d rows %.300q\nwant %d %.300q", w.table.Bucket,
				len(filesOf(w.store, w.table.ID)), req.Slices, req.Reverse, req.RowsMax, page, len(got), got, len(want), want)
		}
	}
}

// Whatever steps a table has had while it was loaded, every read answers as if it had none: files of former steps keep their ranges,
// which partly overlap those of the new one, and compaction comes to rest among them.
func TestEpochs(t *testing.T) {
	for _, c := range []struct {
		of   clustering.Column
		unit int64
	}{
		{clustering.Column{Type: types.Timestamp}, 0}, {clustering.Column{Type: types.Timestamp, Desc: true}, 0},
		{clustering.Column{Type: types.Bigint, Desc: true}, 1_000_000_000}, {clustering.Column{Type: types.Bigint}, 1_000},
		{clustering.Column{Type: types.Int}, 1_000_000_000}, {clustering.Column{Type: types.Date, Desc: true}, 0}, {clustering.Column{Type: types.TimeUUID, Desc: true}, 0},
	} {
		const all = 30
		seeds := 1
		if soak() {
			seeds = all
		}
		t.Run(fmt.Sprintf("%s desc %v", c.of.Type, c.of.Desc), func(t *testing.T) {
			for seed := range seeds {
				testEpochs(t, newEpochWorld(t, c.of, c.unit, uint64(seed)))
			}
			t.Logf("%d of %d loads", seeds, all)
		})
	}
}

func testEpochs(t *testing.T, w *epochWorld) {
	const days, day = 100, int64(86_400_000)
	from := start.UnixMilli() - days*day
	for d := range int64(days) {
		if every := int64(days/len(epochSteps) + 1); d%every == 0 {
			w.table.Bucket = epochSteps[d/every]
			mustNot(t, w.store.PutSchema([]byte("schema"), []mutation.Table{w.table}))
			w.check(t, from, from+(d+1)*day, 10)
		}
		w.clock.Set(time.UnixMilli(from + (d+1)*day))
		for n := range int64(40) {
			at := from + d*day + n*day/40
			if w.rng.IntN(20) == 0 {
				at = from + w.rng.Int64N((d+1)*day) // late
			}
			w.write(t, at/1000*1000)
		}
		if w.rng.IntN(8) == 0 {
			first := from + w.rng.Int64N((d+1)*day)/day*day
			w.delete(t, w.rng.IntN(epochPartitions), first, first+day*int64(1+w.rng.IntN(4)))
		}
		if w.rng.IntN(2) == 0 {
			mustNot(t, w.store.Flush(w.table.ID))
		}
		for range w.rng.IntN(6) {
			_, err := w.store.compactNext(w.table.ID)
			mustNot(t, err)
		}
		w.check(t, from, from+(d+1)*day, 3)
	}
	w.check(t, from, from+days*day, 50)
	mustNot(t, w.store.Flush(w.table.ID))
	w.clock.Advance(40 * 24 * time.Hour) // the last windows are over
	w.drain(t)
	w.check(t, from, from+days*day, 50)
	if n := len(filesOf(w.store, w.table.ID)); n > 60 {
		t.Errorf("%d files are left", n)
	}
	mustNot(t, w.store.Compact(w.table.ID))
	w.drain(t)
	w.check(t, from, from+days*day, 50)
}

// A step that becomes shorter splits the ranges that are not over, and keeps those that are; one that becomes longer joins small ones.
func TestFormerRanges(t *testing.T) {
	w := newEpochWorld(t, clustering.Column{Type: types.Timestamp}, 0, 6)
	const days = 24
	from := start.UnixMilli()/dayMillis*dayMillis - days*dayMillis
	alter := func(b partition.Bucketing) {
		w.table.Bucket = b
		mustNot(t, w.store.PutSchema([]byte("schema"), []mutation.Table{w.table}))
		w.drain(t)
		w.check(t, from, from+days*dayMillis, 30)
	}
	widest := func() (out int64) {
		for _, f := range filesOf(w.store, w.table.ID) {
			if win := f.window(); win.end > w.clock.Now().UnixMilli() {
				out = max(out, (win.end-win.start)/dayMillis)
			}
		}
		return out
	}
	alter(partition.Bucketing{Months: 1})
	for d := range int64(days) {
		for n := range int64(200) {
			w.write(t, from+d*dayMillis+n*60_000)
		}
	}
	mustNot(t, w.store.Flush(w.table.ID))
	w.clock.Set(time.UnixMilli(from + 20*dayMillis)) // in the month that has most
	w.drain(t)
	if widest() < 28 {
		t.Errorf("the widest range that is not over has %d days", widest())
	}
	alter(partition.Bucketing{SizeMillis: dayMillis})
	if widest() > 1 {
		t.Errorf("a range of %d days is not over and not split", widest())
	}
	w.clock.Advance(100 * 24 * time.Hour)
	w.drain(t)
	before := len(filesOf(w.store, w.table.ID))
	w.store.opts.Tuning.ShareRows = 100_000
	alter(partition.Bucketing{Months: 1})
	if after := len(filesOf(w.store, w.table.ID)); after >= before {
		t.Errorf("%d files of days became %d of months", before, after)
	}
}

// A late reading in a memtable does not make a read of the newest rows look into all windows since.
func TestLateReadingOpensNoWindows(t *testing.T) {
	for _, desc := range []bool{false, true} {
		w := newEpochWorld(t, clustering.Column{Type: types.Timestamp, Desc: desc}, 0, 2)
		w.table.Bucket = partition.Bucketing{SizeMillis: 86_400_000}
		mustNot(t, w.store.PutSchema([]byte("schema"), []mutation.Table{w.table}))
		const days, day = 40, int64(86_400_000)
		from := start.UnixMilli() - days*day
		for d := range int64(days) {
			for n := range int64(30) {
				w.write(t, from+d*day+n*1000)
			}
			mustNot(t, w.store.Flush(w.table.ID))
		}
		for n := range int64(30) {
			w.write(t, from+n*1000+1) // late
			w.write(t, from+days*day+n*1000)
		}
		var cost mutation.ReadStatistics
		req := mutation.ReadRequest{
			Key: keyOf(0), Slices: clustering.All(), Reverse: !desc, RowsMax: 20, Columns: []mutation.ColumnID{columnInt}, Statistics: &cost,
		}
		if got, want := w.read(t, req, 20), w.want(&req); !slices.Equal(got, want) {
			t.Errorf("desc %v: %q, want %q", desc, got, want)
		}
		if cost.Files > 3 {
			t.Errorf("desc %v: the newest 20 rows are looked for in %d files", desc, cost.Files)
		}
		req.RowsMax, req.Statistics = 0, nil
		if got, want := w.read(t, req, 1<<30), w.want(&req); !slices.Equal(got, want) {
			t.Errorf("desc %v: %d rows, want %d", desc, len(got), len(want))
		}
	}
}

// Slices that lie apart do not make a read look into the windows between them.
func TestWindowsBetweenSlicesAreNotRead(t *testing.T) {
	for _, desc := range []bool{false, true} {
		w, from := dayWorld(t, 30, desc)
		var in []clustering.Slice
		for _, d := range []int64{2, 3, 11, 25} {
			for n := range int64(20) {
				in = append(in, clustering.RowSlice(w.key(from+d*dayMillis+n*1000)))
			}
		}
		for _, reverse := range []bool{false, true} {
			var cost mutation.ReadStatistics
			req := mutation.ReadRequest{
				Key: keyOf(0), Slices: clustering.MakeSlices(in), Reverse: reverse, Columns: []mutation.ColumnID{columnInt}, Statistics: &cost,
			}
			if got, want := w.read(t, req, 1<<30), w.want(&req); !slices.Equal(got, want) || len(want) == 0 {
				t.Errorf("desc %v, reverse %v: %q, want %q", desc, reverse, got, want)
			}
			if cost.Files > 4 {
				t.Errorf("desc %v, reverse %v: %d files of 4 windows", desc, reverse, cost.Files)
			}
		}
	}
}

// A row beyond the frontier of a partition is new: none of its rows and deletions reaches there, in whatever files they are.
func TestFrontierOfWindows(t *testing.T) {
	for _, desc := range []bool{false, true} {
		w := newEpochWorld(t, clustering.Column{Type: types.Timestamp, Desc: desc}, 0, 3)
		const days, day = 60, int64(86_400_000)
		from := start.UnixMilli() - days*day
		new := 0
		for d := range int64(days) {
			w.table.Bucket = epochSteps[int(d)*len(epochSteps)/days]
			mustNot(t, w.store.PutSchema([]byte("schema"), []mutation.Table{w.table}))
			for n := range int64(10) {
				at := from + d*day + n*day/10
				if d > days/2 && w.rng.IntN(10) == 0 {
					at = from + w.rng.Int64N((d+1)*day)
				}
				key := w.key(at)
				v := w.store.View()
				for n := range w.rows {
					f, found, err := v.Frontier(w.table.ID, keyOf(n))
					mustNot(t, err)
					beyond := !found || f.Beyond(key)
					for row := range w.rows[n] {
						if !found || f.Beyond([]byte(row)) {
							t.Fatalf("desc %v, step %+v: row %x is there, and beyond: %+v", desc, w.table.Bucket, row, f)
						}
					}
					if beyond {
						new++
					}
				}
				v.Close()
				w.write(t, at)
			}
			mustNot(t, w.store.Flush(w.table.ID))
		}
		if new < days*10*epochPartitions/2 {
			t.Errorf("desc %v: only %d of %d rows were beyond", desc, new, days*10*epochPartitions)
		}
	}
}

// A table that has files of ranges keeps the unit they are told in; one that has none takes another.
func TestUnitOfRangesStays(t *testing.T) {
	w := newEpochWorld(t, clustering.Column{Type: types.Bigint}, 0, 8)
	put := func(b partition.Bucketing, unit int64) error {
		w.table.Bucket, w.table.UnitNanos = b, unit
		err := w.store.PutSchema([]byte("schema"), []mutation.Table{w.table})
		w.table = w.store.Tables()[0]
		return err
	}
	day := partition.Bucketing{SizeMillis: dayMillis}
	mustNot(t, put(day, 0))
	mustNot(t, put(day, 1_000_000_000)) // no files yet
	from := start.UnixMilli() / 1000 * 1000
	for d := range int64(10) {
		for n := range int64(10) {
			w.write(t, from+d*dayMillis+n*1000)
		}
		mustNot(t, w.store.Flush(w.table.ID))
	}
	mustNot(t, put(partition.Bucketing{}, 0)) // turned off
	if w.table.UnitNanos != 1_000_000_000 {
		t.Errorf("the unit became %d ns", w.table.UnitNanos)
	}
	w.check(t, from, from+10*dayMillis, 50)
	if err := put(day, 1_000); err == nil {
		t.Error("files tell their ranges in seconds, and the unit became a microsecond")
	}
	w.check(t, from, from+10*dayMillis, 50)
}

// Rows at the ends of time are in the first and the last bucket, and are read in order.
func TestEndsOfTime(t *testing.T) {
	for _, step := range []partition.Bucketing{{SizeMillis: dayMillis}, {Months: 1, Zone: "Europe/Berlin"}, {Days: 1, Zone: "America/New_York"}} {
		for _, desc := range []bool{false, true} {
			w := newEpochWorld(t, clustering.Column{Type: types.Timestamp, Desc: desc}, 0, 9)
			w.table.Bucket = step
			mustNot(t, w.store.PutSchema([]byte("schema"), []mutation.Table{w.table}))
			for range 2 {
				for _, ms := range []int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, math.MaxInt64 - 1, math.MaxInt64} {
					for range 6 {
						w.write(t, ms)
					}
					mustNot(t, w.store.Flush(w.table.ID))
				}
				for n := range epochPartitions {
					for _, reverse := range []bool{false, true} {
						for _, limit := range []int{0, 1, 3} {
							req := mutation.ReadRequest{Key: keyOf(n), Slices: clustering.All(), Reverse: reverse, RowsMax: limit, Columns: []mutation.ColumnID{columnInt}}
							if got, want := w.read(t, req, 1<<30), w.want(&req); !slices.Equal(got, want) {
								t.Errorf("%+v, desc %v, reverse %v, limit %d: %q, want %q", step, desc, reverse, limit, got, want)
							}
						}
					}
				}
				w.drain(t)
			}
		}
	}
}
