package database

import (
	"fmt"
	"testing"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// readCounter counts what writers read before they write.
type readCounter struct {
	Store
	views, reads int
}

func (c *readCounter) Newest() View {
	c.views++
	return countedView{c.Store.Newest(), c}
}

type countedView struct {
	View
	of *readCounter
}

func (v countedView) Rows(table mutation.TableID, key partition.DecoratedKey, slices clustering.Slices) (*mutation.Side, mutation.RowSource, error) {
	v.of.reads++
	return v.View.Rows(table, key, slices)
}

// A row is read before it is written only where it may be there: not behind or before all others of its partition (R39c), and never
// in an append-only table (R39d), in whatever order its rows come.
func TestReadsBeforeWrites(t *testing.T) {
	for _, test := range []struct {
		name, options     string
		ascending         bool
		views, rowsBehind int // wanted: Views taken, and reads of rows, of ten writes
	}{
		{"in order", "", true, 10, 0},
		{"out of order", "", false, 10, 6}, // 0 7 4 1 8 5 2 9 6 3: six lie between others
		{"append-only in order", " WITH append_only = true", true, 0, 0},
		{"append-only out of order", " WITH append_only = true", false, 0, 0},
	} {
		w := newWorld(t, "CREATE TABLE t (k int, c int, v int, PRIMARY KEY (k, c))"+test.options, "CREATE QUERY TABLE byv ON t * PRIMARY KEY ((v), k, c)")
		counter := &readCounter{Store: w.db.store}
		w.db.store = counter
		for n := range 10 {
			c := n
			if !test.ascending {
				c = n * 7 % 10
			}
			w.run(fmt.Sprintf("INSERT INTO t (k, c, v) VALUES (1, %d, %d)", c, n%3))
		}
		w.db.store = counter.Store
		if counter.views != test.views || counter.reads != test.rowsBehind {
			t.Errorf("%s: %d views and %d reads of rows, want %d and %d", test.name, counter.views, counter.reads, test.views, test.rowsBehind)
		}
		if n := len(w.rows("SELECT * FROM byv")); n != 10 {
			t.Errorf("%s: the copy has %d rows", test.name, n)
		}
	}
}
