package cql

func (p *printer) statement(stmt Statement) {
	switch s := stmt.(type) {
	case *Select:
		p.selectOf(s)
	case *Insert:
		p.insert(s)
	case *Update:
		p.update(s)
	case *Delete:
		p.delete(s)
	case *Batch:
		p.batch(s)
	case *Truncate:
		p.words("TRUNCATE TABLE ", s.Table.String())
	case *Use:
		p.words("USE ", QuoteIdentifier(s.Keyspace))
	case *Explain:
		p.WriteString("EXPLAIN ")
		p.when(s.Analyze, "ANALYZE ")
		p.statement(s.Statement)
	case *ExplainRetention:
		p.words("EXPLAIN RETENTION ", s.Table.String())
	case *Describe:
		p.describe(s)
	case *Admin:
		p.admin(s)
	case *CreateRole, *AlterRole, *DropRole, *GrantRole, *GrantPermission, *ListRoles, *ListPermissions:
		p.roles(stmt)
	case *Unsupported:
		p.WriteString(s.What)
	default:
		p.definition(stmt)
	}
}

func (p *printer) using(u Using) {
	if u.Timestamp != nil {
		p.words(" USING TIMESTAMP ", FormatTerm(u.Timestamp))
	}
	if u.TTL != nil {
		word := " USING TTL "
		if u.Timestamp != nil {
			word = " AND TTL "
		}
		p.words(word, FormatTerm(u.TTL))
	}
}

func (p *printer) insert(s *Insert) {
	p.words("INSERT INTO ", s.Into.String(), " ")
	if s.JSON != nil {
		p.words("JSON ", FormatTerm(s.JSON))
		p.when(s.Unset, " DEFAULT UNSET")
	} else {
		p.columns("", s.Columns)
		p.WriteString(" VALUES ")
		p.list("(", s.Values, ")")
	}
	p.when(s.IfNotExists, " IF NOT EXISTS")
	p.using(s.Using)
}

func (p *printer) update(s *Update) {
	p.words("UPDATE ", s.Table.String())
	p.using(s.Using)
	p.WriteString(" SET ")
	each(p, s.Set, p.assignment)
	p.where(s.Where)
	p.onlyIf(s.IfExists, s.If)
}

// onlyIf writes the conditions of an UPDATE or DELETE.
func (p *printer) onlyIf(exists bool, conditions []Relation) {
	p.when(exists, " IF EXISTS")
	p.when(len(conditions) > 0, " IF ")
	p.conditions(conditions)
}

func (p *printer) assignment(a Assignment) {
	switch a := a.(type) {
	case *SetColumn:
		p.name(a.Column.Text)
		p.words(" = ", FormatTerm(a.Value))
	case *SetElement:
		p.name(a.Column.Text)
		p.words("[", FormatTerm(a.Key), "] = ", FormatTerm(a.Value))
	case *SetField:
		p.name(a.Column.Text)
		p.words(".", QuoteIdentifier(a.Field.Text), " = ", FormatTerm(a.Value))
	case *AddToColumn:
		column, value := QuoteIdentifier(a.Column.Text), FormatTerm(a.Value)
		switch a.Kind {
		case AddAppend:
			p.words(column, " = ", column, " + ", value)
		case AddPrepend:
			p.words(column, " = ", value, " + ", column)
		case AddSubtract:
			p.words(column, " = ", column, " - ", value)
		}
	}
}

func (p *printer) delete(s *Delete) {
	p.WriteString("DELETE ")
	each(p, s.Targets, func(t DeleteTarget) {
		p.name(t.Column.Text)
		switch {
		case t.Key != nil:
			p.words("[", FormatTerm(t.Key), "]")
		case t.Field != nil:
			p.words(".", QuoteIdentifier(t.Field.Text))
		}
	})
	p.when(len(s.Targets) > 0, " ")
	p.words("FROM ", s.From.String())
	p.using(s.Using)
	p.where(s.Where)
	p.onlyIf(s.IfExists, s.If)
}

func (p *printer) batch(s *Batch) {
	p.WriteString("BEGIN ")
	p.when(s.Kind == BatchUnlogged, "UNLOGGED ")
	p.when(s.Kind == BatchCounter, "COUNTER ")
	p.WriteString("BATCH")
	p.using(s.Using)
	p.WriteByte(' ')
	for _, stmt := range s.Statements {
		p.statement(stmt)
		p.WriteString("; ")
	}
	p.WriteString("APPLY BATCH")
}

func (p *printer) describe(s *Describe) {
	p.WriteString("DESCRIBE")
	p.when(s.Only, " ONLY")
	switch s.Kind {
	case DescribeKeyspace:
		p.WriteString(" KEYSPACE")
		if s.Name.Name != "" {
			p.words(" ", QuoteIdentifier(s.Name.Name))
		}
	case DescribeName:
		p.words(" ", s.describedName())
	default:
		for _, f := range describeForms {
			if f.kind != s.Kind {
				continue
			}
			p.words(" ", f.first)
			p.when(f.second != "", " "+f.second)
			p.when(f.named, " "+s.Name.String())
			break
		}
	}
	p.when(s.Internals, " WITH INTERNALS")
}

// describedName quotes a name that would read as one of the words of DESCRIBE.
func (s *Describe) describedName() string {
	if _, word := keywords[s.Name.Name]; word && s.Name.Keyspace == "" {
		return `"` + s.Name.Name + `"`
	}
	return s.Name.String()
}
