package lsm

import (
	"fmt"

	"github.com/eskerdb/esker/mutation"
)

// Read reads rows of one partition: first what lies beside the rows, then the rows. Sources
// that do not overlap are decoded straight into vectors, one after the other; where they do,
// rows are merged one by one. Both give the same answer (law 8). Files of windows are opened
// only when the reader gets to their time.
func (v *View) Read(table mutation.TableID, req mutation.ReadRequest) (mutation.PartitionReader, error) {
	t, err := v.table(table)
	if err != nil {
		return nil, err
	}
	r := &reader{req: req}
	naive := v.store.opts.Tuning.NoFastLane
	if err := r.open(t, &r.req, v.sequence, naive); err != nil {
		return nil, fmt.Errorf("read of %s: %w", t.table.Name, corrupt(err))
	}
	r.naive = naive
	return r, nil
}

// reader implements mutation.PartitionReader: one run after the other.
type reader struct {
	sources
	req     mutation.ReadRequest
	naive   bool                 // everything is merged row by row
	current mutation.BatchSource // of the run being read; nil: none
	rows    int                  // returned so far
}

// Side implements mutation.PartitionReader.
func (r *reader) Side() *mutation.Side { return &r.side }

// Next implements mutation.PartitionReader.
func (r *reader) Next() (*mutation.Batch, error) {
	for {
		if r.current == nil {
			run, err := r.next()
			if err != nil {
				return nil, fmt.Errorf("read of %s: %w", r.table.Name, corrupt(err))
			}
			if len(run) == 0 {
				return nil, nil
			}
			r.current = r.openRun(run)
		}
		batch, err := r.current.Next()
		if err != nil {
			return nil, fmt.Errorf("read of %s: %w", r.table.Name, corrupt(err))
		}
		if batch != nil {
			r.rows += batch.Rows
			return batch, nil
		}
		r.current.Close()
		r.current = nil
	}
}

// next returns the sources to read next; a naive reader takes all at once.
func (r *reader) next() ([]source, error) {
	if r.naive {
		return r.rest(), nil
	}
	return r.nextRun(&r.req)
}

// Expand implements mutation.Expander.
func (r *reader) Expand() {
	if e, ok := r.current.(mutation.Expander); ok {
		e.Expand()
	}
}

// Close implements mutation.PartitionReader.
func (r *reader) Close() {
	if r.current != nil {
		r.current.Close()
		r.current = nil
	}
	r.opened, r.waiting = nil, waiting{}
}

// openRun chooses the lane for sources that overlap each other and nobody else.
func (r *reader) openRun(run []source) mutation.BatchSource {
	if !r.naive {
		r.req.Slices = r.stage
	}
	if len(run) == 1 && !r.naive && run[0].shows(r) {
		r.req.RowsMax = r.left()
		if batches := run[0].run.Batches(&r.req); batches != nil {
			return batches
		}
	}
	rows, counted := make([]mutation.RowSource, len(run)), make([]mutation.RowSource, len(run))
	for i := range run {
		rows[i] = run[i].run.Rows(r.req.Slices, r.req.Reverse)
		counted[i] = r.cost.rows(rows[i])
	}
	want := mutation.BatchRowsMax
	if n := r.left(); n > 0 {
		want = min(max(n, wantMin), want)
	}
	return &rowLane{
		rows:    mutation.MergeRows(r.table.Law, counted, &r.side, r.req.Reverse),
		sources: rows,
		cost:    &r.cost,
		builder: mutation.NewBatchBuilder(r.table, &r.req),
		want:    want,
	}
}

// shows reports whether no deletion beside the rows hides rows of s: there is none, or only its own, which
// were applied when its file was written.
func (s *source) shows(r *reader) bool {
	return !hides(&r.side) || s.applied && s.hides && r.hiders == 1
}

// hides reports whether side deletes rows.
func hides(side *mutation.Side) bool { return !side.Deletion.IsNone() || len(side.Ranges) > 0 }

// left returns how many rows the caller will still take, by what it says; 0: it does not say. It may take
// more, since hidden rows do not count for it.
func (r *reader) left() int {
	if r.limit == 0 {
		return 0
	}
	return max(r.limit-r.rows, 1)
}

// wantMin keeps batches from becoming tiny when the caller goes on beyond what it said.
const wantMin = 16

// rowLane builds batches of merged rows.
type rowLane struct {
	rows    mutation.RowSource
	sources []mutation.RowSource
	builder *mutation.BatchBuilder
	want    int
	cost    *cost
}

// Next implements mutation.BatchSource.
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
		l.cost.merged(row)
		if err := l.cost.counted.TooMany(); err != nil {
			return nil, err
		}
		if err := l.builder.Append(row); err != nil {
			return nil, err
		}
	}
	l.want = min(4*l.want, mutation.BatchRowsMax)
	return l.builder.Batch(), nil
}

// Close implements mutation.BatchSource.
func (l *rowLane) Close() {
	for _, s := range l.sources {
		if c, ok := s.(interface{ Close() }); ok {
			c.Close()
		}
	}
}
