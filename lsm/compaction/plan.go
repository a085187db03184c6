package compaction

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"sort"

	"github.com/eskerdb/esker/partition"
)

// Range is event time [Start, End) in milliseconds; the zero value is none. The last range ends at
// math.MaxInt64 and includes it.
type Range struct{ Start, End int64 }

// IsNone reports whether r is no range.
func (r Range) IsNone() bool { return r == Range{} }

// Contains reports whether a time lies in r.
func (r Range) Contains(ms int64) bool {
	return ms >= r.Start && (ms < r.End || ms == math.MaxInt64 && r.End == math.MaxInt64 && r.Start != r.End)
}

// covers reports whether all of o lies in r.
func (r Range) covers(o Range) bool { return o.Start >= r.Start && o.End <= r.End }

// tooWide reports whether a range is longer than windows may share, where there is such a length; at the ends of the integers it is.
func tooWide(r Range, span int64) bool {
	return span > 0 && uint64(r.End)-uint64(r.Start) > uint64(span)
}

// levelsMax is how many times windows are put together in fours.
const levelsMax = 12

// rangeOf returns the range of level windows, 4^level of them, that holds a time. ok is false where there is no such level.
func rangeOf(b partition.Bucketing, ms int64, level int) (r Range, ok bool) {
	if level > levelsMax {
		return r, false
	}
	r.Start, r.End, ok = b.RangeOf(ms, level)
	return r, ok
}

// levelOf returns the level of a range; ok is false if windows are not put together so.
func levelOf(b partition.Bucketing, r Range) (level int, ok bool) {
	for ; ; level++ {
		at, ok := rangeOf(b, r.Start, level)
		if !ok || at == r {
			return level, ok
		}
	}
}

// unitsMax is how many windows are counted apart. With more, four count as one.
const unitsMax = 4096

// Counter counts rows by window. The zero value is not ready: Bucket must be set.
type Counter struct {
	Bucket partition.Bucketing
	level  int
	rows   map[Range]int64
}

// Add counts rows of one window, told by a time in it. It returns the range within which further rows count as the same.
func (c *Counter) Add(ms, rows int64) Range {
	if c.rows == nil {
		c.rows = make(map[Range]int64)
	}
	r, _ := rangeOf(c.Bucket, ms, c.level)
	c.rows[r] += rows
	for len(c.rows) > unitsMax && c.coarsen() {
	}
	return r
}

// coarsen counts four windows as one. It is false if that cannot be.
func (c *Counter) coarsen() bool {
	if _, ok := rangeOf(c.Bucket, 0, c.level+1); !ok {
		return false
	}
	c.level++
	old := c.rows
	c.rows = make(map[Range]int64, len(old)/2)
	for r, n := range old {
		r, _ = rangeOf(c.Bucket, r.Start, c.level)
		c.rows[r] += n
	}
	return true
}

// Plan says which ranges get files of their own.
type Plan struct {
	ranges []Range // ascending, apart
	all    bool    // the one range takes everything
}

// Into returns a plan of one range, which is known to hold every row that has an event time.
func Into(r Range) *Plan { return &Plan{ranges: []Range{r}, all: true} }

// PlanOptions say how ranges are made.
type PlanOptions struct {
	ClosedBefore int64 // windows that end by then are over, milliseconds of event time
	ShareRows    int64 // a range with as many rows is no longer shared by windows
	SpanMax      int64 // nor is a longer one, milliseconds; 0: however long
	FilesMax     int   // ranges in a plan, those with the most rows
}

// Plan lays counted rows out in ranges: a window that is worth it by itself, others together in ranges of 4, 16, … that
// together have few rows. What is over and what is not stays apart.
func (c *Counter) Plan(o PlanOptions) *Plan {
	p := planner{bucket: c.Bucket, level: c.level, o: o}
	for _, r := range slices.SortedFunc(maps.Keys(c.rows), func(a, b Range) int { return cmp.Compare(a.Start, b.Start) }) {
		p.units = append(p.units, unit{r, c.rows[r]})
	}
	p.lay(p.units)
	slices.SortStableFunc(p.out, func(a, b unit) int { return cmp.Compare(b.rows, a.rows) })
	p.out = p.out[:min(len(p.out), o.FilesMax)]
	plan := &Plan{}
	for _, u := range p.out {
		plan.ranges = append(plan.ranges, u.Range)
	}
	slices.SortFunc(plan.ranges, func(a, b Range) int { return cmp.Compare(a.Start, b.Start) })
	return plan
}

// unit is a range with rows.
type unit struct {
	Range
	rows int64
}

type planner struct {
	bucket partition.Bucketing
	level  int // of the units
	o      PlanOptions
	units  []unit
	out    []unit
}

// lay plans units, which ascend.
func (p *planner) lay(units []unit) {
	if len(units) < 2 {
		p.out = append(p.out, units...)
		return
	}
	last := units[len(units)-1]
	level := p.level + 1
	whole, ok := rangeOf(p.bucket, units[0].Start, level)
	for ok && !whole.covers(last.Range) {
		level++
		whole, ok = rangeOf(p.bucket, units[0].Start, level)
	}
	if ok && p.share(units, whole) {
		return
	}
	// In parts, each in a range one level lower.
	for len(units) > 0 {
		n := 1
		part, _ := rangeOf(p.bucket, units[0].Start, level-1)
		for n < len(units) && part.covers(units[n].Range) {
			n++
		}
		p.lay(units[:n])
		units = units[n:]
	}
}

// share puts units into one range if they may be together.
func (p *planner) share(units []unit, whole Range) bool {
	if whole.End > p.o.ClosedBefore && units[0].End <= p.o.ClosedBefore || tooWide(whole, p.o.SpanMax) {
		return false
	}
	rows := int64(0)
	for _, u := range units {
		rows += u.rows
	}
	if rows >= p.o.ShareRows {
		return false
	}
	p.out = append(p.out, unit{whole, rows})
	return true
}

// Find returns the range of a plan that rows of that time go to, none if there is no such. From from to to, the first and the last
// millisecond, the answer is the same.
func (p *Plan) Find(ms int64) (r Range, from, to int64) {
	from, to = math.MinInt64, math.MaxInt64
	if p.all {
		return p.ranges[0], from, to
	}
	i := sort.Search(len(p.ranges), func(i int) bool { return p.ranges[i].Start > ms })
	if i < len(p.ranges) {
		to = p.ranges[i].Start - 1
	}
	if i == 0 {
		return r, from, to
	}
	if before := p.ranges[i-1]; !before.Contains(ms) {
		return r, before.End, to
	} else if before.End == math.MaxInt64 {
		return before, before.Start, to
	} else {
		return before, before.Start, before.End - 1
	}
}
