package querytable

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// Difference is what must be written to the copy when a base row changes from before to after (R39b): rows
// it no longer has deleted, rows that are new or not the same written. nowSec is the server's time in
// seconds; a row that has ended by then shows nowhere any more and is left alone.
func (p *Projector) Difference(key partition.DecoratedKey, before, after Base, nowSec int64) ([]mutation.Mutation, error) {
	f, err := p.Follow(key, nowSec)
	if err != nil {
		return nil, err
	}
	return f.Change(nil, before, after)
}

// Follower computes the differences of many rows of one base partition.
type Follower struct {
	projection
	nowSec     int64
	bytes      int   // of all that was written
	old, fresh []Row // reused
}

// Bytes is about how much memory the mutations take that Change has made.
func (f *Follower) Bytes() int { return f.bytes }

// Estimates of what a row and a cell take beside their bytes, a mutation of one row included.
const (
	rowBytes  = 240
	cellBytes = 56
)

// Follow makes a Follower of the base partition with that key.
func (p *Projector) Follow(key partition.DecoratedKey, nowSec int64) (*Follower, error) {
	pr, err := p.open(key)
	if err != nil {
		return nil, err
	}
	return &Follower{projection: *pr, nowSec: nowSec}, nil
}

// Turn makes f follow the base partition with that key, as if it were new.
func (f *Follower) Turn(key partition.DecoratedKey) error {
	f.bytes = 0
	return f.turn(key)
}

// Change appends the Difference of one row to out, joined to the last mutation there where that has the same
// partition. after must not be changed while the result is used; before may be once it returns.
func (f *Follower) Change(out []mutation.Mutation, before, after Base) ([]mutation.Mutation, error) {
	var err error
	if f.old, err = f.project(before, f.nowSec, f.old[:0]); err != nil {
		return out, err
	}
	if f.fresh, err = f.project(after, f.nowSec, f.fresh[:0]); err != nil {
		return out, err
	}
	if f.unnested >= 0 {
		slices.SortFunc(f.old, comparePlaces)
		slices.SortFunc(f.fresh, comparePlaces)
	}
	old, fresh := f.old, f.fresh
	for len(old) > 0 || len(fresh) > 0 {
		switch order := compareHeads(old, fresh); {
		case order < 0:
			gone := mutation.Row{Clustering: old[0].Row.Clustering, Deletion: mutation.Deletion{LocalSec: max(f.nowSec, 1)}}
			out, old = f.write(out, old[0].Key, gone), old[1:]
		case order > 0:
			out, fresh = f.write(out, fresh[0].Key, fresh[0].Row), fresh[1:]
		default:
			if !sameContent(&old[0].Row, &fresh[0].Row) {
				out = f.write(out, fresh[0].Key, fresh[0].Row)
			}
			old, fresh = old[1:], fresh[1:]
		}
	}
	return out, nil
}

// write adds a row to the last mutation, or to a new one.
func (f *Follower) write(out []mutation.Mutation, key partition.DecoratedKey, row mutation.Row) []mutation.Mutation {
	f.bytes += rowBytes + len(key.Key) + len(row.Clustering)
	for i := range row.Cells {
		f.bytes += cellBytes + len(row.Cells[i].Value)
	}
	if n := len(out); n > 0 && out[n-1].Table == f.copy.ID && out[n-1].Key.Equal(key) {
		out[n-1].Rows = append(out[n-1].Rows, row)
		return out
	}
	return append(out, mutation.Mutation{Table: f.copy.ID, Key: key, Rows: []mutation.Row{row}})
}

// compareHeads compares the first rows; where one side has none the other's comes first.
func compareHeads(old, fresh []Row) int {
	switch {
	case len(fresh) == 0:
		return -1
	case len(old) == 0:
		return 1
	}
	return comparePlaces(old[0], fresh[0])
}

func comparePlaces(a, b Row) int {
	return cmp.Or(bytes.Compare(a.Key.Key, b.Key.Key), bytes.Compare(a.Row.Clustering, b.Row.Clustering))
}

func sameContent(a, b *mutation.Row) bool {
	if a.Live != b.Live || len(a.Cells) != len(b.Cells) {
		return false
	}
	for i := range a.Cells {
		x, y := &a.Cells[i], &b.Cells[i]
		if x.Column != y.Column || x.Timestamp != y.Timestamp || x.TTL != y.TTL || x.ExpiresAt != y.ExpiresAt || !bytes.Equal(x.Value, y.Value) {
			return false
		}
	}
	return true
}
