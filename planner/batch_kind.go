package planner

import "github.com/eskerdb/esker/cql"

// BatchOf says what the statements of a batch are.
type BatchOf struct {
	Kind      cql.BatchKind
	Timestamp bool // the batch has USING TIMESTAMP
	Counters  bool // a statement writes to a counter table
	Others    bool // a statement writes to another table
}

// Add adds a statement.
func (b *BatchOf) Add(p *Prepared) {
	b.Counters, b.Others = b.Counters || p.Counter, b.Others || !p.Counter
}

// Check refuses what cannot be mixed, and timestamps of counters (org.apache.cassandra.cql3.statements.BatchStatement.validate).
func (b *BatchOf) Check() error {
	switch {
	case b.Timestamp && b.Kind == cql.BatchCounter:
		return invalidf("Cannot provide custom timestamp for counter BATCH")
	case b.Timestamp && b.Counters:
		return invalidf("Cannot provide custom timestamp for a BATCH containing counters")
	case b.Kind == cql.BatchCounter && b.Others:
		return invalidf("Cannot include non-counter statement in a counter batch")
	case b.Counters && b.Others:
		return invalidf("Counter and non-counter mutations cannot exist in the same batch")
	case b.Kind == cql.BatchLogged && b.Counters:
		return invalidf("Cannot include a counter statement in a logged batch")
	}
	return nil
}
