package lsm

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/lsm/memtable"
	"github.com/eskerdb/esker/lsm/sstable"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// Read reads rows of one partition: first what lies beside the rows, then the rows. Sources
// that do not overlap are decoded straight into vectors, one after the other; where they do,
// rows are merged one by one. Both give the same answer (law 8).
func (v *View) Read(table mutation.TableID, req mutation.ReadRequest) (mutation.PartitionReader, error) {
	t, err := v.table(table)
	if err != nil {
		return nil, err
	}
	sources, err := t.open(&req, v.sequence)
	if err != nil {
		return nil, fmt.Errorf("read of %s: %w", t.table.Name, corrupt(err))
	}
	r := &reader{table: t.table, req: req, side: mergedSide(t.table.Law, sources)}
	// What a file deletes beside its rows it has applied to them itself, but not to those of others.
	r.fast = !v.store.opts.Tuning.NoFastLane && (len(sources) == 1 || !hides(&r.side))
	if r.fast {
		r.runs = splitRuns(sources, &req)
	} else {
		r.runs = oneRun(sources)
	}
	return r, nil
}

// source is what a memtable or a file holds of the partition.
type source struct {
	side        *mutation.Side
	rows        func(clustering.Slices, bool) mutation.RowSource
	file        *sstable.Partition // nil for a memtable
	first, last []byte             // clustering of its rows, those outside the slices too
	any         bool               // it has rows
}

// open opens the partition in every source that may have it.
func (t *tableVersion) open(req *mutation.ReadRequest, sequence uint64) ([]source, error) {
	var out []source
	for _, f := range t.files {
		if !f.mayHold(t.table, req) {
			continue
		}
		p, err := f.reader.Partition(req.Key)
		if err != nil {
			return nil, err
		}
		if p == nil {
			continue
		}
		s := source{side: p.Side(), rows: p.Rows, file: p}
		s.first, s.last, s.any = p.Bounds()
		out = append(out, s)
	}
	for _, m := range t.memories() {
		p := m.Partition(req.Key, sequence)
		if p == nil {
			continue
		}
		s := source{side: p.Side(), rows: p.Rows}
		s.first, s.last = p.Bounds()
		s.any = s.first != nil
		out = append(out, s)
	}
	return out, nil
}

// mayHold reports whether the file may hold anything for the request. A file of one window has
// rows of that event time and nothing beside rows, so that other slices pass it by.
func (f *file) mayHold(table *mutation.Table, req *mutation.ReadRequest) bool {
	if f.info.Partitions == 0 || req.Key.Compare(f.info.FirstKey) < 0 || req.Key.Compare(f.info.LastKey) > 0 {
		return false
	}
	w := window{f.info.BucketStart, f.info.BucketEnd}
	return w == (window{}) || slices.ContainsFunc(req.Slices, func(s clustering.Slice) bool {
		return w.touches(table.Clustering, s)
	})
}

func mergedSide(law mutation.Law, sources []source) mutation.Side {
	sides := make([]*mutation.Side, len(sources))
	for i := range sources {
		sides[i] = sources[i].side
	}
	return mutation.MergeSides(law, sides...)
}

// hides reports whether side deletes rows.
func hides(side *mutation.Side) bool { return !side.Deletion.IsNone() || len(side.Ranges) > 0 }

// run is sources whose rows lie together, apart from those of other runs.
type run struct{ sources []source }

func oneRun(sources []source) []run {
	return []run{{slices.DeleteFunc(sources, func(s source) bool { return !s.any })}}
}

// splitRuns groups sources that overlap, in the order of the request. Sources without rows in
// the slices are left out.
func splitRuns(sources []source, req *mutation.ReadRequest) []run {
	sources = slices.DeleteFunc(sources, func(s source) bool { return !s.any || !s.touches(req.Slices) })
	slices.SortFunc(sources, func(a, b source) int { return bytes.Compare(a.first, b.first) })
	var runs []run
	var last []byte
	for _, s := range sources {
		if len(runs) > 0 && bytes.Compare(s.first, last) <= 0 {
			r := &runs[len(runs)-1]
			r.sources = append(r.sources, s)
			if bytes.Compare(s.last, last) > 0 {
				last = s.last
			}
			continue
		}
		runs, last = append(runs, run{[]source{s}}), s.last
	}
	if req.Reverse {
		slices.Reverse(runs)
	}
	return runs
}

func (s *source) touches(in clustering.Slices) bool {
	i := in.Seek(s.first)
	return i < len(in) && in[i].Start.CompareKey(s.last) < 0
}

// reader implements mutation.PartitionReader: one run after the other.
type reader struct {
	table   *mutation.Table
	req     mutation.ReadRequest
	side    mutation.Side
	fast    bool // a run of one file is decoded straight into vectors
	runs    []run
	current batches // of the run being read; nil: none
	rows    int     // returned so far
}

