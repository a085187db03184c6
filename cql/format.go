package cql

import (
	"slices"
	"strings"
)

// Format writes a statement in one canonical line without a semicolon. Parse reads it back to the same tree, but for
// positions. Of an Unsupported it writes the words that are known.
func Format(stmt Statement) string {
	var p printer
	p.statement(stmt)
	return p.String()
}

// FormatTerm writes a term as Format does.
func FormatTerm(t Term) string {
	var p printer
	p.term(t)
	return p.String()
}

// FormatRelation writes a relation as Format does.
func FormatRelation(r Relation) string {
	var p printer
	p.relation(r)
	return p.String()
}

// String is the type in its canonical form, as Format writes it.
func (d DataType) String() string {
	var p printer
	p.dataType(d)
	return p.String()
}

// String is the name as Format writes it, with its keyspace if it has one.
func (q QualifiedName) String() string {
	var p printer
	p.qualified(q)
	return p.String()
}

// String is the operator as it is written.
func (o Operator) String() string {
	switch o {
	case OpEqual:
		return "="
	case OpNotEqual:
		return "!="
	case OpLess:
		return "<"
	case OpLessOrEqual:
		return "<="
	case OpGreater:
		return ">"
	case OpGreaterOrEqual:
		return ">="
	case OpContains:
		return "CONTAINS"
	case OpContainsKey:
		return "CONTAINS KEY"
	case OpLike:
		return "LIKE"
	}
	return "?"
}

// printer writes canonical text.
type printer struct{ strings.Builder }

// words writes its arguments one after the other.
func (p *printer) words(words ...string) {
	for _, w := range words {
		p.WriteString(w)
	}
}

// when writes the text if the condition holds.
func (p *printer) when(condition bool, text string) {
	if condition {
		p.WriteString(text)
	}
}

func (p *printer) name(name string) { p.WriteString(QuoteIdentifier(name)) }

// quoteAlso quotes a name as QuoteIdentifier does, and also if it is one of the words: unreserved ones that would
// be read as keywords where the name stands.
func quoteAlso(name string, words ...string) string {
	if slices.Contains(words, name) {
		return `"` + name + `"`
	}
	return QuoteIdentifier(name)
}

func (p *printer) qualified(q QualifiedName) {
	if q.Keyspace != "" {
		p.name(q.Keyspace)
		p.WriteByte('.')
	}
	p.name(q.Name)
}

func (p *printer) dataType(d DataType) {
	switch {
	case d.Custom:
		p.WriteString(QuoteString(d.Name))
		return
	case d.Keyspace != "":
		p.qualified(QualifiedName{Keyspace: d.Keyspace, Name: d.Name})
		return
	case d.Name == "set" || d.Name != "" && isDigit(d.Name[0]):
		p.WriteString(d.Name)
	default:
		p.name(d.Name)
	}
	if len(d.Args) > 0 {
		p.WriteByte('<')
		each(p, d.Args, p.dataType)
		p.WriteByte('>')
	}
}

// each writes items with commas between them.
func each[T any](p *printer, items []T, write func(T)) {
	for i, item := range items {
		p.when(i > 0, ", ")
		write(item)
	}
}

func (p *printer) names(names []Name) {
	each(p, names, func(n Name) { p.name(n.Text) })
}

func (p *printer) selectOf(s *Select) {
	p.WriteString("SELECT ")
	p.selection(s)
	p.WriteString(" FROM ")
	p.qualified(s.From)
	p.where(s.Where)
	p.groupBy(s.GroupBy)
	if len(s.OrderBy) > 0 {
		p.WriteString(" ORDER BY ")
		each(p, s.OrderBy, p.ordering)
	}
	if s.PerPartitionLimit != nil {
		p.words(" PER PARTITION LIMIT ", FormatTerm(s.PerPartitionLimit))
	}
	if s.Limit != nil {
		p.words(" LIMIT ", FormatTerm(s.Limit))
	}
	p.when(s.AllowFiltering, " ALLOW FILTERING")
	if s.Resolution != nil {
		p.words(" USING RESOLUTION ", QuoteString(s.Resolution.Text))
	}
}

// selection writes what stands between SELECT and FROM.
func (p *printer) selection(s *Select) {
	p.when(s.JSON, "JSON ")
	p.when(s.Distinct, "DISTINCT ")
	each(p, s.Selectors, p.selector)
}

func (p *printer) selector(s Selector) {
	p.term(s.Term)
	if s.Alias != "" {
		p.WriteString(" AS ")
		p.name(s.Alias)
	}
}

func (p *printer) groupBy(by GroupBy) {
	if len(by.Terms) == 0 {
		return
	}
	p.WriteString(" GROUP BY ")
	each(p, by.Terms, p.term)
	if by.Fill != nil {
		p.words(" FILL(", FormatTerm(by.Fill), ")")
	}
}

func (p *printer) ordering(o Ordering) {
	p.name(o.Column)
	if o.Descending {
		p.WriteString(" DESC")
	} else {
		p.WriteString(" ASC")
	}
}

func (p *printer) where(relations []Relation) {
	p.when(len(relations) > 0, " WHERE ")
	p.conditions(relations)
}

// conditions writes relations with AND between them.
func (p *printer) conditions(relations []Relation) {
	for i, r := range relations {
		p.when(i > 0, " AND ")
		p.relation(r)
	}
}

func (p *printer) relation(r Relation) {
	switch r := r.(type) {
	case *ColumnRelation:
		p.conditionColumn(r.Column)
		p.compared(r.Op, r.Value)
	case *InRelation:
		p.conditionColumn(r.Column)
		p.in(r.Negated, r.Values, r.Marker)
	case *NullRelation:
		p.conditionColumn(r.Column)
		p.WriteString(" IS ")
		p.when(r.Negated, "NOT ")
		p.WriteString("NULL")
	case *ElementRelation:
		p.conditionColumn(r.Column)
		p.words("[", FormatTerm(r.Key), "]")
		p.compared(r.Op, r.Value)
	case *FieldRelation:
		p.conditionColumn(r.Column)
		p.WriteByte('.')
		p.name(r.Field.Text)
		p.compared(r.Op, r.Value)
	case *PartInRelation:
		p.conditionColumn(r.Column)
		if r.Field != nil {
			p.WriteByte('.')
			p.name(r.Field.Text)
		} else {
			p.words("[", FormatTerm(r.Key), "]")
		}
		p.in(r.Negated, r.Values, r.Marker)
	case *TupleRelation:
		p.columns("", r.Columns)
		p.compared(r.Op, r.Value)
	case *TupleInRelation:
		p.columns("", r.Columns)
		p.in(r.Negated, r.Values, r.Marker)
	case *TokenRelation:
		p.columns("token", r.Columns)
		p.compared(r.Op, r.Value)
	}
}

// conditionColumn keeps a column named exists from being read as IF EXISTS.
func (p *printer) conditionColumn(n Name) { p.WriteString(quoteAlso(n.Text, "exists")) }

// columns writes names in parentheses.
func (p *printer) columns(before string, columns []Name) {
	p.words(before, "(")
	p.names(columns)
	p.WriteByte(')')
}

func (p *printer) compared(op Operator, value Term) {
	p.words(" ", op.String(), " ")
	p.term(value)
}

func (p *printer) in(negated bool, values []Term, marker *Marker) {
	p.when(negated, " NOT")
	p.WriteString(" IN ")
	if marker != nil {
		p.term(marker)
		return
	}
	p.list("(", values, ")")
}
