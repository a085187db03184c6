package database

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// rolled is a world with a table of readings, of some partitions, and an hourly rollup of it; the clock stands behind all windows.
func rolled(t *testing.T, partitions, hours int) *world {
	t.Helper()
	w := newWorld(t, "CREATE TABLE r (k int, ts timestamp, v double, n int, PRIMARY KEY (k, ts)) WITH rollups = {'1h': 'forever'}")
	for k := range partitions {
		for h := range hours {
			w.reading(k, h, 0, float64(h)+0.5, k)
			w.reading(k, h, 20, 0.1*float64(h), h)
		}
	}
	w.clock.Advance(time.Duration(hours+2) * time.Hour)
	w.settle()
	return w
}

const rolledFrom = 1_000_000_800_000 // an hour begins then

// reading writes a row of r.
func (w *world) reading(k, hour, minute int, v float64, n int) {
	w.t.Helper()
	w.run(fmt.Sprintf("INSERT INTO r (k, ts, v, n) VALUES (%d, %d, %v, %d)", k, rolledFrom+hour*3_600_000+minute*60_000, v, n))
}

// rollupRow is a row of r_1h as the store has it.
func (w *world) rollupRow(k, hour int) (mutation.TableID, partition.DecoratedKey, *mutation.Row) {
	w.t.Helper()
	t := w.db.Schema().Table("ks", "r_1h")
	key := partition.Decorate(types.AppendInt(nil, int32(k)))
	at, err := t.ClusteringLayout().Encode([][]byte{types.AppendBigint(nil, rolledFrom+int64(hour)*3_600_000)})
	if err != nil {
		w.t.Fatal(err)
	}
	view := localView{w.store.View()}
	defer view.Close()
	_, rows, err := rowsAt(view, t.ID, key, []clustering.Slice{clustering.RowSlice(at)})
	if err != nil {
		w.t.Fatal(err)
	}
	row := rows[string(at)]
	if row == nil {
		row = &mutation.Row{}
	}
	row.Clustering, row.Sequence = at, 0
	return t.ID, key, row
}

// spoil writes a row of r_1h straight into the store.
func (w *world) spoil(k, hour int, change func(row *mutation.Row)) {
	w.t.Helper()
	id, key, row := w.rollupRow(k, hour)
	change(row)
	if _, err := w.store.Apply([]mutation.Mutation{{Table: id, Key: key, Rows: []mutation.Row{*row}}}); err != nil {
		w.t.Fatal(err)
	}
}

// set gives a row of r_1h another value; nil: null.
func (w *world) set(row *mutation.Row, column string, value []byte) {
	id := w.db.Schema().Table("ks", "r_1h").Column(column).ID
	row.Cells = slices.DeleteFunc(row.Cells, func(c mutation.Cell) bool { return c.Column == id })
	if value != nil {
		row.Cells = append(row.Cells, mutation.Cell{Column: id, ExpiresAt: mutation.Forever, Value: value})
		slices.SortFunc(row.Cells, func(a, b mutation.Cell) int { return int(a.Column) - int(b.Column) })
	}
}