// batches yields batches; the end is nil, nil.
type batches interface {
	Next() (*mutation.Batch, error)
}

// Side implements mutation.PartitionReader.
func (r *reader) Side() *mutation.Side { return &r.side }

// Next implements mutation.PartitionReader.
func (r *reader) Next() (*mutation.Batch, error) {
	for {
		if r.current == nil {
			if len(r.runs) == 0 {
				return nil, nil
			}
			r.current = r.openRun(&r.runs[0])
			r.runs = r.runs[1:]
		}
		batch, err := r.current.Next()
		if err != nil {
			return nil, fmt.Errorf("read of %s: %w", r.table.Name, corrupt(err))
		}
		if batch != nil {
			r.rows += batch.Rows
			return batch, nil
		}
		r.current = nil
	}
}

// Close implements mutation.PartitionReader.
func (r *reader) Close() { r.runs, r.current = nil, nil }

// openRun chooses the lane.
func (r *reader) openRun(run *run) batches {
	if r.fast && len(run.sources) == 1 && run.sources[0].file != nil {
		return run.sources[0].file.Batches(&r.req)
	}
	return r.mergeRun(run)
}

// mergeRun merges rows one by one.
func (r *reader) mergeRun(run *run) batches {
	rows := make([]mutation.RowSource, len(run.sources))
	for i, s := range run.sources {
		rows[i] = s.rows(r.req.Slices, r.req.Reverse)
	}
	return &rowLane{
		rows:    mutation.MergeRows(r.table.Law, rows, &r.side, r.req.Reverse),
		builder: mutation.NewBatchBuilder(r.table, &r.req),
		want:    r.want(),
	}
}

// want returns how many rows the first batch should have: no more than the caller says he will
// take. He may take more, since hidden rows do not count for him.
func (r *reader) want() int {
	if left := r.req.RowsMax - r.rows; r.req.RowsMax > 0 {
		return min(max(left, wantMin), mutation.BatchRowsMax)
	}
	return mutation.BatchRowsMax
}

// wantMin keeps batches from becoming tiny when the caller goes on beyond what he said.
const wantMin = 16

// rowLane builds batches of merged rows.
type rowLane struct {
	rows    mutation.RowSource
	builder *mutation.BatchBuilder
	want    int
}

// Next implements batches.
func (l *rowLane) Next() (*mutation.Batch, error) {
	l.builder.Reset()
	for l.builder.Len() < l.want {
		row, err := l.rows.Next()
		if err != nil {
			return nil, err
		}
		if row == nil {
			break
		}
		if err := l.builder.Append(row); err != nil {
			return nil, err
		}
	}
	l.want = min(4*l.want, mutation.BatchRowsMax)
	return l.builder.Batch(), nil
}

// Frontier is how far a partition reaches: a row beyond it is new (R39c).
type Frontier = memtable.Frontier

// Frontier returns the frontier of a partition, whatever the sequence. It is false when there is
// no such partition.
func (v *View) Frontier(table mutation.TableID, key partition.DecoratedKey) (Frontier, bool, error) {
	var out Frontier
	t, err := v.table(table)
	if err != nil {
		return out, false, err
	}
	found := false
	for _, m := range t.memories() {
		if f, ok := m.Frontier(key); ok {
			out, found = joinFrontiers(out, f), true
		}
	}
	for _, f := range t.files {
		p, err := f.reader.Partition(key)
		if err != nil {
			return out, false, fmt.Errorf("frontier in %s: %w", t.table.Name, corrupt(err))
		}
		if p != nil {
			out, found = joinFrontiers(out, fileFrontier(f, p)), true
		}
	}
	return out, found, nil
}

func fileFrontier(f *file, p *sstable.Partition) Frontier {
	side := p.Side()
	out := Frontier{HasTombstones: f.info.HasTombstones(), Deletion: side.Deletion}
	out.First, out.Last, out.HasRows = p.Bounds()
	if n := len(side.Ranges); n > 0 {
		out.HasRanges, out.Ranges = true, clustering.Slice{Start: side.Ranges[0].Slice.Start, End: side.Ranges[n-1].Slice.End}
	}
	return out
}

func joinFrontiers(a, b Frontier) Frontier {
	switch {
	case !a.HasRows:
		a.HasRows, a.First, a.Last = b.HasRows, b.First, b.Last
	case b.HasRows:
		if bytes.Compare(b.First, a.First) < 0 {
			a.First = b.First
		}
		if bytes.Compare(b.Last, a.Last) > 0 {
			a.Last = b.Last
		}
	}
	switch {
	case !a.HasRanges:
		a.HasRanges, a.Ranges = b.HasRanges, b.Ranges
	case b.HasRanges:
		a.Ranges = a.Ranges.Hull(b.Ranges)
	}
	a.HasTombstones = a.HasTombstones || b.HasTombstones
	a.Deletion = mutation.MaxDeletion(a.Deletion, b.Deletion)
	return a
}
