package database

import (
	"math"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/ttl"
)

// Store is what the database needs of a store. The local one is package lsm; the tests have another.
type Store interface {
	// Apply writes the mutations as one record: all or nothing after a crash. It returns once they
	// are durable and visible, with the record's sequence.
	Apply(ms []mutation.Mutation) (sequence uint64, err error)
	// ApplyUnsynced is Apply that returns once the record can be read by Newest, and may still be lost;
	// WaitDurable waits for the rest.
	ApplyUnsynced(ms []mutation.Mutation) (sequence uint64, err error)
	WaitDurable(sequence uint64) error
	// Sync makes what was written durable, whatever the mode of the log.
	Sync() error
	// View pins what is visible and durable now.
	View() View
	// Newest pins the newest applied state, for reads before a write under a latch (R44).
	Newest() View
	// PutSchema stores the schema and makes the tables be these.
	PutSchema(blob []byte, tables []mutation.Table) error
	// SetEnds tells the store which rows of a table have ended by a moment, beside those whose TTL says so. It is asked by jobs of the
	// store and must not wait for writes or schema changes.
	SetEnds(of func(table mutation.TableID, now time.Time) ttl.Ends)
	// HoldEnds keeps the store from removing what ends after a moment until release is called: now, or a later one that the store
	// has asked about. A change of what SetEnds says ends what held before at that moment, and releases when it has taken effect.
	HoldEnds(now time.Time) (at time.Time, release func())
	// Schema is the blob last stored; nil in a new store.
	Schema() []byte
	// Truncate empties tables, all in one step.
	Truncate(ids []mutation.TableID) error
	// Capabilities says what the store can do beside.
	Capabilities() Capabilities
	Close() error
}

// View is the store at one sequence.
type View interface {
	Sequence() uint64
	// Read reads one partition as batches.
	Read(table mutation.TableID, req mutation.ReadRequest) (mutation.PartitionReader, error)
	// Rows reads slices of one partition row by row, with tombstones: what a merge needs.
	Rows(table mutation.TableID, key partition.DecoratedKey, slices clustering.Slices) (*mutation.Side, mutation.RowSource, error)
	// Beyond reports whether rows are provably new: their clusterings lie behind every row and range
	// deletion of the partition, and their timestamps above the partition deletion (R39c). False is always right.
	Beyond(table mutation.TableID, key partition.DecoratedKey, rows []mutation.Row) (bool, error)
	// Keys walks partitions in (token, key) order.
	Keys(table mutation.TableID, r partition.Range) (mutation.KeyIterator, error)
	Close()
}

// Capabilities of a store. What needs one that is missing has a stated weaker path or is refused.
type Capabilities struct {
	AtomicGroups bool // mutations of several tables are one record: query tables and rollups need it
	Sequences    bool // a View is a snapshot, and rows can merge by sequence
}

// Local is the store on this machine.
type Local struct{ *lsm.Store }

// View implements Store.
func (l Local) View() View { return localView{l.Store.View()} }

// Newest implements Store.
func (l Local) Newest() View { return localView{l.Store.LatestView()} }

// Capabilities implements Store.
func (l Local) Capabilities() Capabilities {
	return Capabilities{AtomicGroups: true, Sequences: true}
}

type localView struct{ *lsm.View }

// Beyond implements View by the partition's frontier.
func (v localView) Beyond(table mutation.TableID, key partition.DecoratedKey, rows []mutation.Row) (bool, error) {
	f, found, err := v.Frontier(table, key)
	if err != nil || !found {
		return err == nil, err
	}
	for i := range rows {
		row := &rows[i]
		if !f.Beyond(row.Clustering) {
			return false, nil
		}
		if !f.Deletion.IsNone() && oldestTimestamp(row) <= f.Deletion.MarkedAt {
			return false, nil
		}
	}
	return true, nil
}

// oldestTimestamp is the oldest write timestamp in a new row: all of it must be above a deletion.
func oldestTimestamp(row *mutation.Row) int64 {
	oldest := int64(math.MaxInt64)
	if !row.Live.IsNone() {
		oldest = row.Live.Timestamp
	}
	for i := range row.Cells {
		oldest = min(oldest, row.Cells[i].Oldest())
	}
	return oldest
}
