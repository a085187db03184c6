package planner

// Prepared is a statement that was parsed and checked against a schema once and can be bound often.
// It is immutable; it is stale once the schema's version changed.
type Prepared struct {
	Keyspace            string       // of the statement's table
	Markers             []ColumnSpec // in order of appearance; names of `?` are those of their columns
	PartitionKeyIndexes []uint16     // markers that make up the whole partition key, in key order; empty if they do not
	Result              []ColumnSpec // columns of the answer; nil if it has no rows
	bind                func(values []Value, ctx Context) (Plan, error)
}

// Bind makes a plan of the values, one for each marker.
func (p *Prepared) Bind(values []Value, ctx Context) (Plan, error) {
	return p.bind(values, ctx)
}
