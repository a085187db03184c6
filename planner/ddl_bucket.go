package planner

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

const (
	// bucketDaysMax and bucketMonthsMax are the widest: a hundred years.
	bucketDaysMax   = 36_525
	bucketMonthsMax = 1200
	// maxFutureMillis is how far ahead of the server's clock a row may be dated unless the table says otherwise.
	maxFutureMillis = 86_400_000
	// formerMax is how many steps of former epochs a table remembers.
	formerMax = 64

	hourMillis = 3_600_000
)

// bucketKeys are the keys of time_bucket.
var bucketKeys = []string{"column", "size", "target", "unit", "timezone", "origin", "max_future", "max_past", "as"}

// layBucket makes the table's bucket follow from its options: time_bucket as written, else the window of
// TimeWindowCompactionStrategy, else a part of its retention. was is the bucket before the statement.
func layBucket(t *schema.Table, was *schema.TimeBucket) error {
	var next *schema.TimeBucket
	var err error
	if len(t.Options.TimeBucketOption) > 0 {
		next, err = readBucket(t, was)
	} else {
		if next, err = windowBucket(t); next == nil && err == nil {
			next = retentionBucket(t)
		}
	}
	if err != nil {
		return err
	}
	if err := checkSuccession(t, was, next); err != nil {
		return err
	}
	t.Bucket = succeed(was, next)
	return nil
}

// checkSuccession refuses changes that would make stored rows mean other times or lie in other partitions.
func checkSuccession(t *schema.Table, was, next *schema.TimeBucket) error {
	if was == nil || next == nil {
		return nil
	}
	if was.UnitNanos != next.UnitNanos {
		return bucketErrorf(t, "'unit' cannot be changed: the rows that are there would be of other times")
	}
	if was.As != "" && was.As == next.As && was.Bucketing() != next.Bucketing() {
		return bucketErrorf(t, "the buckets cannot be changed while column '%s' holds them, since they are part of the partition key; create another table and copy the rows", was.As)
	}
	return nil
}

// succeed numbers the epochs: another step begins a new one. A table that is no longer bucketed keeps what its
// files were cut by.
func succeed(was, next *schema.TimeBucket) *schema.TimeBucket {
	if was == nil {
		return next
	}
	if next == nil {
		next = &schema.TimeBucket{Column: was.Column, UnitNanos: was.UnitNanos}
	}
	next.Epoch, next.Former = was.Epoch, was.Former
	if was.Bucketing() != next.Bucketing() && (was.Epoch > 0 || !was.Bucketing().IsNone()) {
		next.Epoch++
		next.Former = append(slices.Clip(was.Former), was.Bucketing())
		next.Former = next.Former[max(0, len(next.Former)-formerMax):]
	}
	return next
}

func bucketErrorf(t *schema.Table, format string, args ...any) error {
	return invalidf("time_bucket of table "+strings.ReplaceAll(t.QualifiedName(), "%", "%%")+": "+format, args...)
}

// bucketReader reads the option time_bucket of a table.
type bucketReader struct {
	table  *schema.Table
	option map[string]string
	out    schema.TimeBucket
}

// readBucket is the bucket that the option time_bucket declares.
func readBucket(t *schema.Table, was *schema.TimeBucket) (*schema.TimeBucket, error) {
	r := bucketReader{table: t, option: t.Options.TimeBucketOption}
	for _, read := range []func() error{r.readKeys, r.readColumn, r.readUnit, r.readStep, r.readLimits, r.readAs} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	if r.out.TargetBytes > 0 && was != nil && was.TargetBytes > 0 && !was.Step.IsNone() {
		// The size that was found stays, unless days begin at another time now.
		if was.Step.Zone == r.out.Step.Zone && was.Step.OriginMillis == r.out.Step.OriginMillis {
			r.out.Step, r.out.ChangedMillis = was.Step, was.ChangedMillis
		}
	}
	return &r.out, nil
}

func (r *bucketReader) refuse(format string, args ...any) error {
	return bucketErrorf(r.table, format, args...)
}

func (r *bucketReader) readKeys() error {
	for _, key := range slices.Sorted(maps.Keys(r.option)) {
		if !slices.Contains(bucketKeys, key) {
			return r.refuse("key '%s' is unknown; the keys are '%s'", key, strings.Join(bucketKeys, "', '"))
		}
	}
	for _, key := range []string{"max_future", "max_past", "as"} {
		if _, given := r.option[key]; given && r.table.Copy != nil {
			return r.refuse("'%s' belongs to the base table %s.%s", key, r.table.Keyspace, r.table.Copy.Base)
		}
	}
	return nil
}

func (r *bucketReader) readColumn() error {
	name, given := r.option["column"]
	switch {
	case len(r.table.Clustering) == 0:
		return r.refuse("the table has no clustering column, whose time would decide")
	case !given:
		return r.refuse("'column' is missing; it is the first clustering column, '%s'", r.table.Clustering[0].Name)
	case r.table.Clustering[0].Name != name:
		return r.refuse("column '%s' is not the first clustering column, which is '%s'", name, r.table.Clustering[0].Name)
	}
	of := r.table.Clustering[0].Type
	if !holdsTime(of) && !countsTime(of) {
		return r.refuse("column '%s' is of type %s; it must be a timestamp, timeuuid, date, bigint or int", name, of)
	}
	r.out.Column = name
	return nil
}

