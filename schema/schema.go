// Package schema holds keyspaces, tables, query tables, rollups and their options as
// immutable snapshots: a change makes a new Snapshot that shares what did not change.
//
// It knows names, types, kinds and options, how they are stored, and the CREATE text that
// describes them. It does not know statements, stores or connections.
package schema

import (
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// ColumnKind is the part a column plays in its table.
type ColumnKind uint8

const (
	PartitionKey  ColumnKind = 1 // stored: never reuse
	ClusteringKey ColumnKind = 2 // stored: never reuse
	Static        ColumnKind = 3 // stored: never reuse
	Regular       ColumnKind = 4 // stored: never reuse
	State         ColumnKind = 5 // stored: never reuse; of a rollup: read by the server alone
)

// Column is a column of a table. ID numbers static and regular columns; key columns have none.
type Column struct {
	Name     string
	Kind     ColumnKind
	Position int // within the partition key or the clustering; -1 for static and regular columns
	Type     *types.Type
	Desc     bool // clustering order
	ID       mutation.ColumnID
}

// TableKind says what keeps the rows of a table.
type TableKind uint8

const (
	Base       TableKind = 1 // written by statements
	QueryTable TableKind = 2 // CREATE QUERY TABLE: kept by the server (R39)
	View       TableKind = 3 // CREATE MATERIALIZED VIEW: the same under Cassandra's name
	Rollup     TableKind = 4 // kept by the rollup scheduler (R40)
	Virtual    TableKind = 5 // system tables computed at read
	Internal   TableKind = 6 // system tables that are stored, and written by the server alone: roles
	Index      TableKind = 7 // CREATE INDEX: a query table that only the planner sees, named "table.index"
)

// TimeBucket is how the files of a table are split by event time (never part of a key).
//
// A Bucketing that is not declared comes from TimeWindowCompactionStrategy or from the retention: it steers files and limits nothing.
// A table that is no longer bucketed keeps Column, UnitNanos and Former, by which its files were cut; its step is none.
type TimeBucket struct {
	Column          string
	SizeMillis      int64                 // of a fixed size in UTC without origin, as releases before Step wrote it; else 0
	Step            partition.Bucketing   // used when SizeMillis is 0
	UnitNanos       int64                 `json:",omitempty"` // of an integer column: one unit; 0: a millisecond
	TargetBytes     int64                 `json:",omitempty"` // of size 'auto': bytes a bucket aims at
	ChangedMillis   int64                 `json:",omitempty"` // of size 'auto': when another size was chosen last, ms since 1970
	MaxFutureMillis int64                 `json:",omitempty"` // a row dated further ahead is refused; 0: none is
	MaxPastMillis   int64                 `json:",omitempty"` // a row older than that is refused; 0: none is
	As              string                `json:",omitempty"` // the hand-made bucket column that the server fills; a partition key column
	FromWindow      bool                  `json:",omitempty"` // taken from TimeWindowCompactionStrategy
	FromRetention   bool                  `json:",omitempty"` // a part of the retention
	Epoch           int                   `json:",omitempty"` // counts the changes of Step
	Former          []partition.Bucketing `json:",omitempty"` // steps of the epochs before, oldest first; the last 64 of them
}

// Copy says how the rows of a query table, view or index come from its base table.
type Copy struct {
	Base    string         // table name in the same keyspace
	NotNull []string       // base columns that must not be null (IS NOT NULL); the key columns of the copy always are among them
	Columns []CopiedColumn // the value columns copied; key columns are mapped by name
	All     bool           `json:",omitempty"` // declared with *: a column added to the base is added here
	Keys    []CopyKey      `json:",omitempty"` // the key columns that are computed; others are mapped by name
	Filters []CopyFilter   `json:",omitempty"` // what a base row must fulfil beside NotNull
	// RetentionMillis ends a row so long after the time in its column RetentionBy; 0: it does not. The copy's own TTL is
	// Options.DefaultTTLSec, counted from the newest write of the base row.
	RetentionMillis int64     `json:",omitempty"`
	RetentionBy     string    `json:",omitempty"`
	State           CopyState `json:",omitempty"` // 0: live
	Index           *IndexOf  `json:",omitempty"` // of an Index
}

// CopyState says whether all base rows are in a copy.
type CopyState uint8

const (
	CopyLive     CopyState = 0 // stored: never reuse
	CopyBuilding CopyState = 1 // stored: never reuse; writes are followed, older rows are being added
)

// CopyFunction computes a key column of a copy.
type CopyFunction uint8

const (
	CopyTimeBucket CopyFunction = 1 // stored: never reuse; time_bucket(From, Bucket)
	CopyUnnest     CopyFunction = 2 // stored: never reuse; UNNEST(From): a row for each element of a set or list, each key of a map
	CopyToken      CopyFunction = 3 // stored: never reuse; the token of the base partition, a bigint: rows of an index in the order of the base
	CopyEntry      CopyFunction = 4 // stored: never reuse; a row for each entry of a map, as a frozen tuple of key and value
	CopyValue      CopyFunction = 5 // stored: never reuse; a row for each value of a map
	CopyZero       CopyFunction = 6 // stored: never reuse; the tinyint 0: a partition key of two columns also has the empty value
	CopyForm       CopyFunction = 7 // stored: never reuse; From in the form that all equal values share (types.Type.OneForm)
)

// CopyKey is a key column of a copy that is computed.
type CopyKey struct {
	Column   string // of the copy
	Function CopyFunction
	From     string              // column of the base; empty for CopyToken and CopyZero
	Bucket   partition.Bucketing // of CopyTimeBucket
}

// CopyFilter is a condition on a base column, which is null in no row of the copy.
type CopyFilter struct {
	Column string
	Op     string   // =, <, <=, >, >=, IN
	Values [][]byte // serialized; one, or several for IN
}

// Holds reports whether a value of the type, which is not null, passes the filter.
func (f *CopyFilter) Holds(of *types.Type, value []byte) bool {
	for _, v := range f.Values {
		order := of.Compare(value, v)
		switch f.Op {
		case "=", "IN":
			if order == 0 {
				return true
			}
		case "<":
			return order < 0
		case "<=":
			return order <= 0
		case ">":
			return order > 0
		case ">=":
			return order >= 0
		}
	}
	return false
}

// IndexOf is what an index is declared on.
type IndexOf struct {
	Name    string            // unique in the keyspace
	Column  string            // of the base
	Target  string            // "values", "keys", "entries" or "full" for a collection; empty for others
	Class   string            `json:",omitempty"` // as written after USING; empty: none
	Options map[string]string `json:",omitempty"`
}

// CopiedColumn maps a base column to a column of the copy.
type CopiedColumn struct {
	From mutation.ColumnID // in the base
	To   mutation.ColumnID // in the copy
}

// Table is a table, query table, view, rollup or virtual table. It is never changed once in a Snapshot.
type Table struct {
	ID       mutation.TableID
	Keyspace string
	Name     string
	Kind     TableKind

	PartitionKey []*Column
	Clustering   []*Column
	Statics      []*Column // ascending by name
	Regulars     []*Column // ascending by name
	States       []*Column // of a rollup: what its aggregates are merged from; no statement sees them
	Dropped      []Dropped
	NextColumn   mutation.ColumnID // the next ID to give; IDs start at 1

	Options    Options
	Bucket     *TimeBucket            // nil: never bucketed
	Copy       *Copy                  // query tables and views
	Rollup     *downsample.Definition // rollups
	Retention  *Retention             // base tables and rollups; nil: rows end by their TTL alone
	Rollups    []string               // of a base table: its rollups by the one-line option, by table name, finest first
	AppendOnly bool
	Counter    bool // its columns beside the key are counters, now and for ever
}

// Dropped remembers a dropped column (system_schema.dropped_columns, R29).
type Dropped struct {
	Name         string
	Type         *types.Type
	Kind         ColumnKind
	DroppedMicro int64 // microseconds since 1970
}

// Keyspace is a named set of tables and types. Tables holds every kind by name.
type Keyspace struct {
	Name          string
	Replication   map[string]string
	DurableWrites bool
	Tables        map[string]*Table
	Types         map[string]*types.Type // user-defined types by name, not frozen; columns hold their definition as it is
}

// Snapshot is the whole schema at one moment. Version is a UUID that changes with every DDL.
type Snapshot struct {
	Version   [16]byte
	Keyspaces map[string]*Keyspace
}

// Options are the table options of Cassandra 3.11 to 5.0 that esker stores and echoes, and those it acts upon.
type Options struct {
	Comment          string
	DefaultTTLSec    int32
	GCGraceSec       int64 // default 864000
	Compaction       map[string]string
	Compression      map[string]string
	Caching          map[string]string
	CompactStorage   bool
	Other            map[string]string // accepted, echoed, without effect on one node, e.g. speculative_retry
	TimeBucketOption map[string]string // as written, for DESCRIBE
	RollupsOption    map[string]string // as written, for DESCRIBE
	// PartitionWriteRateMax is how many rows a second statements may write to one partition; 0: any number.
	PartitionWriteRateMax int64 `json:",omitempty"`
}
