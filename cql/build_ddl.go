package cql

func options(g *optionsGrammar) []Option {
	if g == nil {
		return nil
	}
	var out []Option
	for _, n := range g.Items {
		out = append(out, optionOf(&n))
	}
	return out
}

func optionOf(g *optionGrammar) Option {
	return Option{Pos: g.Name.Pos, Name: g.Name.Text, Value: g.Value.Term}
}

func tableOptions(g *tableOptionsGrammar) TableOptions {
	var out TableOptions
	if g == nil {
		return out
	}
	for _, n := range g.Items {
		switch {
		case n.Option != nil:
			out.Options = append(out.Options, optionOf(n.Option))
		case n.Compact:
			out.CompactStorage = true
		default:
			out.ClusteringOrder = append(out.ClusteringOrder, orderings(n.Order)...)
		}
	}
	return out
}

func (b *builder) createKeyspace(g *createKeyspaceGrammar) Statement {
	return &CreateKeyspace{Pos: position(g.Pos), Name: g.Name.Text, IfNotExists: g.Absent, Options: options(&g.Options)}
}

func (b *builder) alterKeyspace(g *alterKeyspaceGrammar) Statement {
	return &AlterKeyspace{Pos: position(g.Pos), Name: g.Name.Text, IfExists: g.Exists, Options: options(&g.Options)}
}

func (b *builder) dropKeyspace(g *dropKeyspaceGrammar) Statement {
	return &DropKeyspace{Pos: position(g.Pos), Name: g.Name.Text, IfExists: g.Exists}
}

func (b *builder) use(g *useGrammar) Statement {
	return &Use{Pos: position(g.Pos), Keyspace: g.Name.Text}
}

func column(g *columnGrammar) ColumnDefinition {
	return ColumnDefinition{Pos: g.Name.Pos, Name: g.Name.Text, Type: g.Type.Type, Static: g.Static}
}

func columns(nodes []columnGrammar) []ColumnDefinition {
	var out []ColumnDefinition
	for i := range nodes {
		out = append(out, column(&nodes[i]))
	}
	return out
}

func primaryKey(g *primaryKeyGrammar) PrimaryKey {
	key := PrimaryKey{Pos: position(g.Pos), Partition: names(g.Composite), Clustering: names(g.Clustering)}
	if g.Single != nil {
		key.Partition = []Name{g.Single.Name}
	}
	return key
}

func (b *builder) createTable(g *createTableGrammar) Statement {
	if g.Like != nil {
		return &CreateTableLike{
			Pos: position(g.Pos), Table: g.Table.QualifiedName, IfNotExists: g.Absent, Source: g.Like.Source.QualifiedName, Options: options(g.Like.Options),
		}
	}
	t := &CreateTable{Pos: position(g.Pos), Table: g.Table.QualifiedName, IfNotExists: g.Absent}
	for _, item := range g.Items {
		switch {
		case item.Key != nil:
			t.PrimaryKeys = append(t.PrimaryKeys, primaryKey(item.Key))
		case item.Column != nil:
			t.Columns = append(t.Columns, column(item.Column))
		}
		if item.Inline.Value != "" {
			t.PrimaryKeys = append(t.PrimaryKeys, PrimaryKey{
				Pos: position(item.Inline.Pos), Partition: []Name{item.Column.Name.Name},
			})
		}
	}
	t.Options = tableOptions(g.Options)
	return t
}

func (b *builder) alterTable(g *alterTableGrammar) Statement {
	return &AlterTable{
		Pos: position(g.Pos), Table: g.Table.QualifiedName, IfExists: g.Exists, Action: alterAction(g),
	}
}

func alterAction(g *alterTableGrammar) AlterAction {
	switch {
	case g.Add != nil:
		return &AddColumns{Pos: position(g.Add.Pos), IfNotExists: g.Add.Absent, Columns: columns(g.Add.Columns)}
	case g.Drop != nil:
		return dropAction(g.Drop)
	case g.Rename != nil:
		return &RenameColumns{Pos: position(g.Rename.Pos), IfExists: g.Rename.Exists, Renames: renames(g.Rename)}
	case g.Retype != nil:
		return &AlterColumnType{Pos: position(g.Retype.Pos), Column: g.Retype.Column.Name, Type: g.Retype.Type.Type}
	}
	return &AlterOptions{Pos: position(g.Options.Pos), Options: tableOptions(g.Options)}
}

func dropAction(g *dropColumnsGrammar) AlterAction {
	if g.Compact {
		return &DropCompactStorage{Pos: position(g.Pos)}
	}
	d := &DropColumns{Pos: position(g.Pos), IfExists: g.Exists, Columns: names(g.Columns)}
	if g.Time.Type == tokenInteger {
		d.Timestamp = literalOf(&g.Time)
	}
	return d
}

