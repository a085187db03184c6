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
)

// ColumnKind is the part a column plays in its table.
type ColumnKind uint8

const (
	PartitionKey  ColumnKind = 1 // stored: never reuse
	ClusteringKey ColumnKind = 2 // stored: never reuse
	Static        ColumnKind = 3 // stored: never reuse
	Regular       ColumnKind = 4 // stored: never reuse
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
	Internal   TableKind = 6 // kept by the server for itself: dirty marks
)

// TimeBucket is how the files of a table are split by event time (never part of a key).
type TimeBucket struct {
	Column     string
	SizeMillis int64
}

// Copy says how the rows of a query table or view come from its base table.
type Copy struct {
	Base    string         // table name in the same keyspace
	NotNull []string       // base columns that must not be null (IS NOT NULL); the key columns of the copy always are among them
	Columns []CopiedColumn // the value columns copied; key columns are mapped by name
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
	Dropped      []Dropped
	NextColumn   mutation.ColumnID // the next ID to give; IDs start at 1

	Options    Options
	Bucket     *TimeBucket            // nil: not bucketed
	Copy       *Copy                  // query tables and views
	Rollup     *downsample.Definition // rollups
	Rollups    []string               // of a base table: its rollups by the one-line option, by table name, finest first
	AppendOnly bool
}

// Dropped remembers a dropped column (system_schema.dropped_columns, R29).
type Dropped struct {
	Name         string
	Type         *types.Type
	Kind         ColumnKind
	DroppedMicro int64 // microseconds since 1970
}

// Keyspace is a named set of tables. Tables holds every kind by name.
type Keyspace struct {
	Name          string
	Replication   map[string]string
	DurableWrites bool
	Tables        map[string]*Table
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
}
