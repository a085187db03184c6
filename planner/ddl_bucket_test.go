package planner

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

const bucketTables = `ts timestamp, id timeuuid, day date, n bigint, i int, label text, v int`

// Every key and value that time_bucket cannot have is refused, and says which.
func TestTimeBucketRefusals(t *testing.T) {
	ts := func(rest string) string { return "{'column': 'ts', " + rest + "}" }
	for _, tt := range []struct{ key, option, want string }{
		{"(v, ts)", "{'size': '1d'}", "'column' is missing; it is the first clustering column, 'ts'"},
		{"(v, ts)", "{'column': 'id', 'size': '1d'}", "column 'id' is not the first clustering column, which is 'ts'"},
		{"(v, label)", "{'column': 'label', 'size': '1d'}", "column 'label' is of type text; it must be a timestamp, timeuuid, date, bigint or int"},
		{"(ts)", "{'column': 'ts', 'size': '1d'}", "the table has no clustering column, whose time would decide"},
		{"(v, ts)", "{'column': 'ts'}", "'size' is missing; sizes are such as"},
		{"(v, ts)", ts("'size': '1d', 'sise': '2'"), "key 'sise' is unknown; the keys are 'column', 'size',"},
		{"(v, ts)", ts("'size': '0s'"), "size '0s' is not longer than nothing"},
		{"(v, ts)", ts("'size': '-1d'"), "size '-1d' is negative"},
		{"(v, ts)", ts("'size': '30s'"), "size '30s' is below a minute"},
		{"(v, ts)", ts("'size': '90s'"), "size '90s' is not a whole number of minutes"},
		{"(v, ts)", ts("'size': '7m'"), "size '7m' does not divide an hour"},
		{"(v, ts)", ts("'size': '7h'"), "size '7h' does not divide a day"},
		{"(v, ts)", ts("'size': '100m'"), "size '100m' does not divide a day"},
		{"(v, ts)", ts("'size': '25h'"), "size '25h' is not a whole number of days"},
		{"(v, ts)", ts("'size': '1d12h'"), "size '1d12h' is not a whole number of days"},
		{"(v, ts)", ts("'size': '1mo1d'"), "size '1mo1d' mixes months with smaller parts"},
		{"(v, ts)", ts("'size': '101y'"), "size '101y' is longer than a hundred years"},
		{"(v, ts)", ts("'size': 'soon'"), "size 'soon' is not a duration"},
		{"(v, ts)", ts("'size': '1d', 'target': '8MiB'"), "'target' is for size 'auto'; the size is '1d'"},
		{"(v, ts)", ts("'size': 'auto', 'target': '8 apples'"), "'target' is '8 apples'; it must be a number of bytes"},
		{"(v, ts)", ts("'size': 'auto', 'target': '1KiB'"), "'target' is '1KiB'"},
		{"(v, ts)", ts("'size': '1d', 'unit': 's'"), "'unit' is for integers; column 'ts' is of type timestamp"},
		{"(v, n)", "{'column': 'n', 'size': '1d'}", "'unit' is missing: column 'n' is of type bigint"},
		{"(v, i)", "{'column': 'i', 'size': '1d', 'unit': 'min'}", "'unit' is 'min'; it must be 's', 'ms', 'us' or 'ns'"},
		{"(v, ts)", ts("'size': '1d', 'origin': 'monday'"), "origin 'monday' is not a time"},
		{"(v, ts)", ts("'size': '1d', 'timezone': 'Europe/Nowhere'"), "timezone 'Europe/Nowhere'"},
		{"(v, ts)", ts("'size': '1d', 'max_future': '-1d'"), "'max_future' is '-1d'; it must be a duration of fixed length above nothing"},
		{"(v, ts)", ts("'size': '1d', 'max_past': '0s'"), "'max_past' is '0s'"},
		{"(v, ts)", ts("'size': '1d', 'max_past': '1mo'"), "'max_past' is '1mo'"},
		{"(v, ts)", ts("'size': '1d', 'as': 'label'"), "'as' names 'label', which is not a column of the partition key"},
		{"((v, day), ts)", ts("'size': '1h', 'as': 'day'"), "a date cannot tell buckets below a day apart"},
		{"((v, day), ts)", ts("'size': 'auto', 'as': 'day'"), "'as' needs a size that does not change"},
		{"((v, id), ts)", ts("'size': '1d', 'as': 'id'"), "it must be a timestamp, date, text, int or bigint"},
	} {
		_, _, err := alter(schemaOf(t), "CREATE TABLE b ("+bucketTables+", PRIMARY KEY "+tt.key+") WITH time_bucket = "+tt.option)
		if err == nil || !strings.HasPrefix(err.Error(), "time_bucket of table ks.b: ") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.option, err, tt.want)
		}
	}
}

