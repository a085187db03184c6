package database

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// inject writes a row of the copy byv straight into the store.
func (w *world) inject(v, k, c int, row mutation.Row) {
	w.t.Helper()
	t := w.db.Schema().Table("ks", "byv")
	at, err := t.ClusteringLayout().Encode([][]byte{types.AppendInt(nil, int32(k)), types.AppendInt(nil, int32(c))})
	if err != nil {
		w.t.Fatal(err)
	}
	row.Clustering = at
	if _, err := w.store.Apply([]mutation.Mutation{{Table: t.ID, Key: partition.Decorate(types.AppendInt(nil, int32(v))), Rows: []mutation.Row{row}}}); err != nil {
		w.t.Fatal(err)
	}
}

// stored is the row of byv as it is.
func (w *world) stored(v, k, c int) *mutation.Row {
	w.t.Helper()
	t := w.db.Schema().Table("ks", "byv")
	view := w.store.View()
	defer view.Close()
	at, _ := t.ClusteringLayout().Encode([][]byte{types.AppendInt(nil, int32(k)), types.AppendInt(nil, int32(c))})
	_, rows, err := rowsAt(localView{view}, t.ID, partition.Decorate(types.AppendInt(nil, int32(v))), []clustering.Slice{clustering.RowSlice(at)})
	if err != nil || rows[string(at)] == nil {
		w.t.Fatalf("row %d %d %d: %v", v, k, c, err)
	}
	row := rows[string(at)]
	row.Sequence = 0
	return row
}

var gone = mutation.Row{Deletion: mutation.Deletion{LocalSec: 1}}

// TestCheckFindsEveryKindOfDivergence: injected into the store, told, mended, and then not there any more.
func TestCheckFindsEveryKindOfDivergence(t *testing.T) {
	alive := mutation.Liveness{ExpiresAt: mutation.Forever}
	cases := []struct {
		name   string
		inject func(w *world)
		want   []string // object is always ks.byv
	}{
		{"a row is missing", func(w *world) { w.inject(1, 0, 1, gone) }, []string{"missing 1 (0, 1) the base has it"}},
		{"a moved key", func(w *world) { w.inject(4, 0, 1, *w.stored(1, 0, 1)) }, []string{"extra 4 (0, 1) the base does not have it"}},
		{"a row of a deleted base row", func(w *world) { w.inject(1, 7, 7, mutation.Row{Live: alive}) }, []string{"extra 1 (7, 7) the base does not have it"}},
		{"a row of an expired base row", func(w *world) {
			w.run("INSERT INTO t (k, c, v, x) VALUES (5, 5, 1, 'short') USING TTL 10")
			row := *w.stored(1, 5, 5)
			row.Live.ExpiresAt = mutation.Forever
			w.inject(1, 5, 5, row)
			w.clock.Advance(20 * time.Second)
		}, []string{"extra 1 (5, 5) the base does not have it"}},
		{"a row that ends too early", func(w *world) {
			row := *w.stored(1, 0, 1)
			row.Live.ExpiresAt = 2_000_000_000
			w.inject(1, 0, 1, row)
		}, []string{"different 1 (0, 1) it ends 2033-05-18T03:33:20Z, in the base never"}},
		{"a row that has ended", func(w *world) {
			row := *w.stored(1, 0, 1)
			row.Live.ExpiresAt = 1_000_000_000
			w.inject(1, 0, 1, row)
		}, []string{"missing 1 (0, 1) the base has it"}},
		{"another value", func(w *world) {
			row := *w.stored(1, 0, 1)
			row.Cells[0].Value = []byte("other")
			w.inject(1, 0, 1, row)
		}, []string{"different 1 (0, 1) x is 'other' (written 2), in the base 'x1' (written 2)"}},
		{"another timestamp", func(w *world) {
			row := *w.stored(1, 0, 1)
			row.Cells[0].Timestamp = 7
			w.inject(1, 0, 1, row)
		}, []string{"different 1 (0, 1) x is 'x1' (written 7), in the base 'x1' (written 2)"}},
		{"another TTL", func(w *world) {
			row := *w.stored(1, 0, 1)
			row.Cells[0].TTL, row.Cells[0].ExpiresAt = 50, 2_000_000_000
			w.inject(1, 0, 1, row)
		}, []string{"different 1 (0, 1) x is 'x1' (written 2, TTL 50, ends 2033-05-18T03:33:20Z), in the base 'x1' (written 2)"}},
		{"a cell is missing", func(w *world) {
			row := *w.stored(1, 0, 1)
			row.Cells = nil
			w.inject(1, 0, 1, row)
		}, []string{"different 1 (0, 1) x is null, in the base 'x1' (written 2)"}},
		{"a cell too much", func(w *world) {
			w.run("DELETE x FROM t WHERE k = 0 AND c = 1")
			w.inject(1, 0, 1, mutation.Row{Live: alive, Cells: []mutation.Cell{{Column: 1, Timestamp: 3, ExpiresAt: mutation.Forever, Value: []byte("old")}}})
		}, []string{"different 1 (0, 1) x is 'old' (written 3), in the base null"}},
		{"several at once", func(w *world) {
			w.inject(1, 0, 1, gone)
			w.inject(3, 0, 1, mutation.Row{Live: alive})
			w.inject(3, 9, 9, mutation.Row{Live: alive})
		}, []string{"missing 1 (0, 1) the base has it", "extra 3 (0, 1) the base does not have it", "extra 3 (9, 9) the base does not have it"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			load(w, 3, 3)
			w.run(byv)
			w.built()
			w.expect("CHECK QUERY TABLE byv")
			c.inject(w)
			var told, mended []string
			for _, line := range c.want {
				told = append(told, "ks.byv "+line)
				mended = append(mended, "ks.byv "+line+"; mended")
			}
			slices.Sort(told)
			slices.Sort(mended)
			for range 2 {
				if got := w.sorted("CHECK QUERY TABLE byv"); !slices.Equal(got, told) {
					t.Errorf("CHECK\n got %q\nwant %q", got, told)
				}
				if err := w.store.FlushAll(); err != nil {
					t.Fatal(err)
				}
			}
			if got := w.sorted("CHECK QUERY TABLE byv REPAIR"); !slices.Equal(got, mended) {
				t.Errorf("REPAIR\n got %q\nwant %q", got, mended)
			}
			w.expect("CHECK QUERY TABLE byv")
			w.equal()
		})
	}
}

