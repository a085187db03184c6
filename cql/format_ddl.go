package cql

// definition writes the statements that define, change and drop objects.
func (p *printer) definition(stmt Statement) {
	switch s := stmt.(type) {
	case *CreateKeyspace:
		p.create("KEYSPACE", s.IfNotExists, QuoteIdentifier(s.Name))
		p.options(s.Options)
	case *AlterKeyspace:
		p.change("ALTER KEYSPACE", s.IfExists, QuoteIdentifier(s.Name))
		p.options(s.Options)
	case *DropKeyspace:
		p.change("DROP KEYSPACE", s.IfExists, QuoteIdentifier(s.Name))
	case *CreateTable:
		p.createTable(s)
	case *CreateTableLike:
		p.create("TABLE", s.IfNotExists, s.Table.String())
		p.words(" LIKE ", s.Source.String())
		p.options(s.Options)
	case *AlterTable:
		p.change("ALTER TABLE", s.IfExists, s.Table.String())
		p.alterAction(s.Action)
	case *DropTable:
		p.change("DROP TABLE", s.IfExists, s.Table.String())
	case *CreateIndex:
		p.createIndex(s)
	case *DropIndex:
		p.change("DROP INDEX", s.IfExists, s.Name.String())
	case *CreateType, *AlterType, *DropType:
		p.userType(stmt)
	default:
		p.derived(stmt)
	}
}

// userType writes the statements about user types.
func (p *printer) userType(stmt Statement) {
	switch s := stmt.(type) {
	case *CreateType:
		p.create("TYPE", s.IfNotExists, s.Name.String())
		p.WriteString(" (")
		each(p, s.Fields, p.field)
		p.WriteByte(')')
	case *AlterType:
		p.change("ALTER TYPE", s.IfExists, s.Name.String())
		p.typeAction(s.Action)
	case *DropType:
		p.change("DROP TYPE", s.IfExists, s.Name.String())
	}
}

func (p *printer) field(f FieldDefinition) {
	p.words(QuoteIdentifier(f.Name.Text), " ", f.Type.String())
}

func (p *printer) typeAction(a TypeAction) {
	switch a := a.(type) {
	case *AddField:
		p.WriteString(" ADD ")
		p.when(a.IfNotExists, "IF NOT EXISTS ")
		p.field(a.Field)
	case *RenameFields:
		p.renames(a.IfExists, a.Renames)
	case *AlterFieldType:
		p.words(" ALTER ", QuoteIdentifier(a.Field.Name.Text), " TYPE ", a.Field.Type.String())
	}
}

func (p *printer) renames(ifExists bool, list []Rename) {
	p.WriteString(" RENAME ")
	p.when(ifExists, "IF EXISTS ")
	for i, r := range list {
		p.when(i > 0, " AND ")
		p.words(QuoteIdentifier(r.From.Text), " TO ", QuoteIdentifier(r.To.Text))
	}
}

// derived writes the statements about query tables, views and rollups.
func (p *printer) derived(stmt Statement) {
	switch s := stmt.(type) {
	case *CreateQueryTable:
		p.createQueryTable(s)
	case *AlterQueryTable:
		p.change("ALTER QUERY TABLE", s.IfExists, s.Name.String())
		p.tableOptions(s.Options)
	case *DropQueryTable:
		p.change("DROP QUERY TABLE", s.IfExists, s.Name.String())
	case *CheckQueryTable:
		p.words("CHECK QUERY TABLE ", s.Name.String())
		p.when(s.Repair, " REPAIR")
	case *RebuildQueryTable:
		p.words("REBUILD QUERY TABLE ", s.Name.String())
	case *CreateMaterializedView:
		p.create("MATERIALIZED VIEW", s.IfNotExists, s.Name.String())
		p.words(" AS ", Format(s.Select), " ")
		p.primaryKey(s.PrimaryKey)
		p.tableOptions(s.Options)
	case *AlterMaterializedView:
		p.change("ALTER MATERIALIZED VIEW", s.IfExists, s.Name.String())
		p.tableOptions(s.Options)
	case *DropMaterializedView:
		p.change("DROP MATERIALIZED VIEW", s.IfExists, s.Name.String())
	default:
		p.rollup(stmt)
	}
}

