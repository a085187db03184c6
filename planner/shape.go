package planner

import (
	"slices"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// Shape is a Prepared of statements that differ in what is written in their literals alone. It is stale once the schema's
// version changed.
type Shape struct {
	prepared Prepared
	literals []shapeLiteral // in their order
}

// shapeLiteral is a literal that was cut out of the texts of a shape.
type shapeLiteral struct {
	receiver *types.Type // whose value it is; nil: it decides more than a value, and is the same in all texts
	text     string      // of one without a receiver
}

// slots are the literals of a statement that become values of its shape.
type slots struct {
	cuts      []cql.Cut
	receivers []*types.Type // nil: not met yet
	met       int
	calls     int // of functions around the term under way: they may look at what a literal says
}

// take is the place of a literal among the values, if it has one.
func (s *slots) take(l *cql.Literal, receiver *types.Type) (place int, ok bool) {
	if s == nil || s.calls > 0 {
		return 0, false
	}
	for i := range s.cuts {
		if c := &s.cuts[i]; c.Offset != l.Offset || c.Class != l.Class || c.Text != l.Text {
			continue
		}
		if s.receivers[i] != nil {
			s.met = len(s.cuts) + 1 // it counts twice: no shape
			return 0, false
		}
		s.receivers[i] = receiver
		s.met++
		return i, true
	}
	return 0, false
}

// open reports whether the literals of a collection or a tuple become values one by one. null does not: that there is one is refused, or not,
// once and for all.
func (s *slots) open(t cql.Term) bool {
	_, elems := literalElements(t)
	return s != nil && s.calls == 0 && len(elems) > 0 && !holdsNull(t)
}

func holdsNull(t cql.Term) bool {
	if l, ok := t.(*cql.Literal); ok {
		return l.Class == cql.LiteralNull
	}
	_, elems := literalElements(t)
	return slices.ContainsFunc(elems, holdsNull)
}

// inCall says that what is compiled until the returned function is called are arguments.
func (s *slots) inCall() (end func()) {
	if s == nil {
		return func() {}
	}
	s.calls++
	return func() { s.calls-- }
}

// PrepareShape is Prepare of a statement whose literals were cut out of its text: a Shape for all texts with that shape that have
// the same literals where these decide more than a value: the step of floor(), a part of a collection. It is nil where the
// statement has none: nothing in it is a value alone, or the planner came by a literal twice, because it tried several tables.
func PrepareShape(s *schema.Snapshot, keyspace string, stmt cql.Statement, statistics Statistics, cuts []cql.Cut) *Shape {
	switch stmt.(type) {
	case *cql.Select, *cql.Insert, *cql.Update, *cql.Delete:
	default:
		return nil
	}
	c := &compiler{schema: s, keyspace: keyspace, statistics: statistics, slots: &slots{cuts: cuts, receivers: make([]*types.Type, len(cuts))}}
	p, err := c.prepare(stmt)
	if err != nil || len(c.markers) > 0 || c.slots.met == 0 || c.slots.met > len(cuts) {
		return nil
	}
	p.PartitionKeyIndexes = nil // what they mean are no markers
	out := &Shape{prepared: *p, literals: make([]shapeLiteral, len(cuts))}
	for i, of := range c.slots.receivers {
		if out.literals[i].receiver = of; of == nil {
			out.literals[i].text = strings.Clone(cuts[i].Text) // a part of it would keep the whole text
		}
	}
	return out
}

// With is the Prepared of a text of the shape, by its literals. It is false where one of them is no value of its column, and Prepare
// says why, or is another than the shape needs.
func (s *Shape) With(cuts []cql.Cut) (p Prepared, ok bool) {
	for i := range cuts {
		if l := &s.literals[i]; l.receiver == nil && l.text != cuts[i].Text {
			return Prepared{}, false
		}
	}
	p = s.prepared
	p.literals = make([]Value, len(cuts))
	for i := range cuts {
		of := s.literals[i].receiver
		if of == nil {
			continue
		}
		v, err := of.ParseLiteral(types.Literal{Class: types.LiteralClass(cuts[i].Class), Text: cuts[i].Text})
		if err != nil {
			return Prepared{}, false
		}
		p.literals[i].Bytes = v
	}
	return p, true
}

// cutTerm is a literal that was cut out: a value without a check, as a constant is.
type cutTerm int

func (t cutTerm) bind(values []Value, _ Context) ([]byte, bool, error) {
	return values[t].Bytes, false, nil
}