// TestCheckOfRandomDivergences: whatever is written into the copy, CHECK finds as many divergences as there are, and REPAIR
// leaves none. Small parts make the walks stop in the middle of partitions.
func TestCheckOfRandomDivergences(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	for range 10 {
		w := newWorld(t)
		load(w, 3, 6)
		w.run(byv)
		w.built()
		for range 20 {
			w.run(anyWrite(rng, 3, 6))
		}
		w.db.checkRowsMax = 1 + rng.IntN(7)
		for range rng.IntN(10) {
			row := gone
			if rng.IntN(3) > 0 {
				row = mutation.Row{Live: mutation.Liveness{ExpiresAt: mutation.Forever}, Cells: []mutation.Cell{{Column: 1, Timestamp: rng.Int64N(3), ExpiresAt: mutation.Forever, Value: []byte("x")}}}
			}
			w.inject(rng.IntN(4), rng.IntN(3), rng.IntN(6), row)
		}
		got := len(w.rows("CHECK QUERY TABLE byv"))
		if want := w.divergences(); got != want {
			t.Errorf("%d divergences found, %d are there", got, want)
		}
		if mended := w.rows("CHECK QUERY TABLE byv REPAIR"); len(mended) != got {
			t.Errorf("%d divergences found, %d mended", got, len(mended))
		}
		w.expect("CHECK QUERY TABLE byv")
		w.equal()
	}
}

// divergences counts keys under which byv and what t says differ.
func (w *world) divergences() int {
	has, want := map[string]string{}, map[string]string{}
	for into, text := range map[*map[string]string]string{&has: "byv", &want: "t"} {
		for _, line := range w.rows("SELECT v, k, c, x, writetime(x), ttl(x) FROM " + text) {
			cells := strings.SplitN(line, " ", 4)
			if cells[0] != "null" {
				(*into)[fmt.Sprint(cells[:3])] = cells[3]
			}
		}
	}
	n := 0
	for key, row := range want {
		if has[key] != row {
			n++
		}
		delete(has, key)
	}
	return n + len(has)
}

// TestCheckSaysHowMuchItCompared: the number is in a warning that begins with the object.
func TestCheckSaysHowMuchItCompared(t *testing.T) {
	w := newWorld(t)
	load(w, 3, 3)
	w.run(byv, "DELETE v FROM t WHERE k = 0 AND c = 0")
	w.built()
	r, err := w.try("CHECK QUERY TABLE byv REPAIR")
	want := []string{"query table ks.byv: 9 rows of ks.t and 8 rows of the copy compared, 0 divergences, 0 mended"}
	if err != nil || !slices.Equal(r.Warnings, want) {
		t.Errorf("%v %q", err, r.Warnings)
	}
	w.refused("CHECK QUERY TABLE t", "ks.t is not a query table, view or index")
	w.steer(1, nil, func() { w.refused("CHECK QUERY TABLE byv", "query table ks.byv is being built") })
	w.run("REBUILD QUERY TABLE byv")
}

// TestAppendOnlyWantsEqualCopies: a promise that makes the server stop looking is taken only where there is nothing to see.
func TestAppendOnlyWantsEqualCopies(t *testing.T) {
	w := newWorld(t)
	load(w, 3, 3)
	w.run(byv)
	w.built()
	w.inject(1, 0, 1, gone)
	w.refused("ALTER TABLE t WITH append_only = true", "query table ks.byv differs from it, by 1 rows; mend it first: CHECK QUERY TABLE ks.byv REPAIR")
	w.run("UPDATE t SET v = 1 WHERE k = 0 AND c = 0", "CHECK QUERY TABLE byv REPAIR", "ALTER TABLE t WITH append_only = true")
	w.refused("UPDATE t SET v = 2 WHERE k = 0 AND c = 0", "append_only")
	w.run("ALTER TABLE t WITH append_only = false", "UPDATE t SET v = 2 WHERE k = 0 AND c = 0")
	w.equal()
}

// TestCheckWhileOthersWrite: rows that come and go under the check are no divergences.
func TestCheckWhileOthersWrite(t *testing.T) {
	w := newWorld(t)
	load(w, 3, 6)
	w.run(byv)
	w.built()
	w.db.checkRowsMax = 2
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
				if _, err := w.try(anyWrite(rng, 3, 6)); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	for i := range 50 {
		text := "CHECK QUERY TABLE byv"
		if i%2 == 1 {
			text += " REPAIR"
		}
		w.expect(text)
	}
	close(stop)
	<-done
	w.equal()
}
