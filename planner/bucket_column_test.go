package planner

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/schema"
)

// adoptedTables are tables with a bucket column of every type, by steps that it can hold.
func adoptedTables(t testing.TB) []*schema.Table {
	var out []*schema.Table
	for _, of := range []string{"timestamp", "date", "text", "int", "bigint"} {
		for _, step := range []string{
			"'size': '15m'", "'size': '90m'", "'size': '6h'", "'size': '1d'", "'size': '1d', 'origin': '2026-01-05T06:30:00Z'", "'size': '1w', 'origin': '2026-01-05'",
			"'size': '1mo'", "'size': '6h', 'timezone': 'Europe/Berlin'", "'size': '1d', 'timezone': 'America/Santiago'", "'size': '3mo', 'timezone': 'Europe/Berlin'",
			"'size': '1w', 'timezone': 'Australia/Lord_Howe', 'origin': '2026-01-05'",
		} {
			s, _, err := alter(schemaOf(t), "CREATE TABLE b (k int, bucket "+of+", ts timestamp, v int, PRIMARY KEY ((k, bucket), ts)) WITH CLUSTERING ORDER BY (ts DESC) AND time_bucket = {'column': 'ts', 'as': 'bucket', 'max_future': 'none', "+step+"}")
			if err == nil {
				out = append(out, s.Table("ks", "b"))
			}
		}
	}
	return out
}

// A bucket column has one value a bucket, another in each, and they ascend with time.
func TestBucketColumnTellsBucketsApart(t *testing.T) {
	tables := adoptedTables(t)
	if len(tables) != 11+7+10+6+6 {
		t.Fatalf("%d tables", len(tables))
	}
	rapid.Check(t, func(r *rapid.T) {
		table := rapid.SampledFrom(tables).Draw(r, "table")
		b := bucketColumnOf(table)
		at := rapid.Int64Range(-4e12, 8e12) // 1843 to 2223
		x, y := at.Draw(r, "x"), at.Draw(r, "y")
		if rapid.Bool().Draw(r, "near") {
			y = x + rapid.Int64Range(-1e8, 1e8).Draw(r, "apart")
		}
		vx, okX := b.value(x)
		vy, okY := b.value(y)
		if !okX || !okY || b.column.Type.Validate(vx) != nil {
			r.Fatalf("%s: %x of %d, %x of %d", table.Options.TimeBucketOption, vx, x, vy, y)
		}
		startX, _ := b.step.BucketOf(x)
		startY, _ := b.step.BucketOf(y)
		if got, want := b.column.Type.Compare(vx, vy), order(startX, startY); order(int64(got), 0) != want {
			r.Fatalf("%s: %s of %s, %s of %s", table.Options.TimeBucketOption, b.text(vx), instantText(x), b.text(vy), instantText(y))
		}
	})
}

func order(x, y int64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// known tells what it was told of every table.
type knownTimes TableEstimate

func (k knownTimes) Table(mutation.TableID) (TableEstimate, bool) { return TableEstimate(k), true }

// A SELECT without its bucket column reads the partitions of all its rows, in the order of time, and a page goes on
// where it ended even if that partition is gone.
func TestPartitionsOfARangeOfTime(t *testing.T) {
	tables := adoptedTables(t)
	rapid.Check(t, func(r *rapid.T) {
		table := rapid.SampledFrom(tables).Draw(r, "table")
		s := schemaOf(t).WithTable(table)
		b := bucketColumnOf(table)
		low := rapid.Int64Range(-4e12, 8e12).Draw(r, "low")
		length := max(b.stepMillis(), int64(b.step.Months)*31*dayMillis)
		high := low + rapid.Int64Range(0, 40*length).Draw(r, "length")
		direction := rapid.SampledFrom([]string{"", " ORDER BY ts ASC", " ORDER BY ts DESC"}).Draw(r, "order")
		read := func(from, to int64) *Read {
			tree, err := cql.Parse(fmt.Sprintf("SELECT v FROM b WHERE k = 1 AND ts >= %d AND ts <= %d%s", low, high, direction))
			if err != nil {
				r.Fatal(err)
			}
			p, err := Prepare(s, "ks", tree, nil)
			if err != nil {
				r.Fatal(err)
			}
			plan, err := p.Bind(nil, Context{Statistics: knownTimes{FromMillis: from, ToMillis: to, Timed: true}})
			if err != nil {
				r.Fatal(err)
			}
			return plan.(*Read)
		}
		all := read(low, high+1)
		var values [][]byte
		for _, key := range all.Keys {
			parts, err := table.PartitionLayout().Decode(key.Key)
			if err != nil {
				r.Fatal(err)
			}
			values = append(values, parts[1])
		}
		if newestFirst := direction != " ORDER BY ts ASC"; newestFirst {
			slices.Reverse(values)
		}
		if !slices.IsSortedFunc(values, b.column.Type.Compare) || len(all.Sort) > 0 {
			r.Fatalf("%d partitions out of order, sorted by %v", len(values), all.Sort)
		}
		at := rapid.Int64Range(low, high).Draw(r, "row")
		want, _ := b.value(at)
		if !slices.ContainsFunc(values, func(v []byte) bool { return bytes.Equal(v, want) }) {
			r.Fatalf("%s is not read for a row of %s", b.text(want), instantText(at))
		}
		// Of another range of rows the same place is behind the same partitions.
		part := read(at, high+1)
		i := rapid.IntRange(0, len(all.Keys)-1).Draw(r, "ended")
		from, ok := part.Resume(all.Keys[i])
		if !ok {
			r.Fatal("a partition that is gone cannot be resumed")
		}
		left := part.Keys[from:]
		for _, key := range all.Keys[i:] {
			if len(left) > 0 && left[0].Equal(key) {
				left = left[1:]
			}
		}
		if len(left) > 0 {
			r.Fatalf("resumed at %d of %d: %d partitions are read again", from, len(part.Keys), len(left))
		}
	})
}

// What no bucket column can hold is refused when a row is bound.
func TestBucketsBeyondTheirType(t *testing.T) {
	for _, table := range adoptedTables(t) {
		b := bucketColumnOf(table)
		_, ok := b.value(9e18)
		if kind := b.column.Type.Kind(); ok != (kind == types.KindTimestamp || kind == types.KindBigint) {
			t.Errorf("%s of %s: %t", table.Options.TimeBucketOption, b.column.Type, ok)
		}
	}
}
