package cql

func (b *builder) term(n *termNode) Term {
	b.mark(n.marked)
	return n.Term
}

func (b *builder) terms(nodes []termNode) []Term {
	terms := make([]Term, len(nodes))
	for i := range nodes {
		terms[i] = b.term(&nodes[i])
	}
	return terms
}

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

// using takes the last of a clause that comes twice, as Cassandra does.
func (b *builder) using(g *usingGrammar) Using {
	var u Using
	if g == nil {
		return u
	}
	for i := range g.Items {
		if value := b.integer(&g.Items[i].Value); g.Items[i].Kind == "TTL" {
			u.TTL = value
		} else {
			u.Timestamp = value
		}
	}
	return u
}

// timestampOnly is the USING of a statement that has no TTL.
func (b *builder) timestampOnly(g *usingGrammar) Using {
	if g == nil {
		return Using{}
	}
	for _, item := range g.Items {
		if item.Kind == "TTL" {
			b.fail(position(item.Pos), "mismatched input 'TTL' expecting TIMESTAMP")
		}
	}
	return b.using(g)
}

func (b *builder) conditions(g *ifGrammar) (exists bool, conditions []Relation) {
	if g == nil {
		return false, nil
	}
	return g.Exists, b.relations(g.Conditions)
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

func (b *builder) selectOf(g *selectGrammar) Statement {
	b.mark(g.Selection.marked)
	s := &Select{
		Pos: position(g.Pos), JSON: g.Selection.JSON, Distinct: g.Selection.Distinct, Selectors: g.Selection.Selectors,
		From: g.From.QualifiedName, Where: b.relations(g.Where), GroupBy: b.groupBy(g.Group), OrderBy: orderings(g.OrderBy),
		PerPartitionLimit: b.integer(g.PerPartition), Limit: b.integer(g.Limit), AllowFiltering: g.Allow,
	}
	if g.Resolution.Type == tokenString {
		s.Resolution = literalOf(&g.Resolution)
	}
	return s
}

func (b *builder) insert(g *insertGrammar) Statement {
	if g.JSON != nil {
		b.refused = &Unsupported{Pos: position(g.Pos), What: "INSERT JSON"}
		return b.refused
	}
	return &Insert{
		Pos: position(g.Pos), Into: g.Into.QualifiedName, Columns: names(g.Columns), Values: b.terms(g.Values),
		IfNotExists: g.Absent, Using: b.using(g.Using),
	}
}

func (b *builder) update(g *updateGrammar) Statement {
	u := &Update{Pos: position(g.Pos), Table: g.Table.QualifiedName, Using: b.using(g.Using)}
	for _, n := range g.Set {
		b.mark(n.marked)
		u.Set = append(u.Set, n.Assignment)
	}
	u.Where = b.relations(g.Where)
	u.IfExists, u.If = b.conditions(g.If)
	return u
}

func (b *builder) delete(g *deleteGrammar) Statement {
	d := &Delete{Pos: position(g.Pos), From: g.From.QualifiedName}
	for _, n := range g.Targets {
		target := DeleteTarget{Pos: n.Column.Pos, Column: n.Column.Name}
		if n.Key != nil {
			target.Key = b.term(n.Key)
		}
		if n.Field != nil {
			target.Field = &n.Field.Name
		}
		d.Targets = append(d.Targets, target)
	}
	d.Using = b.timestampOnly(g.Using)
	d.Where = b.relations(g.Where)
	d.IfExists, d.If = b.conditions(g.If)
	return d
}

func (b *builder) batch(g *batchGrammar) Statement {
	batch := &Batch{Pos: position(g.Pos), Kind: BatchLogged, Using: b.timestampOnly(g.Using)}
	switch g.Kind {
	case "UNLOGGED":
		batch.Kind = BatchUnlogged
	case "COUNTER":
		batch.Kind = BatchCounter
	}
	for _, item := range g.Statements {
		switch {
		case item.Insert != nil:
			batch.Statements = append(batch.Statements, b.insert(item.Insert))
		case item.Update != nil:
			batch.Statements = append(batch.Statements, b.update(item.Update))
		case item.Delete != nil:
			batch.Statements = append(batch.Statements, b.delete(item.Delete))
		}
	}
	return batch
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