func (b *builder) drop(g *dropGrammar) Statement {
	pos, name := position(g.Pos), g.Name.QualifiedName
	switch g.Kind {
	case "QUERYTABLE":
		return &DropQueryTable{Pos: pos, Name: name, IfExists: g.Exists}
	case "MATERIALIZEDVIEW":
		return &DropMaterializedView{Pos: pos, Name: name, IfExists: g.Exists}
	case "INDEX":
		return &DropIndex{Pos: pos, Name: name, IfExists: g.Exists}
	case "ROLLUP":
		return &DropRollup{Pos: pos, Name: name, IfExists: g.Exists}
	}
	return &DropTable{Pos: pos, Table: name, IfExists: g.Exists}
}

func (b *builder) createQueryTable(g *createQueryTableGrammar) Statement {
	q := &CreateQueryTable{
		Pos: position(g.Pos), Name: g.Name.QualifiedName, IfNotExists: g.Absent, Base: g.Base.QualifiedName,
		Columns: b.selectors(g.Columns), Where: b.relations(g.Where), Options: tableOptions(g.Options),
	}
	if g.Star.Value != "" {
		pos := position(g.Star.Pos)
		q.Columns = []Selector{{Pos: pos, Term: &Star{Pos: pos}}}
	}
	q.Key = QueryKey{Pos: position(g.Key.Pos), Partition: b.selectors(g.Key.Composite), Clustering: b.selectors(g.Key.Clustering)}
	if g.Key.Single != nil {
		q.Key.Partition = b.selectors([]selectorNode{*g.Key.Single})
	}
	return q
}

func (b *builder) createView(g *createViewGrammar) Statement {
	b.mark(g.Selection.marked)
	return &CreateMaterializedView{
		Pos: position(g.Pos), Name: g.Name.QualifiedName, IfNotExists: g.Absent,
		Select: &Select{
			Pos: position(g.SelectPos.Pos), JSON: g.Selection.JSON, Distinct: g.Selection.Distinct,
			Selectors: g.Selection.Selectors, From: g.From.QualifiedName, Where: b.relations(g.Where),
		},
		PrimaryKey: primaryKey(&g.Key), Options: tableOptions(g.Options),
	}
}

func (b *builder) createRollup(g *createRollupGrammar) Statement {
	b.mark(g.Selection.marked)
	return &CreateRollup{
		Pos: position(g.Pos), Name: g.Name.QualifiedName, IfNotExists: g.Absent,
		Select: &Select{
			Pos: position(g.SelectPos.Pos), JSON: g.Selection.JSON, Distinct: g.Selection.Distinct,
			Selectors: g.Selection.Selectors, From: g.Source.QualifiedName, GroupBy: b.groupBy(g.Group),
		},
		Options: options(g.Options),
	}
}

func (b *builder) alterDerived(g *alterDerivedGrammar) Statement {
	pos, name, opts := position(g.Pos), g.Name.QualifiedName, tableOptions(&g.Options)
	if g.Kind == "QUERYTABLE" {
		return &AlterQueryTable{Pos: pos, Name: name, IfExists: g.Exists, Options: opts}
	}
	return &AlterMaterializedView{Pos: pos, Name: name, IfExists: g.Exists, Options: opts}
}

func (b *builder) alterRollup(g *alterRollupGrammar) Statement {
	return &AlterRollup{Pos: position(g.Pos), Name: g.Name.QualifiedName, IfExists: g.Exists, Options: options(&g.Options)}
}

func (b *builder) checkQueryTable(g *checkQueryTableGrammar) Statement {
	return &CheckQueryTable{Pos: position(g.Pos), Name: g.Name.QualifiedName, Repair: g.Repair}
}

func (b *builder) checkRollup(g *checkRollupGrammar) Statement {
	return &CheckRollup{Pos: position(g.Pos), Name: g.Name.QualifiedName, Sample: b.integer(g.Sample), Repair: g.Repair}
}

func (b *builder) refresh(g *refreshGrammar) Statement {
	return &RefreshRollup{Pos: position(g.Pos), Name: g.Name.QualifiedName, Where: b.relations(g.Where)}
}

func (b *builder) pause(g *pauseGrammar) Statement {
	return &PauseRollup{Pos: position(g.Pos), Name: g.Name.QualifiedName, Resume: g.Verb == "RESUME"}
}

func (b *builder) rebuild(g *rebuildGrammar) Statement {
	return &RebuildQueryTable{Pos: position(g.Pos), Name: g.Name.QualifiedName}
}