func (p *printer) rollup(stmt Statement) {
	switch s := stmt.(type) {
	case *CreateRollup:
		p.create("ROLLUP", s.IfNotExists, s.Name.String())
		p.words(" ON ", s.Select.From.String(), " AS SELECT ")
		p.selection(s.Select)
		p.groupBy(s.Select.GroupBy)
		p.options(s.Options)
	case *AlterRollup:
		p.change("ALTER ROLLUP", s.IfExists, s.Name.String())
		p.options(s.Options)
	case *DropRollup:
		p.change("DROP ROLLUP", s.IfExists, s.Name.String())
	case *RefreshRollup:
		p.words("REFRESH ROLLUP ", s.Name.String())
		p.where(s.Where)
	case *PauseRollup:
		p.words(map[bool]string{false: "PAUSE", true: "RESUME"}[s.Resume], " ROLLUP ", s.Name.String())
	case *CheckRollup:
		p.words("CHECK ROLLUP ", s.Name.String())
		if s.Sample != nil {
			p.words(" SAMPLE ", FormatTerm(s.Sample))
		}
		p.when(s.Repair, " REPAIR")
	default:
		p.retention(stmt)
	}
}

func (p *printer) create(what string, ifNotExists bool, name string) {
	p.words("CREATE ", what)
	p.when(ifNotExists, " IF NOT EXISTS")
	p.words(" ", name)
}

func (p *printer) change(verb string, ifExists bool, name string) {
	p.WriteString(verb)
	p.when(ifExists, " IF EXISTS")
	p.words(" ", name)
}

func (p *printer) createTable(s *CreateTable) {
	p.create("TABLE", s.IfNotExists, s.Table.String())
	p.WriteString(" (")
	each(p, s.Columns, p.column)
	for i, key := range s.PrimaryKeys {
		p.when(i > 0 || len(s.Columns) > 0, ", ")
		p.primaryKey(key)
	}
	p.WriteByte(')')
	p.tableOptions(s.Options)
}

func (p *printer) column(c ColumnDefinition) {
	p.words(QuoteIdentifier(c.Name), " ", c.Type.String())
	p.when(c.Static, " STATIC")
}

func (p *printer) primaryKey(k PrimaryKey) {
	p.columns("PRIMARY KEY (", k.Partition)
	for _, n := range k.Clustering {
		p.words(", ", QuoteIdentifier(n.Text))
	}
	p.WriteByte(')')
}

// options writes WITH and what follows it.
func (p *printer) options(options []Option) {
	p.tableOptions(TableOptions{Options: options})
}

func (p *printer) tableOptions(o TableOptions) {
	word := " WITH "
	if len(o.ClusteringOrder) > 0 {
		p.words(word, "CLUSTERING ORDER BY (")
		each(p, o.ClusteringOrder, p.ordering)
		p.WriteByte(')')
		word = " AND "
	}
	if o.CompactStorage {
		p.words(word, "COMPACT STORAGE")
		word = " AND "
	}
	for _, option := range o.Options {
		p.words(word, quoteAlso(option.Name, "clustering", "compact"), " = ", FormatTerm(option.Value))
		word = " AND "
	}
}

func (p *printer) alterAction(a AlterAction) {
	switch a := a.(type) {
	case *AddColumns:
		p.WriteString(" ADD ")
		p.when(a.IfNotExists, "IF NOT EXISTS ")
		p.WriteByte('(')
		each(p, a.Columns, p.column)
		p.WriteByte(')')
	case *DropColumns:
		p.WriteString(" DROP ")
		p.when(a.IfExists, "IF EXISTS ")
		p.columns("", a.Columns)
		if a.Timestamp != nil {
			p.words(" USING TIMESTAMP ", a.Timestamp.Text)
		}
	case *RenameColumns:
		p.renames(a.IfExists, a.Renames)
	case *AlterOptions:
		p.tableOptions(a.Options)
	case *AlterColumnType:
		p.words(" ALTER ", QuoteIdentifier(a.Column.Text), " TYPE ", a.Type.String())
	case *DropCompactStorage:
		p.WriteString(" DROP COMPACT STORAGE")
	}
}

func (p *printer) createQueryTable(s *CreateQueryTable) {
	p.create("QUERY TABLE", s.IfNotExists, s.Name.String())
	p.words(" ON ", s.Base.String())
	switch {
	case len(s.Columns) == 1 && isStar(s.Columns[0].Term):
		p.WriteString(" *")
	case len(s.Columns) > 0:
		p.selectors(" (", s.Columns)
	}
	p.where(s.Where)
	p.selectors(" PRIMARY KEY ((", s.Key.Partition)
	for _, part := range s.Key.Clustering {
		p.WriteString(", ")
		p.selector(part)
	}
	p.WriteByte(')')
	p.tableOptions(s.Options)
}

// selectors writes the opening text, selectors and a closing parenthesis.
func (p *printer) selectors(opening string, selectors []Selector) {
	p.WriteString(opening)
	each(p, selectors, p.selector)
	p.WriteByte(')')
}

func isStar(t Term) bool {
	_, star := t.(*Star)
	return star
}
