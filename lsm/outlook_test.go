package lsm

import (
	"math/rand/v2"
	"testing"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// What a read looks into is never more than its outlook says, whatever lies in which file.
func TestReadsKeepToTheirOutlook(t *testing.T) {
	const hour = 3_600_000
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 1))
		table := testTable(byte(1 + seed%2)) // the second is DESC
		table.Bucket = partition.Bucketing{SizeMillis: hour}
		opts := testOptions(vfs.NewMem(), clock.NewManual(start))
		opts.Tuning.ShareRows = 1 + int64(seed%3)*100
		s := mustOpen(t, opts)
		mustNot(t, s.PutSchema([]byte("schema"), []mutation.Table{table}))
		for n := range int64(600) {
			m := rowMutation(&table, rng.IntN(3), rng.Int64N(24*hour), n+1)
			mustApply(t, s, m)
			switch rng.IntN(80) {
			case 0, 1:
				mustNot(t, s.Flush(table.ID))
			case 2:
				mustNot(t, s.Compact(table.ID))
			}
		}
		v := s.View()
		for range 30 {
			req := mutation.ReadRequest{Key: keyOf(rng.IntN(4)), Slices: clustering.All(), Reverse: rng.IntN(2) == 0}
			if rng.IntN(4) > 0 {
				req.Slices = drawSlices(&table, rng, 24*hour, hour)
			}
			keepsToOutlook(t, v, &table, req, rng.IntN(3))
		}
		v.Close()
		mustNot(t, s.Close())
	}
}

// drawSlices draws up to three slices; their ends are often the ends of buckets.
func drawSlices(table *mutation.Table, rng *rand.Rand, span, step int64) clustering.Slices {
	var out []clustering.Slice
	for range 1 + rng.IntN(3) {
		var bounds [2]clustering.Bound
		for i := range bounds {
			at := rng.Int64N(span)
			if rng.IntN(2) == 0 {
				at -= at % step
			}
			bounds[i] = clustering.Before(rowKey(table, at))
			if rng.IntN(2) == 0 {
				bounds[i].Side = clustering.SideAfter
			}
		}
		if bounds[0].Compare(bounds[1]) > 0 {
			bounds[0], bounds[1] = bounds[1], bounds[0]
		}
		out = append(out, clustering.Slice{Start: bounds[0], End: bounds[1]})
	}
	return clustering.MakeSlices(out)
}

// keepsToOutlook reads so many batches, 0: all, and compares what that cost with what was foreseen.
func keepsToOutlook(t *testing.T, v *View, table *mutation.Table, req mutation.ReadRequest, batches int) {
	t.Helper()
	o, err := v.Outlook(table.ID, []partition.DecoratedKey{req.Key}, partition.Range{}, req.Slices)
	mustNot(t, err)
	all, err := v.Outlook(table.ID, nil, partition.Range{}, req.Slices)
	mustNot(t, err)
	var s mutation.ReadStatistics
	req.Statistics = &s
	if batches > 0 {
		req.RowsMax = 1
	}
	r, err := v.Read(table.ID, req)
	mustNot(t, err)
	defer r.Close()
	for n := 0; batches == 0 || n < batches; n++ {
		b, err := r.Next()
		mustNot(t, err)
		if b == nil {
			break
		}
	}
	if s.Files > o.Files || s.Buckets > o.Buckets || s.RowGroups > o.RowGroups || s.Memtables > o.Memtables ||
		s.Files+s.FilesSkipped != o.AllFiles || s.RowGroups+s.RowGroupsSkipped > o.AllRowGroups {
		t.Errorf("slices %v: read %+v, foreseen %+v", req.Slices, s, o)
	}
	if batches == 0 && len(req.Slices) > 0 && (s.Files != o.Files || s.Buckets != o.Buckets || s.RowGroups+s.RowGroupsSkipped != o.AllRowGroups) {
		t.Errorf("slices %v: read to the end %+v, foreseen %+v", req.Slices, s, o)
	}
	if o.Files > all.Files || o.Buckets > all.Buckets || o.Memtables > all.Memtables {
		t.Errorf("slices %v: one partition %+v, all %+v", req.Slices, o, all)
	}
}