// holdsTime reports whether values of a type are times by themselves.
func holdsTime(of *types.Type) bool {
	return slices.Contains([]types.Kind{types.KindTimestamp, types.KindTimeUUID, types.KindDate}, of.Kind())
}

// countsTime reports whether values of a type can count units of time since 1970.
func countsTime(of *types.Type) bool {
	return of.Kind() == types.KindBigint || of.Kind() == types.KindInt
}

// unitNanos are the values of 'unit'.
var unitNanos = map[string]int64{"s": 1_000_000_000, "ms": nanosPerMilli, "us": 1000, "ns": 1}

func (r *bucketReader) readUnit() error {
	of := r.table.Clustering[0].Type
	unit, given := r.option["unit"]
	nanos, known := unitNanos[unit]
	switch {
	case given && !countsTime(of):
		return r.refuse("'unit' is for integers; column '%s' is of type %s", r.out.Column, of)
	case !given && countsTime(of):
		return r.refuse("'unit' is missing: column '%s' is of type %s, and counts 's', 'ms', 'us' or 'ns' since 1970", r.out.Column, of)
	case given && !known:
		return r.refuse("'unit' is '%s'; it must be 's', 'ms', 'us' or 'ns'", unit)
	}
	r.out.UnitNanos = nanos
	return nil
}

// sizeExamples end the refusal of a size.
const sizeExamples = "sizes are such as '15m', '6h', '1d', '1w', '1mo', or 'auto'"

func (r *bucketReader) readStep() error {
	size, given := r.option["size"]
	if !given {
		return r.refuse("'size' is missing; %s", sizeExamples)
	}
	target, targeted := r.option["target"]
	if targeted && size != "auto" {
		return r.refuse("'target' is for size 'auto'; the size is '%s'", size)
	}
	if size == "auto" {
		r.out.TargetBytes = BucketTargetBytes
		if targeted {
			var ok bool
			if r.out.TargetBytes, ok = parseBytes(target); !ok || r.out.TargetBytes < bucketTargetBytesMin || r.out.TargetBytes > bucketTargetBytesMax {
				return r.refuse("'target' is '%s'; it must be a number of bytes from 64KiB to 1TiB, such as '8MiB'", target)
			}
		}
		size = schema.DurationText(autoStartMillis)
	}
	months, days, nanos, err := durationParts(size)
	if err != nil {
		return r.refuse("size '%s' is not a duration; %s", size, sizeExamples)
	}
	if reason := refusedSize(months, days, nanos); reason != "" {
		return r.refuse("size '%s' %s; %s", size, reason, sizeExamples)
	}
	origin, err := r.readOrigin()
	if err != nil {
		return err
	}
	zone := r.option["timezone"]
	if r.out.Step, err = partition.NewBucketing(months, days, nanos, zone, origin); err != nil {
		return r.refuse("size '%s', timezone '%s': %v", size, zone, err)
	}
	return nil
}

// durationParts reads a CQL duration.
func durationParts(text string) (months, days int32, nanos int64, err error) {
	v, err := types.Duration.ParseLiteral(types.Literal{Class: types.LitDuration, Text: text})
	if err != nil {
		return 0, 0, 0, err
	}
	return types.DecodeDuration(v)
}

// refusedSize says why a duration is no size of a bucket: empty if it is one. A size of an hour or more below a day
// divides the day, one below an hour divides the hour; others are whole days or whole months.
func refusedSize(months, days int32, nanos int64) string {
	const nanosPerMinute, nanosPerHour, nanosPerDay = 60_000_000_000, 3_600_000_000_000, 86_400_000_000_000
	if months < 0 || days < 0 || nanos < 0 {
		return "is negative"
	}
	if nanos >= nanosPerDay && nanos%nanosPerDay == 0 && nanos/nanosPerDay <= bucketDaysMax && days <= bucketDaysMax {
		days, nanos = days+int32(nanos/nanosPerDay), 0
	}
	switch {
	case months == 0 && days == 0 && nanos == 0:
		return "is not longer than nothing"
	case months > bucketMonthsMax || days > bucketDaysMax:
		return "is longer than a hundred years"
	case months > 0 && (days > 0 || nanos > 0):
		return "mixes months with smaller parts"
	case months > 0 || nanos == 0:
		return ""
	case days > 0 || nanos > nanosPerDay:
		return "is not a whole number of days"
	case nanos < nanosPerMinute:
		return "is below a minute"
	case nanos%nanosPerMinute != 0:
		return "is not a whole number of minutes"
	case nanos < nanosPerHour && nanosPerHour%nanos != 0:
		return "does not divide an hour"
	case nanosPerDay%nanos != 0:
		return "does not divide a day"
	}
	return ""
}

