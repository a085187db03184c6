package catalog

import (
	"cmp"
	"math"
	"slices"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// Sight is what the database knows of the data of single tables, for the operator.
type Sight interface {
	// Buckets are the time buckets that a table has rows in, each start once. A table without time buckets has none.
	Buckets(t *schema.Table) []Bucket
	// LargePartitions are the largest partitions of a table, by bytes in files, the largest first.
	LargePartitions(t *schema.Table) []LargePartition
	// TopPartitions are the partitions of a table that had most to do lately, the busiest first.
	TopPartitions(t *schema.Table) []TopPartition
	// Caches are the caches of the store.
	Caches() []Cache
	// Reads is what SELECTs of a table cost since the start.
	Reads(t *schema.Table) Reads
	// WriteLimit is what partition_write_rate_max did to a table since the start.
	WriteLimit(t *schema.Table) WriteLimit
	// Retention is what a table with a retention has past its end.
	Retention(t *schema.Table) Retention
}

// Bucket is a range of event time that a table has rows in. Rows and partitions are counted in each file and memtable.
type Bucket struct {
	StartMillis, EndMillis  int64 // since 1970, half open
	Mixed                   bool  // rows of any time, in files that are not split yet: there is neither start nor end
	Partitions, Rows, Bytes int64 // bytes of files
}

// LargePartition is what a partition has in files.
type LargePartition struct {
	Key         partition.DecoratedKey
	Rows, Bytes int64
}

// TopPartition is about what statements did to a partition lately.
type TopPartition struct {
	Key                  partition.DecoratedKey
	Reads, Writes, Bytes int64
}

// WriteLimit counts what was refused because a partition took more than it may.
type WriteLimit struct {
	Statements, Rows int64                  // refused; each attempt counts
	LastMillis       int64                  // since 1970, of the last one; 0: there was none
	Last             partition.DecoratedKey // the partition it was for
}

// Reads adds up what pages of SELECTs cost.
type Reads struct {
	Pages, Partitions, Buckets, Files int64 // looked into, those of each page
	RowGroups, RowGroupsSkipped       int64
	Rows, Filtered, Tombstones        int64 // decoded, dropped by ALLOW FILTERING, passed
	Warned, Failed                    int64 // pages, by guardrails
}

// Cache says how a cache does, since the start.
type Cache struct {
	Name                    string
	CapacityBytes, Bytes    int64
	Entries, Hits, Requests int64
}

// perTable are the virtual tables with many rows for each table, by name. Each makes the rows of one table, in clustering order,
// when a request asks for them.
var perTable = map[string]func(s *Source, t *schema.Table, req *mutation.ReadRequest) (n int, row func(i int) values, err error){
	"system_views.buckets":          (*Source).buckets,
	"system_views.large_partitions": (*Source).largePartitions,
	"system_views.read_statistics":  (*Source).readStatistics,
	"system_views.retention":        (*Source).retention,
	"system_views.rollup_windows":   (*Source).rollupWindows,
	"system_views.top_partitions":   (*Source).topPartitions,
	"system_views.write_limits":     (*Source).writeLimits,
}

// mixedStartMillis stands for the start of rows that no range holds: a millisecond behind the first of year 1, the earliest time
// that the clients of every language can show, and where no bucket begins.
const mixedStartMillis = -62_135_596_799_999

func (s *Source) buckets(t *schema.Table, _ *mutation.ReadRequest) (int, func(int) values, error) {
	list := s.catalog.status.Buckets(t)
	for i := range list {
		if list[i].Mixed {
			list[i].StartMillis = mixedStartMillis
		}
	}
	slices.SortStableFunc(list, func(a, b Bucket) int { return cmp.Compare(a.StartMillis, b.StartMillis) })
	return len(list), func(i int) values {
		b := &list[i]
		row := values{
			"bucket_start": types.AppendTimestampMillis(nil, b.StartMillis),
			"partitions":   bigint(b.Partitions), "rows": bigint(b.Rows), "bytes": bigint(b.Bytes),
		}
		if b.Mixed {
			return row
		}
		row["bucket_end"] = types.AppendTimestampMillis(nil, b.EndMillis)
		if t.Bucket != nil {
			if epoch, ok := t.Bucket.EpochOf(b.StartMillis, b.EndMillis); ok {
				row["epoch"] = integer(int64(epoch))
			}
		}
		return row
	}, nil
}

func (s *Source) largePartitions(t *schema.Table, _ *mutation.ReadRequest) (int, func(int) values, error) {
	list := s.catalog.status.LargePartitions(t)
	return len(list), func(i int) values {
		p := &list[i]
		return values{"rank": integer(int64(i + 1)), "partition": text(t.PartitionText(p.Key.Key)), "rows": bigint(p.Rows), "bytes": bigint(p.Bytes)}
	}, nil
}

func (s *Source) topPartitions(t *schema.Table, _ *mutation.ReadRequest) (int, func(int) values, error) {
	list := s.catalog.status.TopPartitions(t)
	return len(list), func(i int) values {
		p := &list[i]
		return values{
			"rank": integer(int64(i + 1)), "partition": text(t.PartitionText(p.Key.Key)),
			"reads": bigint(p.Reads), "writes": bigint(p.Writes), "bytes": bigint(p.Bytes),
		}
	}, nil
}

func (s *Source) writeLimits(t *schema.Table, _ *mutation.ReadRequest) (int, func(int) values, error) {
	limit := s.catalog.status.WriteLimit(t)
	if t.Options.PartitionWriteRateMax == 0 && limit.LastMillis == 0 {
		return 0, nil, nil
	}
	return 1, func(int) values {
		row := values{
			"rows_per_second_max": bigint(t.Options.PartitionWriteRateMax),
			"refused_statements":  bigint(limit.Statements), "refused_rows": bigint(limit.Rows),
		}
		if limit.LastMillis != 0 {
			row["last_partition"] = text(t.PartitionText(limit.Last.Key))
			row["last_refused"] = types.AppendTimestampMillis(nil, limit.LastMillis)
		}
		return row
	}, nil
}

func (s *Source) readStatistics(t *schema.Table, _ *mutation.ReadRequest) (int, func(int) values, error) {
	r := s.catalog.status.Reads(t)
	if r.Pages == 0 && r.Failed == 0 {
		return 0, nil, nil
	}
	return 1, func(int) values {
		return values{
			"pages": bigint(r.Pages), "partitions": bigint(r.Partitions), "buckets": bigint(r.Buckets), "files": bigint(r.Files),
			"row_groups": bigint(r.RowGroups), "row_groups_skipped": bigint(r.RowGroupsSkipped), "rows": bigint(r.Rows),
			"rows_filtered": bigint(r.Filtered), "tombstones": bigint(r.Tombstones), "warned": bigint(r.Warned), "failed": bigint(r.Failed),
		}
	}, nil
}

func (s *Source) caches() []values {
	var out []values
	for _, c := range s.catalog.status.Caches() {
		row := values{
			"name": text(c.Name), "capacity_bytes": bigint(c.CapacityBytes), "size_bytes": bigint(c.Bytes),
			"entry_count": integer(min(c.Entries, math.MaxInt32)), "hit_count": bigint(c.Hits), "request_count": bigint(c.Requests),
		}
		if c.Requests > 0 {
			row["hit_ratio"] = number(float64(c.Hits) / float64(c.Requests))
		}
		out = append(out, row)
	}
	return out
}
