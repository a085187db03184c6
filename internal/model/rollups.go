package model

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
)

// Rollup is what a table is rolled up to. Its windows are of the first clustering column, a timestamp.
type Rollup struct {
	Step       Step
	Group      []string // columns that split a window
	Aggregates []Target
}

// Target is a column of a rollup.
type Target struct {
	Aggregate
	Of     string // column of the table; empty for the count of rows
	Column string // of the rollup
}

// Window is what a row of a rollup is computed from.
type Window struct {
	Key        [][]byte // of the partition
	Start, End time.Time
	Group      [][]byte
	rows       []Row // in the order of time
}

// never is a moment at which nothing has expired.
const never = -1 << 62

// Of are the rows that windows are made of. Times of rows are in milliseconds since 1970, behind it.
type Of struct {
	From, To int64    // of the time of rows, To excluded; both 0: all
	Key      [][]byte // of the partition; nil: all of them
	Expired  bool     // also what has expired or ended, as if nothing ever had (R40)
	// Unless Expired:
	Now         int64 // seconds since 1970
	ShownFrom   int64 // rows with a time below it have ended
	ExpiredFrom int64 // rows with a time from it on count though they have expired or ended; 0: none does
}

// rows are the rows of a partition that count.
func (t *Table) rows(key [][]byte, of Of) ([]Row, error) {
	all, err := t.Read(Query{Key: key, Slice: clustering.Whole(), Now: never})
	if err != nil {
		return nil, err
	}
	if !of.Expired {
		shown, err := t.Read(Query{Key: key, Slice: clustering.Whole(), Now: of.Now})
		if err != nil {
			return nil, err
		}
		whole := func(row Row) bool { return of.ExpiredFrom != 0 && t.timeOf(row).UnixMilli() >= of.ExpiredFrom }
		all = slices.DeleteFunc(all, func(row Row) bool { return !whole(row) })
		shown = slices.DeleteFunc(shown, func(row Row) bool { return whole(row) || t.timeOf(row).UnixMilli() < of.ShownFrom })
		all = append(all, shown...)
	}
	if of.To != 0 || of.From != 0 {
		all = slices.DeleteFunc(all, func(row Row) bool {
			at := t.timeOf(row).UnixMilli()
			return at < of.From || at >= of.To
		})
	}
	// Of one time the order is that of the clustering, read so that time ascends.
	slices.SortFunc(all, func(a, b Row) int { return bytes.Compare(t.place(a), t.place(b)) })
	if t.schema.Clustering[0].Desc {
		slices.Reverse(all)
	}
	return all, nil
}

// Windows are the groups of rows, by WindowKey.
func (t *Table) Windows(r *Rollup, of Of) (map[string]*Window, error) {
	out := map[string]*Window{}
	keys := t.keys()
	if of.Key != nil {
		keys = [][][]byte{of.Key}
	}
	for _, key := range keys {
		rows, err := t.rows(key, of)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			group, ok := t.group(r, row)
			if !ok {
				continue
			}
			start, end := r.Step.Around(t.timeOf(row))
			name := WindowKey(key, start, group)
			w := out[name]
			if w == nil {
				w = &Window{Key: key, Start: start, End: end, Group: group}
				out[name] = w
			}
			w.rows = append(w.rows, row)
		}
	}
	return out, nil
}

// WindowKey names a row of a rollup.
func WindowKey(key [][]byte, start time.Time, group [][]byte) string {
	return fmt.Sprintf("%x %s %x", key, start.UTC().Format(time.RFC3339Nano), group)
}

// keys are the partitions that were ever written, in no order.
func (t *Table) keys() (out [][][]byte) {
	seen := map[string]bool{}
	for _, op := range t.ops {
		if !seen[op.key] {
			seen[op.key] = true
			out = append(out, op.Key)
		}
	}
	return out
}

// place is where a row stands in the order of its partition.
func (t *Table) place(row Row) []byte {
	enc, err := t.layout.Encode(row.Clustering)
	if err != nil {
		panic(err) // it was decoded
	}
	return enc
}

func (t *Table) timeOf(row Row) time.Time {
	return time.UnixMilli(types.DecodeInt64(row.Clustering[0]))
}

// group is what a row belongs to; false: one of the columns is null.
func (t *Table) group(r *Rollup, row Row) (out [][]byte, ok bool) {
	for _, name := range r.Group {
		v := t.value(row, name)
		if v == nil {
			return nil, false
		}
		out = append(out, v)
	}
	return out, true
}

// value is a column of a row, nil for null.
func (t *Table) value(row Row, name string) []byte {
	for i, c := range t.schema.Clustering {
		if c.Name == name {
			return row.Clustering[i]
		}
	}
	return row.Columns[name].Bytes
}

// Differs says where the row of a rollup is not what its window gives; "" if nowhere.
func (t *Table) Differs(r *Rollup, w *Window, row map[string][]byte) string {
	for _, a := range r.Aggregates {
		readings := make([]Reading, len(w.rows))
		for i, from := range w.rows {
			readings[i] = Reading{At: t.timeOf(from)}
			if a.Of != "" {
				readings[i].Value = t.value(from, a.Of)
			}
		}
		if what := a.Differs(readings, row[a.Column]); what != "" {
			return fmt.Sprintf("%s over %d rows: %s", a.Column, len(readings), what)
		}
	}
	return ""
}

// Clear is TRUNCATE.
func (t *Table) Clear() { t.ops = nil }