// What time_bucket declares.
func TestTimeBucketDeclares(t *testing.T) {
	const day, hour = 86_400_000, 3_600_000
	for _, tt := range []struct {
		key, option string
		want        schema.TimeBucket
	}{
		{"(v, ts)", "{'column': 'ts', 'size': '6h'}", schema.TimeBucket{Step: partition.Bucketing{SizeMillis: 6 * hour}, MaxFutureMillis: day}},
		{"(v, ts)", "{'column': 'ts', 'size': '90m', 'max_future': 'none'}", schema.TimeBucket{Step: partition.Bucketing{SizeMillis: 90 * 60_000}}},
		{"(v, ts)", "{'column': 'ts', 'size': 'PT15M', 'max_past': '30d'}", schema.TimeBucket{Step: partition.Bucketing{SizeMillis: 15 * 60_000}, MaxFutureMillis: day, MaxPastMillis: 30 * day}},
		{"(v, day)", "{'column': 'day', 'size': '1w', 'origin': '2026-01-05'}", schema.TimeBucket{Step: partition.Bucketing{SizeMillis: 7 * day, OriginMillis: 1767571200000}, MaxFutureMillis: day}},
		{"(v, id)", "{'column': 'id', 'size': '24h', 'origin': '2026-01-05T06:00:00+0100'}", schema.TimeBucket{Step: partition.Bucketing{SizeMillis: day, OriginMillis: 1767589200000}, MaxFutureMillis: day}},
		{"(v, n)", "{'column': 'n', 'size': '1d', 'unit': 'us'}", schema.TimeBucket{Step: partition.Bucketing{SizeMillis: day}, UnitNanos: 1000, MaxFutureMillis: day}},
		{"(v, i)", "{'column': 'i', 'size': '1d', 'unit': 's'}", schema.TimeBucket{Step: partition.Bucketing{SizeMillis: day}, UnitNanos: 1_000_000_000, MaxFutureMillis: day}},
		{"(v, ts)", "{'column': 'ts', 'size': 'auto'}", schema.TimeBucket{Step: partition.Bucketing{SizeMillis: day}, TargetBytes: 8 << 20, MaxFutureMillis: day}},
		{"(v, ts)", "{'column': 'ts', 'size': 'auto', 'target': '64KiB'}", schema.TimeBucket{Step: partition.Bucketing{SizeMillis: day}, TargetBytes: 64 << 10, MaxFutureMillis: day}},
		{"((v, day), ts)", "{'column': 'ts', 'size': '1d', 'as': 'day'}", schema.TimeBucket{Step: partition.Bucketing{SizeMillis: day}, MaxFutureMillis: day, As: "day"}},
	} {
		s := schemaOf(t, "CREATE TABLE b ("+bucketTables+", PRIMARY KEY "+tt.key+") WITH time_bucket = "+tt.option)
		b := s.Table("ks", "b")
		tt.want.Column = b.Clustering[0].Name
		if !reflect.DeepEqual(*b.Bucket, tt.want) {
			t.Errorf("%s\n got %+v\nwant %+v", tt.option, *b.Bucket, tt.want)
		}
		again := schemaOf(t, b.Create(s.Keyspaces["ks"]))
		if got := again.Table("ks", "b"); !reflect.DeepEqual(got.Bucket, b.Bucket) || !reflect.DeepEqual(got.Options.TimeBucketOption, b.Options.TimeBucketOption) {
			t.Errorf("%s: its text makes %+v", tt.option, got.Bucket)
		}
	}
}

// Each change of the step is a new epoch, and remembers the step before; everything else is not.
func TestTimeBucketEpochs(t *testing.T) {
	const hour = 3_600_000
	s := schemaOf(t, "CREATE TABLE b (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH time_bucket = {'column': 'ts', 'size': '1d'}")
	var former []int64
	for i, tt := range []struct {
		option string
		hours  int64
		epoch  int
	}{
		{"time_bucket = {'column': 'ts', 'size': '6h'}", 6, 1},
		{"time_bucket = {'column': 'ts', 'size': '6h'}", 6, 1},
		{"time_bucket = {'column': 'ts', 'size': 'PT6H', 'max_past': '1d'}", 6, 1},
		{"comment = 'x'", 6, 1},
		{"compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'HOURS', 'compaction_window_size': 2}", 6, 1},
		{"time_bucket = {}", 2, 2},
		{"compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'HOURS', 'compaction_window_size': 3}", 3, 3},
		{"compaction = {'class': 'SizeTieredCompactionStrategy'}", 0, 4},
		{"time_bucket = {'column': 'ts', 'size': 'auto'}", 24, 5},
		{"time_bucket = {'column': 'ts', 'size': 'auto', 'target': '1MiB'}", 24, 5},
	} {
		was := s.Table("ks", "b").Bucket.Bucketing().SizeMillis / hour
		var err error
		if s, _, err = alter(s, "ALTER TABLE b WITH "+tt.option); err != nil {
			t.Fatal(err)
		}
		b := s.Table("ks", "b").Bucket
		if b.Epoch > len(former) {
			former = append(former, was)
		}
		var got []int64
		for _, f := range b.Former {
			got = append(got, f.SizeMillis/hour)
		}
		if b.Bucketing().SizeMillis != tt.hours*hour || b.Epoch != tt.epoch || !slices.Equal(got, former) {
			t.Errorf("%d %s: %+v, former %v, want %v", i, tt.option, *b, got, former)
		}
	}
}

