package database

import (
	"errors"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// bucketStore is what the chooser of sizes may do with the database.
type bucketStore struct{ d *Database }

// AutoTables implements jobs.BucketStore. On a store that cannot tell what lies in which bucket, sizes stay what they are.
func (s bucketStore) AutoTables() []*schema.Table {
	var out []*schema.Table
	if _, ok := s.d.store.(Sighted); !ok {
		return nil
	}
	snapshot := s.d.Schema()
	for _, name := range snapshot.KeyspaceNames() {
		for _, t := range snapshot.Keyspaces[name].SortedTables() {
			if t.Bucket != nil && t.Bucket.TargetBytes > 0 {
				out = append(out, t)
			}
		}
	}
	return out
}

// Buckets implements jobs.BucketStore.
func (s bucketStore) Buckets(t *schema.Table) ([]jobs.BucketBytes, error) {
	buckets, err := s.d.store.(Sighted).Buckets(t.ID)
	if errors.Is(err, lsm.ErrUnknownTable) {
		return nil, nil // it was dropped a moment ago
	}
	if err != nil {
		return nil, err
	}
	out := make([]jobs.BucketBytes, len(buckets))
	for i, b := range buckets {
		out[i] = jobs.BucketBytes{Start: b.Start, End: b.End, Bytes: b.Bytes}
	}
	return out, nil
}

// Resize implements jobs.BucketStore. Nothing that drivers see of the table changes, so that they are told nothing.
func (s bucketStore) Resize(t *schema.Table, sizeMillis int64) error {
	s.d.schemaMu.Lock()
	defer s.d.schemaMu.Unlock()
	now := s.d.Schema()
	is := now.Table(t.Keyspace, t.Name)
	if is == nil || is.ID != t.ID || is.Bucket == nil || is.Bucket.Epoch != t.Bucket.Epoch || is.Bucket.TargetBytes != t.Bucket.TargetBytes {
		return nil // somebody was faster, and the next look sees what they did
	}
	next, err := planner.Resized(is, sizeMillis, s.d.clock.Now().UnixMilli())
	if err != nil {
		return err
	}
	return s.d.install(now.WithTable(next))
}

// requireAdopted refuses a bucket column that a change adopts while rows lie in other buckets than their times say: a
// SELECT that leaves the column out would not find them. It reads two rows of each partition; the caller holds
// marksMu, so that none is written meanwhile.
func (d *Database) requireAdopted(next *schema.Snapshot) error {
	now := d.Schema()
	for _, k := range next.Keyspaces {
		for _, t := range k.Tables {
			if t.Bucket == nil || t.Bucket.As == "" {
				continue
			}
			was := now.Table(t.Keyspace, t.Name)
			if was == nil || was.ID != t.ID || adoptedAt(was) == adoptedAt(t) && was.Bucket.Bucketing() == t.Bucket.Bucketing() {
				continue
			}
			if err := d.requireInBuckets(was, planner.AdoptionOf(t)); err != nil {
				return err
			}
		}
	}
	return nil
}

// adoptedAt is the position in the partition key of an adopted bucket column; −1: there is none.
func adoptedAt(t *schema.Table) int {
	if t.Bucket == nil || t.Bucket.As == "" {
		return -1
	}
	return t.Column(t.Bucket.As).Position
}

// requireInBuckets checks the first and the last row of every partition: what lies between them is of times between.
func (d *Database) requireInBuckets(t *schema.Table, adoption *planner.Adoption) error {
	view := d.store.Newest()
	defer view.Close()
	return eachKey(view, t.ID, func(key *partition.DecoratedKey) error {
		for _, reverse := range []bool{false, true} {
			if err := checkFirst(view, t, mutation.ReadRequest{Key: *key, Slices: clustering.All(), Reverse: reverse, RowsMax: 1}, adoption); err != nil {
				return err
			}
		}
		return nil
	})
}

// checkFirst checks the first row that a read gives.
func checkFirst(view View, t *schema.Table, req mutation.ReadRequest, adoption *planner.Adoption) error {
	reader, err := view.Read(t.ID, req)
	if err != nil {
		return err
	}
	defer reader.Close()
	batch, err := reader.Next()
	if batch == nil || err != nil {
		return err
	}
	return adoption.Check(req.Key, batch.Clustering[0].AppendValue(nil, 0))
}
