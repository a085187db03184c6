package lsm

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/ttl"
)

// columnEnd holds the end of its row, in tables that have such a column.
const columnEnd mutation.ColumnID = 9

// endsTables are tables of both laws and orders, with and without windows, rollups, and a column with the end of a row.
func endsTables() []mutation.Table {
	var out []mutation.Table
	for n := range byte(7) {
		table := testTable(4)
		table.ID, table.Name = mutation.TableID{n + 1}, fmt.Sprintf("test.t%d", n+1)
		table.Bucket = partition.Bucketing{SizeMillis: bucketMillis}
		table.Clustering = clustering.Layout{{Type: table.Clustering[0].Type, Desc: n%2 == 1}}
		switch n {
		case 2:
			table.Bucket = partition.Bucketing{}
		case 3:
			table.Law = mutation.BySequence
		case 4, 5, 6:
			table.Columns = append(table.Columns, mutation.Column{ID: columnEnd, Physical: mutation.PhysicalInt, Width: 8})
			if table.KeepExpired = n == 5; n == 6 {
				table.Law = mutation.BySequence
			}
		}
		out = append(out, table)
	}
	return out
}

// endsWorld is a store, what it is told of ends, and a model that forgets nothing.
type endsWorld struct {
	t      testing.TB
	fs     vfs.FS
	rng    *rand.Rand
	clock  *clock.Manual
	gen    *generator
	model  *model
	store  *Store
	keep   map[mutation.TableID]time.Duration // 0: rows do not end by time
	longer map[string]time.Duration           // of partitions
	sealed map[mutation.TableID]int64

	removed int64               // rows that have left for having ended
	acked   uint64              // sequence of the last group that was applied
	pending []mutation.Mutation // being applied
}

func newEndsWorld(t testing.TB, fs vfs.FS, seed uint64) *endsWorld {
	w := &endsWorld{
		t: t, fs: fs, rng: rand.New(rand.NewPCG(seed, 5)), clock: clock.NewManual(start), model: newModel(endsTables()),
		keep: map[mutation.TableID]time.Duration{}, longer: map[string]time.Duration{}, sealed: map[mutation.TableID]int64{},
	}
	w.gen = &generator{rng: w.rng, clock: w.clock, tables: endsTables()}
	for i, table := range w.gen.tables {
		w.sealed[table.ID] = math.MaxInt64
		if table.KeepExpired || w.rng.IntN(3) == 0 {
			w.sealed[table.ID] = math.MinInt64
		}
		if i < 4 || w.rng.IntN(2) == 0 {
			w.keep[table.ID] = time.Duration(20+w.rng.IntN(200)) * time.Second
		}
	}
	for n := range 5 {
		if w.rng.IntN(2) == 0 {
			w.longer[string(keyOf(n).Key)] = time.Duration(w.rng.IntN(100)) * time.Second
		}
	}
	return w
}

// ends is what the store is told.
func (w *endsWorld) ends(id mutation.TableID, now time.Time) ttl.Ends {
	e := ttl.NoEnds
	e.KeptFrom = w.sealed[id]
	if keep := w.keep[id]; keep > 0 {
		e.AllBefore = now.Add(-keep - 100*time.Second).UnixMilli()
		e.Before = func(key partition.DecoratedKey) int64 { return w.visibleFrom(id, key, now) }
	}
	if id[0] > 4 {
		e.Columns = []ttl.EndColumn{{Column: columnEnd, Until: now.UnixMilli()}}
	}
	return e
}

// visibleFrom is the time below which rows of a partition have ended.
func (w *endsWorld) visibleFrom(id mutation.TableID, key partition.DecoratedKey, now time.Time) int64 {
	if w.keep[id] == 0 {
		return math.MinInt64
	}
	return now.Add(-w.keep[id] - w.longer[string(key.Key)]).UnixMilli()
}

func (w *endsWorld) open() {
	w.t.Helper()
	opts := testOptions(w.fs, w.clock)
	opts.Tuning.ShareRows, opts.Tuning.Settle = 12, -1
	w.store = mustOpen(w.t, opts)
	if len(w.store.Tables()) == 0 {
		mustNot(w.t, w.store.PutSchema(nil, w.gen.tables))
	}
	w.store.SetEnds(w.ends)
}

