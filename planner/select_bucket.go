package planner

import (
	"bytes"
	"math"
	"slices"

	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// bucketsMax is how many partitions the range of time of one SELECT may stand for, where an adopted bucket column is
// left out.
const bucketsMax = 10_000

// adopts reports whether a partition-key column that the WHERE leaves out follows from the time it asks for.
func (a *access) adopts(col *schema.Column) bool {
	b := bucketColumnOf(a.table)
	if b == nil || b.column != col || a.columns[col] != nil || a.tokenUsed {
		return false
	}
	if _, width := a.partAt(0); width == 0 {
		return false
	}
	a.adopted = b
	return true
}

// bucketOrder is the order of the partitions of a Read whose buckets follow from its range of time: by the other
// columns of the key, then by bucket.
type bucketOrder struct {
	position    int // of the bucket column
	newestFirst bool
}

func (o *bucketOrder) compare(key []*schema.Column, x, y [][]byte) int {
	for i, col := range key {
		if i != o.position {
			if c := col.Type.Compare(x[i], y[i]); c != 0 {
				return c
			}
		}
	}
	c := key[o.position].Type.Compare(x[o.position], y[o.position])
	if o.newestFirst {
		return -c
	}
	return c
}

// Resume is where in Keys a page goes on that ended in the partition of key. It is false where no page of this Read can
// have ended there.
func (r *Read) Resume(key partition.DecoratedKey) (at int, ok bool) {
	if at := slices.IndexFunc(r.Keys, key.Equal); at >= 0 {
		return at, true
	}
	if r.buckets == nil {
		return 0, false
	}
	// The bucket is not among those that exist any more.
	layout := r.Table.PartitionLayout()
	ended, err := layout.Decode(key.Key)
	if err != nil {
		return 0, false
	}
	for i := range r.Keys {
		if parts, err := layout.Decode(r.Keys[i].Key); err == nil && r.buckets.compare(r.Table.PartitionKey, parts, ended) > 0 {
			return i, true
		}
	}
	return len(r.Keys), true
}

// bindBuckets binds the partitions of a read whose bucket column follows from its time.
func (a *access) bindBuckets(r *Read, sort []SortKey, values []Value, ctx Context) error {
	b := a.adopted
	newestFirst := a.table.Clustering[0].Desc != r.Reverse
	r.buckets = &bucketOrder{position: b.column.Position, newestFirst: newestFirst}
	buckets, err := a.buckets(values, ctx)
	if err != nil {
		return err
	}
	keys := slices.Clone(a.keys)
	keys[b.column.Position] = choice{terms: []boundTerm{constant{}}}
	combinations, err := combine(a.table.PartitionKey, keys, values, ctx)
	if err != nil {
		return err
	}
	compare := func(x, y [][]byte) int { return r.buckets.compare(a.table.PartitionKey, x, y) }
	slices.SortFunc(combinations, compare)
	combinations = slices.CompactFunc(combinations, func(x, y [][]byte) bool { return compare(x, y) == 0 })
	if len(combinations)*len(buckets) > bucketsMax {
		return a.tooManyBuckets(int64(len(combinations)) * int64(len(buckets)))
	}
	if newestFirst {
		slices.Reverse(buckets)
	}
	r.Keys = make([]partition.DecoratedKey, 0, len(combinations)*len(buckets))
	for _, parts := range combinations {
		for _, bucket := range buckets {
			parts[b.column.Position] = bucket
			key, err := a.layout.Encode(parts)
			if err != nil {
				return invalidf("%v", err)
			}
			r.Keys = append(r.Keys, partition.Decorate(key))
		}
	}
	if len(combinations) > 1 {
		r.Sort = sort // else the partitions follow one another as their rows do
	}
	return nil
}

func (a *access) tooManyBuckets(n int64) error {
	t := a.table
	return invalidf("this SELECT reaches over %d buckets of size '%s' in column %s of table %s; the most is %d: bound %s more narrowly, or ask several times",
		n, a.adopted.size, a.adopted.column.Name, t.QualifiedName(), bucketsMax, t.Clustering[0].Name)
}

// buckets are the values of the bucket column that rows of the WHERE can have, oldest first.
func (a *access) buckets(values []Value, ctx Context) ([][]byte, error) {
	part, _ := a.partAt(0)
	if part.ranged() {
		in, err := part.bindInterval(a.table.Clustering, values, ctx)
		if err != nil || in.empty {
			return nil, err
		}
		return a.bucketsOf(in, ctx)
	}
	options, err := part.options(a.table.Clustering, values, ctx)
	if err != nil {
		return nil, err
	}
	var times []int64
	for _, o := range options {
		if ms, ok := a.adopted.clock.at(o[0]); ok {
			times = append(times, ms)
		}
	}
	slices.Sort(times)
	var out [][]byte
	for _, ms := range times {
		out = a.adopted.appendBucket(out, ms)
	}
	return out, nil
}

// appendBucket adds the bucket of a time that lies behind all that are there. A time that no bucket has is no row's.
func (b *bucketColumn) appendBucket(to [][]byte, ms int64) [][]byte {
	v, ok := b.value(ms)
	if !ok || len(to) > 0 && bytes.Equal(to[len(to)-1], v) {
		return to
	}
	return append(to, v)
}

// bucketsOf are the buckets of a range of time, as far as there are rows.
func (a *access) bucketsOf(in interval, ctx Context) ([][]byte, error) {
	low, high, err := a.times(in, ctx)
	if err != nil || low > high {
		return nil, err
	}
	b := a.adopted
	var out [][]byte
	for ms := low; ; {
		out = b.appendBucket(out, ms)
		_, end := b.step.BucketOf(ms)
		if end > high || end == math.MaxInt64 {
			return out, nil
		}
		if len(out) >= bucketsMax {
			return nil, a.tooManyBuckets(b.count(low, high))
		}
		ms = end
	}
}

// count is how many buckets a range meets; about how many where they differ in length.
func (b *bucketColumn) count(low, high int64) int64 {
	length := b.stepMillis()
	if b.step.Months > 0 {
		const monthMillis = 2_629_746_000 // on average
		length = int64(b.step.Months) * monthMillis
	}
	start, _ := b.step.BucketOf(low)
	return int64((uint64(high)-uint64(start))/uint64(length)) + 1
}

// times are the first and the last time that a range allows, in milliseconds. A side that it leaves open is where the
// rows of the table end. Of a store that tells nothing, the later one is max_future from now.
func (a *access) times(in interval, ctx Context) (low, high int64, err error) {
	low, high = math.MinInt64, math.MaxInt64
	openLow, openHigh := in.low == nil, in.high == nil
	if !openLow {
		if ms, ok := a.adopted.clock.at(in.low[0]); ok {
			low = ms
		}
	}
	if !openHigh {
		ms, ok := a.adopted.clock.at(in.high[0])
		if !ok {
			return 0, -1, nil // before every time
		}
		high = ms
	}
	e, known := a.estimate(ctx)
	if known && e.Timed {
		last := e.ToMillis
		if last < math.MaxInt64 {
			last--
		}
		return max(low, e.FromMillis), min(high, last), nil // of an empty table both are 0: no time is left
	}
	if openHigh && !known && a.table.Bucket != nil && a.table.Bucket.MaxFutureMillis > 0 {
		high, openHigh = ctx.NowMillis+a.table.Bucket.MaxFutureMillis, false
	}
	if openLow || openHigh {
		return 0, 0, invalidf("column %s of table %s may be left out where %s is bounded on both sides; it is bounded on one, and where the rows end is not known: bound both, or ADMIN COMPACT a table whose rows are from before it had time buckets",
			a.adopted.column.Name, a.table.QualifiedName(), a.table.Clustering[0].Name)
	}
	return low, high, nil
}

// timeKnown reports whether the range of time of the WHERE is bounded, by itself or by what the table has.
func (a *access) timeKnown(statistics Statistics) bool {
	part, _ := a.partAt(0)
	if !part.ranged() || part.single != nil && part.single.low != nil && part.single.high != nil {
		return true
	}
	if part.single == nil {
		return len(part.tuple) == 2
	}
	e, known := a.estimate(Context{Statistics: statistics})
	return known && e.Timed
}

func (a *access) estimate(ctx Context) (TableEstimate, bool) {
	if ctx.Statistics == nil {
		return TableEstimate{}, false
	}
	return ctx.Statistics.Table(a.table.ID)
}