func TestTimeBucketAlterRefusals(t *testing.T) {
	list := []refusal{
		{"I", "ALTER TABLE a WITH time_bucket = {'column': 'ts', 'size': '6h', 'as': 'day'}", "time_bucket of table ks.a: 'as' names 'day' of type date, which cannot hold buckets of size '6h': a date cannot tell buckets below a day apart; make it a timestamp"},
		{"I", "ALTER TABLE a WITH time_bucket = {'column': 'ts', 'size': '2d', 'as': 'day'}", "time_bucket of table ks.a: the buckets cannot be changed while column 'day' holds them, since they are part of the partition key; create another table and copy the rows"},
		{"I", "ALTER TABLE a WITH time_bucket = {'column': 'day', 'size': '1d'}", "time_bucket of table ks.a: column 'day' is not the first clustering column, which is 'ts'"},
		{"I", "ALTER TABLE n WITH time_bucket = {'column': 'n', 'size': '1d', 'unit': 'ms'}", "time_bucket of table ks.n: 'unit' cannot be changed: the rows that are there would be of other times"},
		{"I", "ALTER MATERIALIZED VIEW q WITH time_bucket = {'column': 'ts', 'size': '1d', 'max_past': '1d'}", "time_bucket of table ks.q: 'max_past' belongs to the base table ks.a"},
		{"C", "ALTER TABLE a WITH compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'WEEKS'}", "WEEKS is not valid for compaction_window_unit"},
		{"C", "ALTER TABLE a WITH compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_size': 0}", "0 must be greater than 1 for compaction_window_size"},
		{"C", "ALTER TABLE a WITH compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_size': 'x'}", "x is not a parsable int (base10) for compaction_window_size"},
		{"C", "ALTER TABLE a WITH compaction = {'class': 'TimeWindowCompactionStrategy', 'timestamp_resolution': 'HOURS'}", "HOURS is not valid for timestamp_resolution"},
	}
	s := schemaOf(t,
		"CREATE TABLE a (k int, day date, ts timestamp, v int, PRIMARY KEY ((k, day), ts)) WITH time_bucket = {'column': 'ts', 'size': '1d', 'as': 'day'}",
		"CREATE TABLE n (k int, n bigint, v int, PRIMARY KEY (k, n)) WITH time_bucket = {'column': 'n', 'size': '1d', 'unit': 's'}",
		"CREATE QUERY TABLE q ON a (v) PRIMARY KEY ((k), ts, day)")
	checkRefusals(t, s, list)
	// Turned off and on again it is the same time.
	s, _, err := alter(s, "ALTER TABLE n WITH time_bucket = {}")
	if err != nil {
		t.Fatal(err)
	}
	checkRefusals(t, s, list[3:4])
}

// A renamed column is renamed in the bucket too.
func TestTimeBucketFollowsNames(t *testing.T) {
	s := schemaOf(t, "CREATE TABLE a (k int, day date, ts timestamp, v int, PRIMARY KEY ((k, day), ts)) WITH time_bucket = {'column': 'ts', 'size': '1d', 'as': 'day'}")
	before := s.Table("ks", "a")
	s, _, err := alter(s, "ALTER TABLE a RENAME ts TO at AND day TO date_of")
	if err != nil {
		t.Fatal(err)
	}
	b := s.Table("ks", "a")
	if b.Bucket.Column != "at" || b.Bucket.As != "date_of" || b.Options.TimeBucketOption["column"] != "at" || b.Options.TimeBucketOption["as"] != "date_of" {
		t.Errorf("%+v, %v", b.Bucket, b.Options.TimeBucketOption)
	}
	if before.Bucket.Column != "ts" || before.Options.TimeBucketOption["as"] != "day" {
		t.Errorf("the snapshot before was changed: %+v, %v", before.Bucket, before.Options.TimeBucketOption)
	}
}

// A table of a release that knew no limits gets them with time_bucket, and with nothing else.
func TestBucketsOfEarlierReleasesTakeEveryTime(t *testing.T) {
	s := schemaOf(t, "CREATE TABLE a (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH time_bucket = {'column': 'ts', 'size': '1d'}")
	old := s.Table("ks", "a").Clone()
	old.Bucket = &schema.TimeBucket{Column: "ts", SizeMillis: 86_400_000}
	s = s.WithTable(old)
	for _, tt := range []struct {
		alter string
		limit int64
	}{
		{"ALTER TABLE a WITH compaction = {'class': 'TimeWindowCompactionStrategy'} AND comment = 'x'", 0},
		{"ALTER TABLE a RENAME ts TO at", 0},
		{"ALTER TABLE a WITH time_bucket = {'column': 'at', 'size': '1d'}", 86_400_000},
	} {
		var err error
		if s, _, err = alter(s, tt.alter); err != nil {
			t.Fatal(err)
		}
		if b := s.Table("ks", "a").Bucket; b.MaxFutureMillis != tt.limit || b.Epoch != 0 || b.Bucketing().SizeMillis != 86_400_000 {
			t.Errorf("%s: %+v", tt.alter, b)
		}
	}
}