// group is a group of mutations, with ends in a column, none of a row that has ended by it: such a row may be there or not (R45).
func (w *endsWorld) group() []mutation.Mutation {
	group := w.gen.group()
	now := w.clock.Now()
	for i := range group {
		mu := &group[i]
		if mu.Table[0] <= 4 {
			continue
		}
		table := w.model.tables[mu.Table]
		for k := range mu.Rows { // the same rows again and again
			if w.rng.IntN(2) == 0 {
				mu.Rows[k].Clustering = rowKey(table, start.UnixMilli()+int64(w.rng.IntN(8))*15_000)
			}
		}
		p := w.model.partition(table, mu.Key, math.MaxUint64)
		mu.Rows = slices.DeleteFunc(mu.Rows, func(r mutation.Row) bool {
			old, found := p.rows[string(r.Clustering)]
			mutation.ApplyDeletion(table.Law, &old, p.side.Covering(r.Clustering))
			return found && slices.ContainsFunc(old.Cells, func(c mutation.Cell) bool {
				return c.Column == columnEnd && !c.IsTombstone() && int64(binary.BigEndian.Uint64(c.Value)) <= now.UnixMilli()
			})
		})
		for k := range mu.Rows {
			if r := &mu.Rows[k]; r.Deletion.IsNone() && len(r.Cells) > 0 && w.rng.IntN(3) > 0 {
				c := r.Cells[0]
				if c.Complex {
					c.Complex, c.ExpiresAt = false, mutation.Forever
				}
				c.Column, c.Value = columnEnd, binary.BigEndian.AppendUint64(nil, uint64(now.UnixMilli()+int64(w.rng.IntN(100_000))))
				if c.TTL == 0 {
					c.ExpiresAt = mutation.Forever
				}
				r.Cells = append(r.Cells, c)
			}
		}
	}
	return group
}

func (w *endsWorld) step() {
	w.t.Helper()
	id := w.gen.tables[w.rng.IntN(len(w.gen.tables))].ID
	w.store.opts.Tuning.NoFastLane = w.rng.IntN(2) == 0
	switch n := w.rng.IntN(24); n {
	case 0, 1:
		mustNot(w.t, w.store.Flush(id))
	case 2, 3:
		mustNot(w.t, w.store.compactAsNeeded())
		w.rests()
	case 4:
		mustNot(w.t, w.store.Compact(id))
	case 5:
		w.count()
		mustNot(w.t, w.store.Close())
		w.open()
	case 6, 7:
		w.clock.Advance(time.Duration(w.rng.IntN(20_000)) * time.Millisecond)
	case 8:
		if to := w.clock.Now().Add(-time.Duration(w.rng.IntN(200)) * time.Second).UnixMilli(); to > w.sealed[id] {
			w.sealed[id] = to // a watermark only grows
		}
	default:
		w.pending = w.group()
		sequence, err := w.store.Apply(w.pending)
		mustNot(w.t, err)
		w.model.add(sequence, w.pending)
		w.acked, w.pending = sequence, nil
	}
}

// count adds up what the store that is open says to have removed.
func (w *endsWorld) count() {
	for _, table := range w.store.Statistics().Tables {
		w.removed += table.Work.EndedRows
	}
}

// rests makes sure that what has been done needs not be done again.
func (w *endsWorld) rests() {
	w.t.Helper()
	before := w.store.Statistics()
	mustNot(w.t, w.store.compactAsNeeded())
	for i, table := range w.store.Statistics().Tables {
		if was := before.Tables[i].Work; table.Work.Compactions != was.Compactions || table.Work.Flushes != was.Flushes {
			w.t.Errorf("%s: %+v, and at once %+v", table.Name, was, table.Work)
		}
	}
}

// check compares all rows that have not ended, and all that rollups still need.
func (w *endsWorld) check(v *View) error {
	now := w.clock.Now()
	for i := range w.gen.tables {
		table := &w.gen.tables[i]
		for n := range 5 {
			key := keyOf(n)
			p := w.model.partition(table, key, v.Sequence())
			req := allOf(table, key)
			column := slices.Index(req.Columns, columnEnd)
			for _, all := range []bool{false, true} {
				at := now.Unix()
				from, sealed := w.visibleFrom(table.ID, key, now), w.sealed[table.ID]
				if all {
					at = math.MinInt64 // expiry is off
				}
				shown := func(text string) string {
					return linesOf(text, func(ms, end int64) bool {
						if all {
							return ms >= sealed
						}
						return ms >= from && end > now.UnixMilli()
					}, column, all)
				}
				got, err := readText(v, table, req, at)
				if err != nil {
					return err
				}
				if got, want := shown(got), shown(p.text(table, &req, at)); got != want {
					return fmt.Errorf("table %d, key %d at %d, from %d, sealed %d, expiry off %v:\n%swant\n%s", i+1, n, now.UnixMilli(), from, sealed, all, got, want)
				}
			}
		}
	}
	return nil
}

