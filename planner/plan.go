// Package planner turns a syntax tree and a schema into a Prepared statement, and with
// values into a Plan: Read, Write, Alter and the few others. It says what to do, in terms
// of partitions, slices and columns; it opens nothing and runs nothing.
package planner

import (
	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// Plan is what a bound statement asks for: *Read, *Write, *Alter, *Truncate, *Use, *Describe, *Explain, *Admin.
type Plan interface{ plan() }

// Read is a SELECT, bound.
type Read struct {
	Table          *schema.Table            // what is read: the base table, a query table, a rollup or a virtual table
	Named          *schema.Table            // what the statement names: Table, or the base table of a query table that serves it
	Choice         string                   // why Table was chosen, for EXPLAIN
	Keys           []partition.DecoratedKey // partitions in the order of the answer; nil: every partition in Range
	Range          partition.Range          // used when Keys is nil
	Through        *Through                 // names the partitions when Keys is nil; nil: those in Range
	Layout         partition.Layout         // of Table's partition key
	Slices         clustering.Slices        // the same in every partition
	Reverse        bool                     // against the clustering order
	Fetch          []*schema.Column         // regular columns that filters and selectors need; Slot numbers them
	Metadata       bool                     // TTL() or WRITETIME() is asked for
	Filters        []Filter                 // on merged rows; all must hold (R31)
	Output         []Output                 // the columns of the answer
	Columns        []ColumnSpec             // what Output is called; not to be changed
	GroupBy        []Expr                   // in key order; empty with aggregates: one group over all
	Fill           *Fill                    // rows for steps of time without rows; nil: none
	Grouped        bool                     // aggregates or GROUP BY are present
	Distinct       bool                     // SELECT DISTINCT of partition key and statics
	Sort           []SortKey                // ORDER BY over several partitions (IN): sorted after reading; empty otherwise
	Limit          int                      // rows of the answer; 0: none
	PartitionMax   int                      // PER PARTITION LIMIT; 0: none
	WholePartition bool                     // no restriction on clustering or regular columns: a partition with only statics yields a row (R27)
	Levels         *Levels                  // rollups that may serve parts of it; nil: none
	Warnings       []string                 // for the client

	buckets *bucketOrder // of Keys that follow from a range of time; nil: they were named
}

// Output is one column of an answer.
type Output struct {
	Name string // as named in the result metadata
	Type *types.Type
	Expr Expr
}

// SortKey orders an answer by one of its rows' clustering columns.
type SortKey struct {
	Column *schema.Column
	Desc   bool // against the type's natural order
}

// Operator of a filter or relation.
type Operator uint8

const (
	Eq Operator = iota + 1
	Neq
	Lt
	Lte
	Gt
	Gte
	In
	IsNotNull
	Contains    // the collection has Values[0]: an element, or a value of a map
	ContainsKey // the map has the key Values[0]
	HasEntry    // the map has Values[1] at the key Values[0]
)

// Filter is a condition on a column of the merged row.
type Filter struct {
	Column *schema.Column
	Op     Operator
	Values [][]byte // serialized; one, or several for In
}

// Write is one statement or batch, bound: one atomic group.
type Write struct {
	Table     *schema.Table // of the first mutation; for routing and errors
	Mutations []Mutation
	Warnings  []string
	Changes   []Change // follow from what is stored, and are put into Mutations by Settle
	// ReadsFirst makes the write take the latches of its partitions: it has changes, or is to a table whose other writes have.
	ReadsFirst bool
}

// Mutation is a mutation with the table it is for, so that whoever executes it finds copies and rollups.
type Mutation struct {
	Table *schema.Table
	mutation.Mutation
}

// Alter is a schema change: the whole next snapshot and what to tell clients.
type Alter struct {
	Next     *schema.Snapshot // nil: nothing changes (IF NOT EXISTS met)
	Change   string           // CREATED, UPDATED, DROPPED
	Target   string           // KEYSPACE, TABLE, TYPE
	Keyspace string
	Name     string // of the table or type; empty for keyspaces
	Warnings []string
}

// Truncate empties a table, its copies and rollups.
type Truncate struct{ Table *schema.Table }

// Use sets the keyspace of a connection.
type Use struct{ Keyspace string }

// Describe is a DESCRIBE statement; it is answered from the schema.
type Describe struct{ Statement *cql.Describe }

// Explain shows a plan instead of running it.
type Explain struct {
	Analyze bool
	Plan    Plan
}

func (*Read) plan()     {}
func (*Write) plan()    {}
func (*Alter) plan()    {}
func (*Truncate) plan() {}
func (*Use) plan()      {}
func (*Describe) plan() {}
func (*Explain) plan()  {}

// Expr is a selector of a SELECT, typed and resolved. Whoever runs the Read evaluates it.
// It is one of *ColumnExpr, *ConstExpr, *CallExpr, *MetaExpr, *AggregateExpr.
type Expr interface{ Type() *types.Type }

// ColumnExpr is the value of a column of the row.
type ColumnExpr struct {
	Column *schema.Column
	Slot   int // in PartitionKey, Clustering, Statics or Read.Fetch, after Column.Kind
}

// ConstExpr is a value known before the read; nil is null.
type ConstExpr struct {
	Of    *types.Type
	Value []byte
}

// CallExpr is a scalar function of its arguments.
type CallExpr struct {
	Function *Function
	Args     []Expr
}

// AggregateExpr is an aggregate over the rows of a group.
type AggregateExpr struct {
	Name      string // of downsample.Functions
	Arg       Expr   // nil: count(*)
	Of        *types.Type
	Fraction  Expr        // of percentile: a double from 0 to 1; else nil
	Time      *ColumnExpr // of delta, rate and time_weighted_avg: the clustering column they go by; else nil
	UnitNanos int64       // nanoseconds of a unit of Time, as MillisOf or the integer itself gives it
}

// Function is a scalar function, pure.
type Function struct {
	Name   string
	Args   []*types.Type
	Result *types.Type
	// Eval computes the result; a nil argument is null, a nil result is null.
	Eval   func(args [][]byte) ([]byte, error)
	moment func(ctx Context) []byte // of a function of the moment, which has no Eval; else nil
	step   stepFunction             // of floor and time_bucket, else nil
	// Part is what Eval selects of its first argument; nil: it is another function.
	Part *Part
}

func (e *ColumnExpr) Type() *types.Type    { return e.Column.Type }
func (e *ConstExpr) Type() *types.Type     { return e.Of }
func (e *CallExpr) Type() *types.Type      { return e.Function.Result }
func (e *AggregateExpr) Type() *types.Type { return e.Of }

// Value is a bound value of a marker.
type Value struct {
	Bytes []byte // nil with neither flag: null
	Unset bool   // nothing is written (R18)
}

// ColumnSpec names and types a marker or a result column.
type ColumnSpec struct {
	Keyspace, Table, Name string
	Type                  *types.Type
}

// Statistics is what a store tells of its tables, for estimates. Both methods cost microseconds.
type Statistics interface {
	// Table estimates a table; false: nothing is known of it.
	Table(id mutation.TableID) (TableEstimate, bool)
}

// TableEstimate is about how much a table holds, memtables included.
type TableEstimate struct {
	Rows       int64
	Partitions int64
	Bytes      int64
	FromMillis int64 // event time of the rows of a bucketed table, [From, To); both 0: not known
	ToMillis   int64
	Timed      bool // every row is of that time: with both 0, there is none
}

// Context is what binding may depend on beside the values.
type Context struct {
	NowSec          int64           // server time, seconds: ends of TTL, local deletion times (R21)
	NowMillis       int64           // for currentTimestamp()
	NowTicks        func() int64    // for now(): 100 ns since 1970, each later than the one before
	TimestampMicros int64           // of the write: protocol default, else the server's (R20)
	Random          func() [16]byte // for uuid() and now()
	Statistics      Statistics      // nil: nothing is known

	json []Value // of the columns, from the JSON object that is inserted
	row  []byte  // clustering of the row that is inserted, once it is bound and an adopted bucket follows from it
}