// TestCheckRollupFindsEveryKindOfDivergence: injected into the store, told, mended, and then not there any more.
func TestCheckRollupFindsEveryKindOfDivergence(t *testing.T) {
	alive := mutation.Liveness{ExpiresAt: mutation.Forever}
	hour := func(h int) string {
		return "'" + time.UnixMilli(rolledFrom+int64(h)*3_600_000).UTC().Format("2006-01-02T15:04:05.000Z") + "'"
	}
	deleted := func(row *mutation.Row) {
		row.Live, row.Cells, row.Deletion = mutation.Liveness{}, nil, mutation.Deletion{LocalSec: 1}
	}
	cases := []struct {
		name   string
		inject func(w *world)
		want   []string // object is always ks.r_1h
	}{
		{"a row is missing", func(w *world) { w.spoil(1, 2, deleted) }, []string{"missing 1 " + hour(2) + " its window has rows"}},
		{"a row too much", func(w *world) {
			w.spoil(1, -7, func(row *mutation.Row) { row.Live = alive })
		}, []string{"extra 1 " + hour(-7) + " no rows give it"}},
		{"a partition too much", func(w *world) {
			w.spoil(9, 1, func(row *mutation.Row) { row.Live = alive })
		}, []string{"extra 9 " + hour(1) + " no rows give it"}},
		{"a row of a deleted window", func(w *world) {
			_, _, row := w.rollupRow(0, 1)
			w.run(fmt.Sprintf("DELETE FROM r WHERE k = 0 AND ts >= %d AND ts < %d", rolledFrom+3_600_000, rolledFrom+2*3_600_000))
			w.settle()
			w.spoil(0, 1, func(now *mutation.Row) { now.Deletion, now.Live, now.Cells = mutation.Deletion{}, row.Live, row.Cells })
		}, []string{"extra 0 " + hour(1) + " no rows give it"}},
		{"another count", func(w *world) {
			w.spoil(1, 2, func(row *mutation.Row) { w.set(row, "count_v", types.AppendBigint(nil, 7)) })
		}, []string{"different 1 " + hour(2) + " count_v is 7, by its rows 2"}},
		{"another sum", func(w *world) {
			w.spoil(1, 2, func(row *mutation.Row) { w.set(row, "sum_v", types.AppendDouble(nil, 2.7000000001)) })
		}, []string{"different 1 " + hour(2) + " sum_v is 2.7000000001, by its rows 2.7"}},
		{"a sum within the tolerance", func(w *world) {
			w.spoil(1, 2, func(row *mutation.Row) { w.set(row, "sum_v", types.AppendDouble(nil, 2.7000000000000006)) })
		}, nil},
		{"an extreme within that tolerance", func(w *world) {
			w.spoil(1, 2, func(row *mutation.Row) { w.set(row, "max_v", types.AppendDouble(nil, 2.5000000000000004)) })
		}, []string{"different 1 " + hour(2) + " max_v is 2.5000000000000004, by its rows 2.5"}},
		{"a value is missing", func(w *world) {
			w.spoil(1, 2, func(row *mutation.Row) { w.set(row, "avg_n", nil) })
		}, []string{"different 1 " + hour(2) + " avg_n is null, by its rows 1"}},
		{"a value too much", func(w *world) {
			w.run(fmt.Sprintf("INSERT INTO r (k, ts) VALUES (2, %d)", rolledFrom+30*60_000-24*3_600_000))
			w.settle()
			w.spoil(2, -24, func(row *mutation.Row) { w.set(row, "min_n", types.AppendInt(nil, 4)) })
		}, []string{"different 2 " + hour(-24) + " min_n is 4, by its rows null"}},
		{"several at once", func(w *world) {
			w.spoil(1, 0, deleted)
			w.spoil(1, 1, func(row *mutation.Row) {
				w.set(row, "first_v", types.AppendDouble(nil, 0))
				w.set(row, "last_n", types.AppendInt(nil, 0))
			})
			w.spoil(1, 300, func(row *mutation.Row) { row.Live = alive })
		}, []string{"missing 1 " + hour(0) + " its window has rows", "different 1 " + hour(1) + " last_n is 0, by its rows 1; first_v is 0, by its rows 1.5"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := rolled(t, 3, 4)
			w.expect("CHECK ROLLUP r_1h")
			c.inject(w)
			var told, mended []string
			for _, line := range c.want {
				told = append(told, "ks.r_1h "+line)
				mended = append(mended, "ks.r_1h "+line+"; mended")
			}
			slices.Sort(told)
			slices.Sort(mended)
			for range 2 {
				if got := w.sorted("CHECK ROLLUP r_1h"); !slices.Equal(got, told) {
					t.Errorf("CHECK\n got %q\nwant %q", got, told)
				}
				if err := w.store.FlushAll(); err != nil {
					t.Fatal(err)
				}
			}
			if got := w.sorted("CHECK ROLLUP r_1h SAMPLE 1000"); !slices.Equal(got, told) {
				t.Errorf("SAMPLE\n got %q\nwant %q", got, told)
			}
			if got := w.sorted("CHECK ROLLUP r_1h REPAIR"); !slices.Equal(got, mended) {
				t.Errorf("REPAIR\n got %q\nwant %q", got, mended)
			}
			w.expect("CHECK ROLLUP r_1h")
		})
	}
}

// TestCheckRollupSaysHowMuchItCompared: the number is in a warning that begins with the object.
func TestCheckRollupSaysHowMuchItCompared(t *testing.T) {
	w := rolled(t, 3, 4)
	for text, want := range map[string]string{
		"CHECK ROLLUP r_1h":          "rollup ks.r_1h: 12 windows compared with the rows of ks.r, 0 divergences",
		"CHECK ROLLUP r_1h REPAIR":   "rollup ks.r_1h: 12 windows compared with the rows of ks.r, 0 divergences, 0 mended",
		"CHECK ROLLUP r_1h SAMPLE 5": "rollup ks.r_1h: 5 windows compared with the rows of ks.r, 0 divergences",
		"CHECK ROLLUP r_1h SAMPLE 1": "rollup ks.r_1h: 1 windows compared with the rows of ks.r, 0 divergences",
	} {
		r, err := w.try(text)
		if err != nil || !slices.Equal(r.Warnings, []string{want}) {
			t.Errorf("%s: %v %q", text, err, r.Warnings)
		}
	}
	w.reading(0, 0, 1, 5, 5) // dirty: not compared
	w.reading(0, 6, 1, 5, 5) // open: not compared
	if r, err := w.try("CHECK ROLLUP r_1h"); err != nil || len(r.Warnings) != 1 {
		t.Errorf("%v %q", err, r.Warnings)
	}
}

// TestCheckRollupWhileOthersWrite: windows that become dirty under the check are no divergences, and a repair undoes nothing.
func TestCheckRollupWhileOthersWrite(t *testing.T) {
	w := rolled(t, 3, 6)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		rng := rand.New(rand.NewPCG(1, 2))
		for {
			select {
			case <-stop:
				return
			default:
				w.clock.Advance(time.Second) // Views are renewed
				if _, err := w.try(fmt.Sprintf("INSERT INTO r (k, ts, v, n) VALUES (%d, %d, %d, 1)", rng.IntN(3), rolledFrom+rng.Int64N(6*3_600_000), rng.IntN(9))); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	for i := range 50 {
		text := "CHECK ROLLUP r_1h"
		if i%2 == 1 {
			text += " REPAIR"
		}
		w.expect(text)
	}
	close(stop)
	<-done
	w.settle()
	w.expect("CHECK ROLLUP r_1h")
}
