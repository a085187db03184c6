package database

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/planner"
)

const (
	// shapesMax is how many shapes of texts each of two generations holds.
	shapesMax = 512
	// shapePlansMax is how many plans one shape has, for literals that decide more than a value.
	shapePlansMax = 4
)

// shapes are the shapes of texts that came lately: of a text whose shape is known, only the literals are read. What was used in the
// younger generation survives when the older one is forgotten.
type shapes struct {
	mu           sync.Mutex
	young, older map[string]*textShape // guarded by mu; by keyspace and shape

	known, learned, parsed atomic.Int64 // texts
}

// textShape is what is known of texts that differ in their literals alone.
type textShape struct {
	version [16]byte // of the schema that it was learned under
	tried   bool     // to learn it: it came twice
	// statement is what the statements of all these texts have in common; its plan is none of them.
	statement Statement
	plans     []*planner.Shape // none: these texts have to be parsed
}

// TextStatistics counts texts of statements that were not prepared.
type TextStatistics struct {
	Known   int64 // whose shape was known, so that only literals were read
	Learned int64 // that were parsed and gave a shape
	Parsed  int64 // that were parsed, those that gave a shape included
}

// TextStatistics tells how texts were read since the database was opened.
func (d *Database) TextStatistics() TextStatistics {
	s := &d.shapes
	return TextStatistics{Known: s.known.Load(), Learned: s.learned.Load(), Parsed: s.parsed.Load()}
}

// find is what is known of a shape; nil: nothing.
func (s *shapes) find(key []byte) *textShape {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.young[string(key)]
	if found == nil {
		if found = s.older[string(key)]; found != nil {
			s.keepLocked(key, found)
		}
	}
	return found
}

func (s *shapes) keep(key []byte, one *textShape) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keepLocked(key, one)
}

func (s *shapes) keepLocked(key []byte, one *textShape) {
	if s.young == nil || len(s.young) >= shapesMax {
		s.older, s.young = s.young, make(map[string]*textShape)
	}
	s.young[string(key)] = one
}

// reading is memory that reading a text needs.
type reading struct {
	key  []byte
	cuts []cql.Cut
}

var readings = sync.Pool{New: func() any { return new(reading) }}

// Parse parses and plans a statement without keeping it: QUERY, and children of a BATCH. Texts of one shape are parsed and planned twice,
// and from then on only their literals are read. What is wrong with them is always said by the parser and the planner.
func (d *Database) Parse(keyspace, text string) (*Statement, error) {
	r := readings.Get().(*reading)
	defer r.done()
	key := append(append(r.key[:0], keyspace...), 0)
	key, cuts, ok := cql.Shape(text, key, r.cuts[:0])
	r.key, r.cuts = key, cuts
	if !ok || len(cuts) == 0 {
		return d.parse(keyspace, text)
	}
	known, version := d.shapes.find(key), d.Schema().Version
	if known != nil && known.version == version {
		if st := known.of(text, cuts); st != nil {
			d.shapes.known.Add(1)
			return st, nil
		}
	}
	st, err := d.parse(keyspace, text)
	if err != nil {
		return nil, err
	}
	switch {
	case known == nil || known.version != st.version:
		d.shapes.keep(key, &textShape{version: st.version})
	case !known.tried || len(known.plans) > 0 && len(known.plans) < shapePlansMax:
		d.shapes.keep(key, d.learn(known, st, cuts))
	}
	return st, nil
}

// done lets another text have the memory.
func (r *reading) done() {
	clear(r.cuts)
	readings.Put(r)
}

// learn adds to a shape the plan of a statement, whose literals these are. It keeps neither its text nor its tree, however long they are.
func (d *Database) learn(known *textShape, st *Statement, cuts []cql.Cut) *textShape {
	out := &textShape{version: st.version, tried: true, statement: *st, plans: slices.Clone(known.plans)}
	out.statement.ID, out.statement.Text, out.statement.tree, out.statement.Plan = [16]byte{}, "", nil, nil
	if s := d.Schema(); s.Version == st.version {
		if plan := planner.PrepareShape(s, st.Keyspace, st.tree, estimates{d}, cuts); plan != nil {
			out.plans = append(out.plans, plan)
			d.shapes.learned.Add(1)
		}
	}
	return out
}

// of is the statement of another text of the shape, without ID and tree; nil where a literal does not fit.
func (s *textShape) of(text string, cuts []cql.Cut) *Statement {
	for _, plan := range s.plans {
		out := new(struct {
			Statement
			plan planner.Prepared
		})
		var ok bool
		if out.plan, ok = plan.With(cuts); !ok {
			continue
		}
		out.Statement = s.statement
		out.Text, out.Plan = text, &out.plan
		return &out.Statement
	}
	return nil
}

// whole is the statement with its ID and tree, which one whose shape was known lacks.
func (d *Database) whole(st *Statement) (*Statement, error) {
	if st.tree != nil {
		return st, nil
	}
	return d.parse(st.Keyspace, st.Text)
}
