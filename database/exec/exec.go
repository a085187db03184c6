// Package exec runs Read plans: it reads partitions as vectors, hides what has expired, filters, projects,
// groups, limits and cuts pages.
//
// It knows plans, vectors and the moment of a page (R25). It does not know stores, statements or connections:
// rows come from a Source.
package exec

import (
	"slices"
	"sync"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// Source is where rows come from: a pinned View of a store, or the catalogue.
type Source interface {
	// Read reads one partition.
	Read(table *schema.Table, req mutation.ReadRequest) (mutation.PartitionReader, error)
	// Keys walks the partitions of a range in order.
	Keys(table *schema.Table, r partition.Range) (mutation.KeyIterator, error)
}

// Options of one page.
type Options struct {
	NowSec       int64         // what ends at or before this second is hidden (R25)
	PageSize     int           // rows of the page; 0: all
	State        []byte        // where the page begins, of the Result before; nil: at the beginning. The caller vouches for it
	RowsBytesMax int           // bytes of the page, of which one row may take more; 0: any
	NoSummaries  bool          // all rows are read, even where what is known of them is enough
	Memory       *memory.Lease // what the page takes; nil: it is not counted
	Buffer       []byte        // memory for Result.Rows, if they fit
	// Statistics counts what the source reads, added to what it holds; nil: nobody asks.
	Statistics *mutation.ReadStatistics
	// IndexStatistics counts likewise what is read of the index that names the partitions.
	IndexStatistics *mutation.ReadStatistics
	// LevelStatistics counts likewise what is read of rollups that serve parts of the answer.
	LevelStatistics *mutation.ReadStatistics
	// Check is called when a partition was opened and after each batch, with the key of the partition; its error ends the
	// read, also where the source gave up with mutation.ErrTombstones. nil: nobody looks.
	Check func(stats *Stats, key [][]byte) error
	// Retained says which rows of the plan's table have ended otherwise than by their TTL; nil: none has.
	Retained *Retained
	Clock    clock.Clock // measures Stats.Times; nil: nobody asks
	Discard  bool        // rows of the answer are counted and thrown away
}

// Result is one page of an answer.
type Result struct {
	Columns  []planner.ColumnSpec
	Rows     []byte // row after row, each cell as its length in 4 bytes (−1: null) and its bytes
	RowCount int
	State    []byte // where the next page begins; nil: this was the last
	Stats    Stats
}

// Stats counts what a page cost.
type Stats struct {
	Partitions int   // read
	RowsRead   int64 // that the source gave, hidden ones included
	// RowsSummarized were not read: what is known of their row groups was enough.
	RowsSummarized int64
	Groups         int64        // of rows, those filled in not counted
	RowsPassed     int64        // of those read: they show and pass the filters
	RowsFiltered   int64        // of those read: they show and do not pass
	Levels         []LevelStats // rollups that served parts of it
	Times          Times        // if Options.Clock is set
}

// Run reads one page.
func Run(src Source, plan *planner.Read, opts Options) (*Result, error) {
	r, err := newRun(src, plan, opts)
	if err != nil {
		return nil, err
	}
	if err := r.all(); err != nil {
		return nil, err
	}
	result := r.result
	r.recycle()
	return &result, nil
}

// all reads the partitions of the page.
func (r *run) all() error {
	walk, err := r.partitions()
	if err != nil {
		return err
	}
	defer walk.close()
	for !r.done {
		key, err := walk.next()
		r.watch.lap(&r.result.Stats.Times.Read)
		if err != nil {
			return r.check(err)
		}
		if key == nil {
			break
		}
		if r.stitch != nil {
			err = r.stitch.partition(*key)
		} else {
			err = r.partition(*key)
		}
		if err != nil {
			return err
		}
	}
	return r.finish()
}

// run is the state of a page being made.
type run struct {
	src     Source
	plan    *planner.Read
	opts    Options
	layout  partition.Layout
	request mutation.ReadRequest // but for key, slices and hint
	fetched [8]mutation.ColumnID // memory of request.Columns, if that is enough
	walk    walk
	filters filters
	encoder encoder
	vectors bool      // the encoder makes the rows of the answer
	groups  *grouping // nil unless grouped
	stitch  *stitch   // nil unless rollups may serve it
	sort    *sorter   // nil unless sorted
	now     int64     // what ends at or before this second is hidden

	begin       position // where the page begins, until its first partition is read
	row         row      // the row under way
	hidden      hiding
	retained    *retained // nil: rows end by their TTL alone
	watch       stopwatch
	emitted     int // rows of the answer so far, pages before included
	inPartition int // rows of the answer from the partition under way
	done        bool
	leased      int // bytes that the page holds of its lease
	result      Result
}

// runs are runs that are over, with memory that the next one needs as well.
var runs = sync.Pool{New: func() any { return new(run) }}

// recycle lets another run have this one's memory. Nothing of it may be used any more.
func (r *run) recycle() {
	made, hidden := r.encoder, r.hidden
	clear(hidden.batch.Columns)
	clear(made.sources)
	*r = run{
		encoder: encoder{ends: made.ends, at: made.at, sources: made.sources[:0]},
		hidden:  hiding{bitmaps: hidden.bitmaps, spans: hidden.spans, batch: mutation.Batch{Columns: hidden.batch.Columns[:0]}},
	}
	runs.Put(r)
}

func newRun(src Source, plan *planner.Read, opts Options) (*run, error) {
	r := runs.Get().(*run)
	r.src, r.plan, r.opts, r.layout, r.watch, r.now = src, plan, opts, plan.Layout, newStopwatch(opts.Clock), opts.NowSec
	r.result.Rows = opts.Buffer[:0]
	if err := r.decodeState(opts.State); err != nil {
		return nil, err
	}
	r.request = mutation.ReadRequest{Slices: plan.Slices, Reverse: plan.Reverse, Metadata: plan.Metadata, NowSec: opts.NowSec, Statistics: opts.Statistics}
	r.request.Columns = r.fetched[:0]
	for _, col := range plan.Fetch {
		r.request.Columns = append(r.request.Columns, col.ID)
	}
	r.retained = newRetained(r, opts.Retained)
	r.result.Columns = plan.Columns
	r.filters = newFilters(plan)
	for i := range r.filters.row {
		if w, ok := r.filters.row[i].between(); ok && !opts.NoSummaries {
			r.request.Where = append(r.request.Where, w)
		}
	}
	r.row = row{table: plan.Table, nowSec: opts.NowSec, statics: make([]*mutation.Cell, len(plan.Table.Statics))}
	r.row.complexes.init(plan, opts.NowSec)
	if plan.Grouped {
		var err error
		if r.groups, err = newGrouping(r); err != nil {
			return nil, err
		}
		r.request.Summaries = !opts.NoSummaries && r.groups.summarizes()
		if r.stitch, err = newStitch(r); err != nil {
			return nil, err
		}
	}
	if len(plan.Sort) > 0 {
		if opts.PageSize > 0 && (plan.Limit == 0 || plan.Limit > opts.PageSize) {
			return nil, &planner.InvalidError{Message: "Cannot page queries with both ORDER BY and a IN restriction on the partition key; you must either remove the ORDER BY or the IN and sort client side, or disable paging for this query"}
		}
		r.sort = &sorter{keys: plan.Sort}
	}
	r.vectors = !plan.Grouped && r.sort == nil && !opts.Discard && plainOutput(plan)
	if r.vectors {
		r.encoder.outputs = plan.Output
		r.encoder.sources = slices.Grow(r.encoder.sources, len(plan.Output))[:len(plan.Output)]
	}
	return r, nil
}

// walk yields the partitions of the plan from where the page begins.
type walk struct {
	keys []partition.DecoratedKey
	it   mutation.KeyIterator // nil: keys
	from *partition.DecoratedKey
}

func (r *run) partitions() (_ *walk, err error) {
	w := &r.walk
	w.from = r.begin.key
	if len(r.plan.Slices) == 0 {
		return w, nil // WHERE contradicts itself
	}
	if r.plan.Keys != nil {
		w.keys = r.plan.Keys
		if w.from != nil {
			at, ok := r.plan.Resume(*w.from)
			if !ok {
				return nil, errState
			}
			w.keys = w.keys[at:]
		}
		return w, nil
	}
	if r.plan.Through != nil {
		it, err := r.through()
		w.it = it
		return w, err
	}
	rng := r.plan.Range
	if w.from != nil {
		rng = rng.Intersect(partition.Range{HasStart: true, Start: w.from.Token})
	}
	if rng.IsEmpty() {
		return w, nil
	}
	if r.stitch != nil {
		w.it, err = r.stitch.keys(rng)
	} else {
		w.it, err = r.src.Keys(r.plan.Table, rng)
	}
	return w, err
}

func (w *walk) next() (*partition.DecoratedKey, error) {
	if w.it == nil {
		if len(w.keys) == 0 {
			return nil, nil
		}
		key := &w.keys[0]
		w.keys = w.keys[1:]
		return key, nil
	}
	for {
		key, err := w.it.Next()
		if key == nil || err != nil {
			return nil, err
		}
		if w.from != nil && key.Compare(*w.from) < 0 {
			continue
		}
		w.from = nil
		return key, nil
	}
}

func (w *walk) close() {
	if w.it != nil {
		w.it.Close()
	}
}

// finish closes the page.
func (r *run) finish() error {
	if r.groups != nil && r.result.State == nil {
		if err := r.groups.end(); err != nil {
			return err
		}
	}
	r.lapRows()
	if r.sort != nil {
		r.sort.finish(&r.result, r.plan.Limit)
		r.watch.lap(&r.result.Stats.Times.Sort)
	}
	return nil
}

// pageFull reports whether the page takes no further row.
func (r *run) pageFull() bool {
	return r.sort == nil && r.result.RowCount > 0 &&
		(r.opts.PageSize > 0 && r.result.RowCount >= r.opts.PageSize || r.opts.RowsBytesMax > 0 && len(r.result.Rows) >= r.opts.RowsBytesMax)
}

// limitReached reports whether the answer is complete.
func (r *run) limitReached() bool {
	return r.sort == nil && r.plan.Limit > 0 && r.emitted >= r.plan.Limit
}

// partitionMax is how many rows of the answer a partition gives; 0: any.
func (r *run) partitionMax() int {
	if r.plan.Distinct {
		return 1
	}
	return r.plan.PartitionMax
}

// partitionFull reports whether the partition under way gives no further row.
func (r *run) partitionFull() bool {
	most := r.partitionMax()
	return most > 0 && r.inPartition >= most
}

// admit decides whether one more row of the answer may begin at the row under way. If not, the partition
// or the page is over.
func (r *run) admit() (ok bool, err error) {
	return r.room(r.stopHere)
}

// room decides whether one more row of the answer fits; stop ends a page that is full.
func (r *run) room(stop func() error) (ok bool, err error) {
	switch {
	case r.limitReached():
		r.done = true
		return false, nil
	case r.partitionFull():
		return false, nil
	case r.pageFull():
		return false, stop()
	}
	return true, nil
}

// stopHere ends the page before the row under way.
func (r *run) stopHere() error {
	state, err := r.encodeState()
	r.result.State, r.done = state, true
	return err
}
