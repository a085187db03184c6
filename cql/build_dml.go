package cql

// integer answers nil for nil: a clause that is not there.
func (b *builder) integer(n *integerOrMarker) Term {
	if n == nil {
		return nil
	}
	b.mark(n.marked)
	return n.Term
}

func (b *builder) relations(nodes []relationNode) []Relation {
	if len(nodes) == 0 {
		return nil
	}
	relations := make([]Relation, len(nodes))
	for i, n := range nodes {
		b.mark(n.marked)
		relations[i] = n.Relation
	}
	return relations
}

func (b *builder) selectors(nodes []selectorNode) []Selector {
	var selectors []Selector
	for _, n := range nodes {
		b.mark(n.marked)
		selectors = append(selectors, n.Selector)
	}
	return selectors
}

func names(nodes []name) []Name {
	var out []Name
	for _, n := range nodes {
		out = append(out, n.Name)
	}
	return out
}

func orderings(nodes []orderingGrammar) []Ordering {
	var out []Ordering
	for _, n := range nodes {
		out = append(out, Ordering{Pos: n.Column.Pos, Column: n.Column.Text, Descending: n.Descending})
	}
	return out
}

func (b *builder) groupBy(g *groupGrammar) GroupBy {
	var by GroupBy
	if g == nil {
		return by
	}
	for _, s := range b.selectors(g.Terms) {
		if s.Alias != "" {
			b.fail(s.Pos, "GROUP BY takes no AS")
		}
		by.Terms = append(by.Terms, s.Term)
	}
	if g.Fill != nil {
		b.mark(g.Fill.marked)
		by.Fill = g.Fill.Selector.Term
		if g.Fill.Selector.Alias != "" {
			b.fail(g.Fill.Selector.Pos, "FILL takes no AS")
		}
	}
	return by
}

func (b *builder) truncate(g *truncateGrammar) Statement {
	return &Truncate{Pos: position(g.Pos), Table: g.Table.QualifiedName}
}

func (b *builder) describe(g *describeGrammar) Statement {
	return &Describe{
		Pos: position(g.Pos), Kind: g.What.Kind, Name: g.What.Name, Only: g.What.Only, Internals: g.Internals,
	}
}

func (b *builder) explainRetention(g *retentionGrammar) Statement {
	return &ExplainRetention{Pos: position(g.Pos), Table: g.Table.QualifiedName}
}
