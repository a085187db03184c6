package database

import (
	"github.com/eskerdb/esker/database/catalog"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/schema"
)

// Sighted is a store that can tell what its files hold of single tables.
type Sighted interface {
	// Buckets describes a table by ranges of event time, ascending by start.
	Buckets(table mutation.TableID) ([]lsm.BucketStatistics, error)
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
func (s status) LargePartitions(*schema.Table) []catalog.LargePartition { return nil }

// WriteLimit implements catalog.Sight.
func (s status) WriteLimit(t *schema.Table) catalog.WriteLimit { return s.d.limits.refused(t) }