// readOrigin is when a bucket begins; 0 where it is not said. A time without zone is one of the buckets' own zone.
func (r *bucketReader) readOrigin() (int64, error) {
	text, given := r.option["origin"]
	if !given {
		return 0, nil
	}
	v, err := types.Timestamp.ParseLiteral(types.Literal{Class: types.LitString, Text: text})
	if err != nil || len(v) != 8 {
		return 0, r.refuse("origin '%s' is not a time; take one such as '2026-01-05' or '2026-01-05T06:00:00Z'", text)
	}
	at := types.DecodeInt64(v)
	zone := r.option["timezone"]
	if _, err := types.Timestamp.ParseLiteral(types.Literal{Class: types.LitString, Text: text + "Z"}); err != nil || zone == "" {
		return at, nil // it has a zone, or there is none to be of
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		return at, nil // the zone is refused with the step
	}
	shown := time.UnixMilli(at).UTC()
	return time.Date(shown.Year(), shown.Month(), shown.Day(), shown.Hour(), shown.Minute(), shown.Second(), shown.Nanosecond(), location).UnixMilli(), nil
}

func (r *bucketReader) readLimits() error {
	if r.table.Copy != nil {
		return nil
	}
	r.out.MaxFutureMillis = maxFutureMillis
	for _, limit := range []struct {
		key  string
		into *int64
	}{{"max_future", &r.out.MaxFutureMillis}, {"max_past", &r.out.MaxPastMillis}} {
		text, given := r.option[limit.key]
		if !given {
			continue
		}
		if text == "none" {
			*limit.into = 0
			continue
		}
		millis, err := parseStep(text)
		if err != nil || millis <= 0 {
			return r.refuse("'%s' is '%s'; it must be a duration of fixed length above nothing, such as '1d' or '90m', or 'none'", limit.key, text)
		}
		*limit.into = millis
	}
	return nil
}

// windowUnits are the units of windows that Cassandra takes, in milliseconds.
var windowUnits = map[string]int64{"MINUTES": 60_000, "HOURS": hourMillis, "DAYS": dayMillis}

// windowClass is the compaction strategy whose windows are buckets.
const windowClass = "org.apache.cassandra.db.compaction.TimeWindowCompactionStrategy"

// windowBucket is the bucket of a table with TimeWindowCompactionStrategy: its window. It is nil for other tables, and
// where rows have no time by themselves.
func windowBucket(t *schema.Table) (*schema.TimeBucket, error) {
	if t.Options.Compaction["class"] != windowClass || len(t.Clustering) == 0 || !holdsTime(t.Clustering[0].Type) {
		return nil, nil
	}
	millis, err := windowMillis(t.Options.Compaction)
	if err != nil {
		return nil, err
	}
	return &schema.TimeBucket{Column: t.Clustering[0].Name, Step: partition.Bucketing{SizeMillis: millis}, FromWindow: true}, nil
}

// windowMillis is the window that the sub-options of TimeWindowCompactionStrategy ask for; a day without them.
func windowMillis(m map[string]string) (int64, error) {
	unit, size := int64(dayMillis), int64(1)
	if text, given := m["timestamp_resolution"]; given && !slices.Contains([]string{"MICROSECONDS", "MILLISECONDS", "SECONDS", "NANOSECONDS"}, text) {
		return 0, configf("%s is not valid for timestamp_resolution", text)
	}
	if text, given := m["compaction_window_unit"]; given {
		if unit = windowUnits[text]; unit == 0 {
			return 0, configf("%s is not valid for compaction_window_unit", text)
		}
	}
	if text, given := m["compaction_window_size"]; given {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return 0, configf("%s is not a parsable int (base10) for compaction_window_size", text)
		}
		if size = n; n < 1 {
			return 0, configf("%d must be greater than 1 for compaction_window_size", n)
		}
	}
	return unit * min(size, math.MaxInt64/unit), nil
}

// checkWindow checks the sub-options of TimeWindowCompactionStrategy.
func checkWindow(m map[string]string) error {
	if m["class"] != windowClass {
		return nil
	}
	_, err := windowMillis(m)
	return err
}

// changesBucket reports whether options that were applied to a table can change its bucket.
func changesBucket(t *schema.Table, options []cql.Option) bool {
	return slices.ContainsFunc(options, func(o cql.Option) bool {
		return o.Name == "time_bucket" || o.Name == "compaction" && len(t.Options.TimeBucketOption) == 0
	})
}

// renameBucket follows the new name of a key column.
func renameBucket(t *schema.Table, from, to string) {
	if t.Bucket != nil && (t.Bucket.Column == from || t.Bucket.As == from) {
		renamed := *t.Bucket
		if renamed.Column == from {
			renamed.Column = to
		}
		if renamed.As == from {
			renamed.As = to
		}
		t.Bucket = &renamed
	}
	for _, key := range []string{"column", "as"} {
		if t.Options.TimeBucketOption[key] == from {
			t.Options.TimeBucketOption[key] = to // the map is the clone's own
		}
	}
}