// linesOf keeps the lines of rows that are wanted, told by their time and the end in their column, and statics where they are.
func linesOf(text string, want func(ms, end int64) bool, column int, noStatics bool) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		first, rest, _ := strings.Cut(line, " ")
		if first == "static" {
			if !noStatics {
				out.WriteString(line)
			}
			continue
		}
		ms, err := strconv.ParseUint(first, 16, 64)
		if err != nil {
			panic(line)
		}
		end := int64(math.MaxInt64)
		if _, value, found := strings.Cut(rest, fmt.Sprintf(" %d=", column)); found && column >= 0 && value[0] != '@' { // what has expired may have lost its value
			at, err := strconv.ParseUint(value[:16], 16, 64)
			if err != nil {
				panic(line)
			}
			end = int64(at)
		}
		if want(int64(ms), end) {
			out.WriteString(line)
		}
	}
	return out.String()
}

// TestEndsChangeNoAnswer: whatever is flushed, merged, dropped and restarted, rows that have not ended read as if nothing ever went, and
// so do those that rollups still need, with expiry off (laws 3 and 8).
func TestEndsChangeNoAnswer(t *testing.T) {
	const seeds = 200
	ran, removed := 0, int64(0)
	for seed := range uint64(seeds) {
		if !soak() && seed%20 != 0 {
			continue
		}
		ran++
		w := newEndsWorld(t, vfs.NewMem(), seed)
		w.open()
		for step := range 250 {
			w.step()
			if step%5 != 0 {
				continue
			}
			v := w.store.View()
			if err := w.check(v); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
			v.Close()
		}
		w.count()
		removed += w.removed
		w.allGoes()
		mustNot(t, w.store.Close())
	}
	t.Logf("%d of %d histories; %d rows removed for having ended", ran, seeds, removed)
	if removed == 0 {
		t.Error("no row was ever removed for having ended")
	}
}

// TestCrashesWhileRowsEnd stops the machine before an operation on files, with some of what was not synced lost: what was acknowledged and has not
// ended is found, what rollups need with it, and the store goes on removing what has ended.
func TestCrashesWhileRowsEnd(t *testing.T) {
	every := 97
	if soak() {
		every = 1
	}
	mem := vfs.NewMem()
	crash := rand.New(rand.NewPCG(11, 3))
	crashes, operations := 0, 0
	var w *endsWorld
	judge := func(op vfs.Op) error {
		operations++
		if w.store == nil || op.Index%every != 0 && !(op.Kind == vfs.OpRemove && op.Index%3 == 0 && strings.HasSuffix(op.Name, ".sst")) {
			return nil
		}
		crashes++
		after := *w
		after.fs = mem.CrashClone(crash, []int{0, 50, 100}[crash.IntN(3)])
		model := *w.model
		if after.model = &model; w.pending != nil {
			model.groups = append(slices.Clip(model.groups), modelGroup{w.acked + 1, w.pending})
		}
		after.open()
		for range 2 {
			v := after.store.View()
			if err := after.check(v); err != nil || v.Sequence() < w.acked {
				t.Errorf("crash before operation %d, %s %s: record %d of %d, %v", op.Index, op.Kind, op.Name, v.Sequence(), w.acked, err)
			}
			v.Close()
			mustNot(t, after.store.compactAsNeeded())
		}
		mustNot(t, after.store.Close())
		return nil
	}
	w = newEndsWorld(t, vfs.NewFaulty(mem, judge), 17)
	w.open()
	for range 250 {
		w.step()
	}
	w.count()
	mustNot(t, w.store.Close())
	fmt.Fprintf(t.Output(), "sample %d/%d crashes before file operations\n", crashes, operations)
	if w.removed == 0 {
		t.Error("nothing ended meanwhile")
	}
}

// allGoes: when all has ended and is sealed, nothing is left that could end by time.
func (w *endsWorld) allGoes() {
	w.t.Helper()
	for id := range w.sealed {
		w.sealed[id] = math.MaxInt64
		if w.model.tables[id].KeepExpired {
			w.sealed[id] = math.MaxInt64 - 1
		}
	}
	w.clock.Advance(time.Hour)
	for _, table := range w.gen.tables {
		mustNot(w.t, w.store.Flush(table.ID))
		mustNot(w.t, w.store.Compact(table.ID))
		if files := filesOf(w.store, table.ID); w.keep[table.ID] > 0 {
			for _, f := range files {
				if f.info.Rows > 0 {
					w.t.Errorf("table %s: %d rows are left in %v", table.Name, f.info.Rows, f.window())
				}
			}
		}
	}
}
