package database

import (
	"github.com/eskerdb/esker/database/catalog"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/lsm/sstable"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// Sighted is a store that can tell what its files hold of single tables.
type Sighted interface {
	// Buckets describes a table by ranges of event time, ascending by start.
	Buckets(table mutation.TableID) ([]lsm.BucketStatistics, error)
	// LargestPartitions are the largest partitions of a table, the largest first.
	LargestPartitions(table mutation.TableID) ([]sstable.PartitionSize, error)
	// CacheStatistics says how the cache of what files say of themselves does.
	CacheStatistics() lsm.CacheStatistics
}

// Buckets implements catalog.Sight. Ranges that begin at the same time, as those of a bucket and of several in one file, are one that
// ends with the longest.
func (s status) Buckets(t *schema.Table) []catalog.Bucket {
	store, ok := s.d.store.(Sighted)
	if !ok || t.Bucket == nil {
		return nil
	}
	found, err := store.Buckets(t.ID)
	if err != nil {
		return nil // it was dropped a moment ago
	}
	var out []catalog.Bucket
	for i := range found {
		b := &found[i]
		next := catalog.Bucket{StartMillis: b.Start, EndMillis: b.End, Partitions: b.Partitions, Rows: b.Rows, Bytes: b.Bytes}
		switch last := len(out) - 1; {
		case b.Start == b.End:
			next.Mixed = true
			out = append(out, next)
		case last >= 0 && !out[last].Mixed && out[last].StartMillis == b.Start:
			into := &out[last]
			into.EndMillis = max(into.EndMillis, b.End)
			into.Partitions, into.Rows, into.Bytes = into.Partitions+b.Partitions, into.Rows+b.Rows, into.Bytes+b.Bytes
		default:
			out = append(out, next)
		}
	}
	return out
}

// LargePartitions implements catalog.Sight.
func (s status) LargePartitions(t *schema.Table) []catalog.LargePartition {
	store, ok := s.d.store.(Sighted)
	if !ok {
		return nil
	}
	largest, err := store.LargestPartitions(t.ID)
	if err != nil {
		return nil // it was dropped a moment ago, or a file is damaged: who reads its rows is told
	}
	out := make([]catalog.LargePartition, 0, len(largest))
	for _, p := range largest {
		out = append(out, catalog.LargePartition{Key: partition.Decorate(p.Key), Rows: p.Rows, Bytes: p.Bytes})
	}
	return out
}

// Caches implements catalog.Sight.
func (s status) Caches() []catalog.Cache {
	store, ok := s.d.store.(Sighted)
	if !ok {
		return nil
	}
	c := store.CacheStatistics()
	return []catalog.Cache{{Name: "blocks", CapacityBytes: c.LimitBytes, Bytes: c.Bytes, Entries: int64(c.Blocks), Hits: int64(c.Hits), Requests: int64(c.Hits + c.Misses)}}
}

// WriteLimit implements catalog.Sight.
func (s status) WriteLimit(t *schema.Table) catalog.WriteLimit { return s.d.limits.refused(t) }
