package planner

import (
	"math"
	"slices"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// bucketColumn computes the values of a hand-made bucket column: `as` of time_bucket.
type bucketColumn struct {
	column  *schema.Column // of the partition key
	clock   clock
	step    partition.Bucketing
	place   *time.Location // of the step's zone
	pattern string         // of texts
	size    string         // of a bucket, for errors
}

// bucketColumnOf is the bucket column that a table has adopted, or that the key of a copy computes from the time that
// orders its rows; nil where there is none.
func bucketColumnOf(t *schema.Table) *bucketColumn {
	if t.Copy != nil {
		return computedBucket(t)
	}
	if t.Bucket == nil || t.Bucket.As == "" {
		return nil
	}
	b := &bucketColumn{column: t.Column(t.Bucket.As), clock: clockOf(t), step: t.Bucket.Bucketing(), place: time.UTC, size: t.Options.TimeBucketOption["size"]}
	if b.step.Zone != "" {
		if place, err := time.LoadLocation(b.step.Zone); err == nil {
			b.place = place
		}
	}
	b.pattern = textPattern(b.step)
	return b
}

// computedBucket is the partition-key column of a copy that is time_bucket of its first clustering column.
func computedBucket(t *schema.Table) *bucketColumn {
	for _, k := range t.Copy.Keys {
		col := t.Column(k.Column)
		if k.Function != schema.CopyTimeBucket || col.Kind != schema.PartitionKey || col.Type.Kind() != types.KindTimestamp ||
			len(t.Clustering) == 0 || t.Clustering[0].Name != k.From {
			continue
		}
		return &bucketColumn{column: col, clock: clock{layout: t.ClusteringLayout()[:1]}, step: k.Bucket, place: time.UTC, size: k.String()}
	}
	return nil
}

// clock tells the event times of rows.
type clock struct {
	layout    clustering.Layout // the first clustering column alone
	unitNanos int64
}

// clockOf is the clock of a table that has a bucket.
func clockOf(t *schema.Table) clock { return clock{t.ClusteringLayout()[:1], t.Bucket.UnitNanos} }

// of is the event time of a row, in milliseconds since 1970; false if it has none.
func (c clock) of(clustering []byte) (ms int64, ok bool) {
	return c.layout.FirstTimeMillis(clustering, c.unitNanos)
}

// at is the event time of a value of the column.
func (c clock) at(value []byte) (ms int64, ok bool) { return c.of(c.layout[0].Append(nil, value)) }

// textPattern is how a text names a bucket: its beginning, as far as it tells buckets apart.
func textPattern(step partition.Bucketing) string {
	switch {
	case step.Months > 0 && step.OriginMillis == 0:
		return "2006-01"
	case wholeDays(step):
		return "2006-01-02"
	case step.SizeMillis%hourMillis == 0 && step.OriginMillis%hourMillis == 0:
		return "2006-01-02T15"
	}
	return "2006-01-02T15:04"
}

// wholeDays reports whether no day has the beginnings of two buckets.
func wholeDays(step partition.Bucketing) bool {
	return step.Months > 0 || step.Days > 0 || step.SizeMillis%dayMillis == 0
}

// refusedAs says why a bucket column cannot hold the buckets; empty if it can.
func refusedAs(of *types.Type, step partition.Bucketing) string {
	switch of.Kind() {
	case types.KindTimestamp:
		return ""
	case types.KindDate:
		if wholeDays(step) {
			return ""
		}
		return "a date cannot tell buckets below a day apart; make it a timestamp"
	case types.KindText, types.KindASCII:
		if wholeDays(step) || step.Zone == "" {
			return ""
		}
		return "the clock of a time zone shows some hours twice; make it a timestamp"
	case types.KindInt, types.KindBigint:
		if step.Zone == "" && step.Months == 0 {
			return ""
		}
		return "a number counts buckets of one length; make it a date, timestamp or text"
	}
	return "it must be a timestamp, date, text, int or bigint"
}

// value is the bucket column's value for the rows of an event time; false where the column's type has none.
func (b *bucketColumn) value(ms int64) ([]byte, bool) {
	start, _ := b.step.BucketOf(ms)
	switch b.column.Type.Kind() {
	case types.KindTimestamp:
		return types.AppendTimestampMillis(nil, start), true
	case types.KindDate:
		days := b.localDays(start)
		return types.AppendDate(nil, int32(days)), days == int64(int32(days))
	case types.KindBigint:
		return types.AppendBigint(nil, floorDiv(start, b.stepMillis())), true
	case types.KindInt:
		n := floorDiv(start, b.stepMillis())
		return types.AppendInt(nil, int32(n)), n == int64(int32(n))
	}
	shown := time.UnixMilli(start).In(b.place)
	return shown.AppendFormat(nil, b.pattern), shown.Year() >= 0 && shown.Year() <= 9999
}

// stepMillis is the length of buckets of one length.
func (b *bucketColumn) stepMillis() int64 {
	return max(b.step.SizeMillis, int64(b.step.Days)*dayMillis)
}

// localDays is the date at an instant, in days since 1970.
func (b *bucketColumn) localDays(ms int64) int64 {
	if b.place == time.UTC {
		return floorDiv(ms, dayMillis)
	}
	_, offset := time.UnixMilli(ms).In(b.place).Zone()
	shift := int64(offset) * 1000
	if shift > 0 && ms > math.MaxInt64-shift || shift < 0 && ms < math.MinInt64-shift {
		shift = 0
	}
	return floorDiv(ms+shift, dayMillis)
}

// text is a value of the bucket column as CQL writes it.
func (b *bucketColumn) text(value []byte) string {
	return string(b.column.Type.AppendLiteral(nil, value))
}

// readAs checks the bucket column that time_bucket adopts.
func (r *bucketReader) readAs() error {
	name, given := r.option["as"]
	if !given {
		return nil
	}
	at := slices.IndexFunc(r.table.PartitionKey, func(col *schema.Column) bool { return col.Name == name })
	switch {
	case at < 0:
		return r.refuse("'as' names '%s', which is not a column of the partition key", name)
	case r.out.TargetBytes > 0:
		return r.refuse("'as' needs a size that does not change: the bucket in column '%s' is part of the key; give one such as '1d' instead of 'auto'", name)
	}
	if reason := refusedAs(r.table.PartitionKey[at].Type, r.out.Step); reason != "" {
		return r.refuse("'as' names '%s' of type %s, which cannot hold buckets of size '%s': %s", name, r.table.PartitionKey[at].Type, r.option["size"], reason)
	}
	r.out.As = name
	return nil
}
