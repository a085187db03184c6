package cql

// Select is a SELECT statement.
type Select struct {
	Pos
	JSON              bool
	Distinct          bool
	Selectors         []Selector // `*` is one selector whose term is *Star
	From              QualifiedName
	Where             []Relation // joined by AND; empty without WHERE
	GroupBy           GroupBy
	OrderBy           []Ordering
	PerPartitionLimit Term // nil without; *Literal of an integer or *Marker
	Limit             Term // nil without; *Literal of an integer or *Marker
	AllowFiltering    bool
	Resolution        *Literal // nil without USING RESOLUTION; a string
}

// Selector is `term [AS alias]`.
type Selector struct {
	Pos
	Term  Term
	Alias string // empty without AS
}

// GroupBy is GROUP BY with its FILL.
type GroupBy struct {
	Terms []Term // columns and function calls; empty without GROUP BY
	Fill  Term   // nil without FILL; *ColumnRef (prev, linear) or *Literal (null, a value)
}

// Ordering is one `column [ASC|DESC]`, of ORDER BY and of CLUSTERING ORDER BY.
type Ordering struct {
	Pos
	Column     string
	Descending bool
}

// Relation is one condition of WHERE or IF: a pointer to one of the structs below.
type Relation interface {
	Node
	relation()
}

// Operator compares in a relation.
type Operator uint8

// The operators.
const (
	OpEqual          Operator = 1 // =
	OpNotEqual       Operator = 2 // !=
	OpLess           Operator = 3 // <
	OpLessOrEqual    Operator = 4 // <=
	OpGreater        Operator = 5 // >
	OpGreaterOrEqual Operator = 6 // >=
	OpContains       Operator = 7 // CONTAINS
	OpContainsKey    Operator = 8 // CONTAINS KEY
	OpLike           Operator = 9 // LIKE
)

// ColumnRelation is `column op value`.
type ColumnRelation struct {
	Pos
	Column Name
	Op     Operator
	Value  Term
}

// InRelation is `column [NOT] IN (values)` or `column [NOT] IN ?`.
type InRelation struct {
	Pos
	Column  Name
	Negated bool
	Values  []Term  // empty with Marker, and for `IN ()`
	Marker  *Marker // nil with a written list
}

// NullRelation is `column IS [NOT] NULL`.
type NullRelation struct {
	Pos
	Column  Name
	Negated bool // IS NOT NULL
}

// ElementRelation is `column[key] op value`.
type ElementRelation struct {
	Pos
	Column Name
	Key    Term
	Op     Operator
	Value  Term
}

// FieldRelation is `column.field op value`; only conditions after IF have it.
type FieldRelation struct {
	Pos
	Column Name
	Field  Name
	Op     Operator
	Value  Term
}

// PartInRelation is `column[key] [NOT] IN (values)` or `column.field IN ?`; only conditions after IF have it.
type PartInRelation struct {
	Pos
	Column  Name
	Key     Term  // nil of a field
	Field   *Name // nil of an element
	Negated bool
	Values  []Term  // empty with Marker, and for `IN ()`
	Marker  *Marker // nil with a written list
}

// TupleRelation is `(columns) op value`.
type TupleRelation struct {
	Pos
	Columns []Name
	Op      Operator
	Value   Term // *TupleLiteral or *Marker
}

// TupleInRelation is `(columns) IN (values)` or `(columns) IN ?`.
type TupleInRelation struct {
	Pos
	Columns []Name
	Negated bool
	Values  []Term  // each *TupleLiteral or *Marker; empty with Marker, and for `IN ()`
	Marker  *Marker // nil with a written list
}

// TokenRelation is `token(columns) op value`.
type TokenRelation struct {
	Pos
	Columns []Name
	Op      Operator
	Value   Term
}

func (*ColumnRelation) relation()  {}
func (*InRelation) relation()      {}
func (*NullRelation) relation()    {}
func (*ElementRelation) relation() {}
func (*FieldRelation) relation()   {}
func (*PartInRelation) relation()  {}
func (*TupleRelation) relation()   {}
func (*TupleInRelation) relation() {}
func (*TokenRelation) relation()   {}

// Explain is `EXPLAIN [ANALYZE] statement`.
type Explain struct {
	Pos
	Analyze   bool
	Statement Statement // never an Explain
}

// ExplainRetention is `EXPLAIN RETENTION table`.
type ExplainRetention struct {
	Pos
	Table QualifiedName
}

// DescribeKind is what a DESCRIBE asks for.
type DescribeKind uint8

// The kinds of DESCRIBE. Those marked with a name use Describe.Name.
const (
	DescribeCluster          DescribeKind = 1  // CLUSTER
	DescribeSchema           DescribeKind = 2  // SCHEMA
	DescribeFullSchema       DescribeKind = 3  // FULL SCHEMA
	DescribeKeyspaces        DescribeKind = 4  // KEYSPACES
	DescribeKeyspace         DescribeKind = 5  // [ONLY] KEYSPACE [name]: the keyspace is in Describe.Name.Name, empty for the current one
	DescribeTables           DescribeKind = 6  // TABLES
	DescribeTable            DescribeKind = 7  // TABLE name
	DescribeIndex            DescribeKind = 8  // INDEX name
	DescribeMaterializedView DescribeKind = 9  // MATERIALIZED VIEW name
	DescribeTypes            DescribeKind = 10 // TYPES
	DescribeType             DescribeKind = 11 // TYPE name
	DescribeFunctions        DescribeKind = 12 // FUNCTIONS
	DescribeFunction         DescribeKind = 13 // FUNCTION name
	DescribeAggregates       DescribeKind = 14 // AGGREGATES
	DescribeAggregate        DescribeKind = 15 // AGGREGATE name
	DescribeQueryTable       DescribeKind = 16 // QUERY TABLE name
	DescribeRollup           DescribeKind = 17 // ROLLUP name
	DescribeName             DescribeKind = 18 // a name alone: a keyspace, else whatever has that name
)

// Describe is `DESCRIBE …` or `DESC …`.
type Describe struct {
	Pos
	Kind      DescribeKind
	Name      QualifiedName
	Only      bool // DESCRIBE ONLY KEYSPACE: without the objects inside
	Internals bool // WITH INTERNALS
}

func (*Select) statement()           {}
func (*Explain) statement()          {}
func (*ExplainRetention) statement() {}
func (*Describe) statement()         {}
