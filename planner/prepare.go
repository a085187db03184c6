package planner

import (
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/schema"
)

// Prepare checks a statement against a schema. The keyspace is the connection's; empty when none was set. Statistics
// decide between tables that serve a SELECT, and tell what a scan costs; nil: nothing is known.
func Prepare(s *schema.Snapshot, keyspace string, stmt cql.Statement, statistics Statistics) (*Prepared, error) {
	c := &compiler{schema: s, keyspace: keyspace, statistics: statistics}
	p, err := c.prepare(stmt)
	if err != nil {
		return nil, err
	}
	p.Markers = c.markers
	return p, nil
}

func (c *compiler) prepare(stmt cql.Statement) (*Prepared, error) {
	switch stmt := stmt.(type) {
	case *cql.Select:
		return c.prepareSelect(stmt)
	case *cql.Insert:
		return c.prepareInsert(stmt)
	case *cql.Update:
		return c.prepareUpdate(stmt)
	case *cql.Delete:
		return c.prepareDelete(stmt)
	case *cql.Batch:
		return c.prepareBatch(stmt)
	case *cql.Truncate:
		return c.prepareTruncate(stmt)
	case *cql.Use:
		return c.prepareUse(stmt)
	case *cql.Describe:
		return c.prepareDescribe(stmt)
	case *cql.Explain:
		return c.prepareExplain(stmt)
	case *cql.ExplainRetention:
		return c.prepareExplainRetention(stmt)
	case *cql.Admin:
		return c.prepareAdmin(stmt)
	case *cql.CheckQueryTable:
		return c.prepareCheckCopy(stmt)
	case *cql.RebuildQueryTable:
		return c.prepareRebuildCopy(stmt)
	case *cql.RefreshRollup:
		return c.prepareRefreshRollup(stmt)
	case *cql.CheckRollup:
		return c.prepareCheckRollup(stmt)
	case *cql.CreateRole, *cql.AlterRole, *cql.DropRole, *cql.GrantRole, *cql.GrantPermission, *cql.ListRoles, *cql.ListPermissions:
		return c.prepareRoles(stmt)
	case *cql.Unsupported:
		return nil, unsupported(stmt)
	default:
		return c.prepareDDL(stmt)
	}
}

// table finds the table a statement names.
func (c *compiler) table(name cql.QualifiedName) (*schema.Table, error) {
	keyspace, err := c.keyspaceOf(name)
	if err != nil {
		return nil, err
	}
	if t := c.schema.Table(keyspace, name.Name); t != nil && t.Kind != schema.Index {
		return t, nil
	}
	return nil, invalidf("table %s does not exist", name.Name)
}

// keyspaceOf is the keyspace a name stands in, which must exist.
func (c *compiler) keyspaceOf(name cql.QualifiedName) (string, error) {
	keyspace := name.Keyspace
	if keyspace == "" {
		keyspace = c.keyspace
	}
	if keyspace == "" {
		return "", invalidf("No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename")
	}
	if c.schema.Keyspaces[keyspace] == nil {
		return "", invalidf("keyspace %s does not exist", keyspace)
	}
	return keyspace, nil
}

// fixed is a Prepared whose plan does not depend on values.
func fixed(keyspace string, plan Plan) *Prepared {
	return &Prepared{Keyspace: keyspace, bind: func([]Value, Context) (Plan, error) { return plan, nil }}
}

func (c *compiler) prepareUse(stmt *cql.Use) (*Prepared, error) {
	if c.schema.Keyspaces[stmt.Keyspace] == nil {
		return nil, invalidf("Keyspace '%s' does not exist", stmt.Keyspace)
	}
	return fixed(stmt.Keyspace, &Use{Keyspace: stmt.Keyspace}), nil
}

func (c *compiler) prepareTruncate(stmt *cql.Truncate) (*Prepared, error) {
	t, err := c.table(stmt.Table)
	if err != nil {
		return nil, err
	}
	if t.Kind == schema.View {
		return nil, invalidf("Cannot TRUNCATE materialized view directly; must truncate base table instead")
	}
	if t.Kind == schema.Rollup {
		return nil, invalidf("Cannot TRUNCATE rollup %s: it is computed from %s.%s; TRUNCATE that, which empties both", t.QualifiedName(), t.Keyspace, t.Rollup.BaseTable())
	}
	if err := writable(t); err != nil {
		return nil, err
	}
	return fixed(t.Keyspace, &Truncate{Table: t}), nil
}

func (c *compiler) prepareExplain(stmt *cql.Explain) (*Prepared, error) {
	inner, err := c.prepare(stmt.Statement)
	if err != nil {
		return nil, err
	}
	bind := func(values []Value, ctx Context) (Plan, error) {
		plan, err := inner.Bind(values, ctx)
		if err != nil {
			return nil, err
		}
		return &Explain{Analyze: stmt.Analyze, Plan: plan}, nil
	}
	return &Prepared{Keyspace: inner.Keyspace, Result: explainColumns(), bind: bind}, nil
}

// writable refuses statements that write to what the server keeps itself.
func writable(t *schema.Table) error {
	switch t.Kind {
	case schema.Base:
		return nil
	case schema.View:
		return invalidf("Cannot directly modify a materialized view: write to %s.%s", t.Keyspace, t.Copy.Base)
	case schema.QueryTable:
		return invalidf("Cannot directly modify query table %s: write to %s.%s", t.QualifiedName(), t.Keyspace, t.Copy.Base)
	case schema.Rollup:
		return invalidf("Cannot directly modify rollup %s: write to %s.%s", t.QualifiedName(), t.Keyspace, t.Rollup.BaseTable())
	default:
		return invalidf("%s is a system table: it cannot be modified", t.QualifiedName())
	}
}

// insteads says what to use where esker does not have something, by the statement's first words.
var insteads = map[string]string{
	"CREATE TRIGGER": "keep derived rows in a query table (CREATE QUERY TABLE) or a rollup",
	"DROP TRIGGER":   "there are no triggers to drop",
	"ADD IDENTITY":   "roles log in with a password; a client certificate is checked beside it",
	"DROP IDENTITY":  "roles log in with a password; there are no identities",
}

func unsupported(stmt *cql.Unsupported) error {
	if instead, ok := insteads[stmt.What]; ok {
		return invalidf("%s is not supported: %s", stmt.What, instead)
	}
	switch kind := stmt.What[strings.LastIndexByte(stmt.What, ' ')+1:]; {
	case kind != "FUNCTION" && kind != "AGGREGATE":
		return invalidf("%s is not supported by esker", stmt.What)
	case strings.HasPrefix(stmt.What, "DROP"):
		return invalidf("%s: User-defined functions are disabled, so there are none to drop", stmt.What)
	}
	return invalidf("User-defined functions are disabled in cassandra.yaml, and esker has none: compute in the application, or use a built-in function or aggregate")
}
