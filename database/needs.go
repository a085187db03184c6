package database

import (
	"slices"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/database/auth"
	"github.com/eskerdb/esker/schema"
)

// need is a permission that a statement needs. What it needs is known when it is planned; whether its user has it, at each execution.
type need struct {
	permission auth.Permissions
	on         auth.Resource
	or         auth.Resource // the permission on this suffices as well; zero: there is no such thing
	superuser  bool          // nobody else may
	memo       *auth.Memo    // of permission and on
}

// needs are what a statement needs, beside a login. Those about roles are asked when they run: they depend on what roles there are.
type needs struct {
	schema   *schema.Snapshot
	keyspace string // of the connection
	list     []need
}

// needsOf are the needs of a statement that was planned with a schema.
func needsOf(s *schema.Snapshot, keyspace string, tree cql.Statement) []need {
	n := &needs{schema: s, keyspace: keyspace}
	n.statement(tree)
	for i := range n.list {
		n.list[i].memo = new(auth.Memo)
	}
	return n.list
}

func (n *needs) add(p auth.Permissions, on auth.Resource) {
	n.list = append(n.list, need{permission: p, on: on})
}

func (n *needs) statement(tree cql.Statement) {
	switch stmt := tree.(type) {
	case *cql.Select:
		n.read(stmt.From)
	case *cql.Insert:
		n.write(stmt.Into, stmt.IfNotExists)
	case *cql.Update:
		n.write(stmt.Table, stmt.IfExists || len(stmt.If) > 0)
	case *cql.Delete:
		n.write(stmt.From, stmt.IfExists || len(stmt.If) > 0)
	case *cql.Batch:
		for _, child := range stmt.Statements {
			n.statement(child)
		}
	case *cql.Truncate:
		n.add(auth.Modify, n.table(stmt.Table))
	case *cql.Explain:
		n.statement(stmt.Statement)
	case *cql.ExplainRetention:
		n.read(stmt.Table)
	case *cql.Use, *cql.Describe:
		// Free: schemas are no secret, drivers read them anyway.
	case *cql.CreateRole, *cql.AlterRole, *cql.DropRole, *cql.GrantRole, *cql.GrantPermission, *cql.ListRoles, *cql.ListPermissions:
		// Asked when they run.
	case *cql.Admin:
		n.admin(stmt)
	default:
		n.definition(tree)
	}
}

// definition is the needs of what defines, changes, drops and keeps objects. What is derived from a table belongs to it: who may alter the
// table decides of its copies, rollups, indexes and policies.
func (n *needs) definition(tree cql.Statement) {
	switch stmt := tree.(type) {
	case *cql.CreateKeyspace:
		n.add(auth.Create, auth.Data)
	case *cql.AlterKeyspace:
		n.add(auth.Alter, auth.OnKeyspace(stmt.Name))
	case *cql.DropKeyspace:
		n.add(auth.Drop, auth.OnKeyspace(stmt.Name))
	case *cql.CreateTable:
		n.add(auth.Create, auth.OnTables(n.keyspaceOf(stmt.Table)))
	case *cql.CreateTableLike:
		n.add(auth.Create, auth.OnTables(n.keyspaceOf(stmt.Table)))
		n.read(stmt.Source)
	case *cql.AlterTable:
		n.alter(stmt.Table)
	case *cql.DropTable:
		n.add(auth.Drop, n.table(stmt.Table))
	case *cql.CreateType:
		n.add(auth.Create, auth.OnTables(n.keyspaceOf(stmt.Name)))
	case *cql.AlterType:
		n.add(auth.Alter, auth.OnTables(n.keyspaceOf(stmt.Name)))
	case *cql.DropType:
		n.add(auth.Drop, auth.OnTables(n.keyspaceOf(stmt.Name)))
	case *cql.CreateIndex:
		n.alter(stmt.Table)
	case *cql.DropIndex:
		n.dropIndex(stmt.Name)
	case *cql.CreateQueryTable:
		n.alter(stmt.Base)
	case *cql.CreateMaterializedView:
		n.alter(stmt.Select.From)
	case *cql.CreateRollup:
		n.alter(stmt.Select.From)
	case *cql.CreateRetentionPolicy:
		n.alter(stmt.Table)
	case *cql.AlterRetentionPolicy:
		n.policy(stmt.Name)
	case *cql.DropRetentionPolicy:
		n.policy(stmt.Name)
	case *cql.AlterQueryTable:
		n.alter(stmt.Name)
	case *cql.DropQueryTable:
		n.alter(stmt.Name)
	case *cql.AlterMaterializedView:
		n.alter(stmt.Name)
	case *cql.DropMaterializedView:
		n.alter(stmt.Name)
	case *cql.AlterRollup:
		n.alter(stmt.Name)
	case *cql.DropRollup:
		n.alter(stmt.Name)
	default:
		n.maintenance(tree)
	}
}

// maintenance is the needs of what looks after copies and rollups. A CHECK shows rows; with REPAIR it also changes them.
func (n *needs) maintenance(tree cql.Statement) {
	switch stmt := tree.(type) {
	case *cql.CheckQueryTable:
		n.read(stmt.Name)
		if stmt.Repair {
			n.alter(stmt.Name)
		}
	case *cql.CheckRollup:
		n.read(stmt.Name)
		if stmt.Repair {
			n.alter(stmt.Name)
		}
	case *cql.RebuildQueryTable:
		n.alter(stmt.Name)
	case *cql.RefreshRollup:
		n.alter(stmt.Name)
	case *cql.PauseRollup:
		n.alter(stmt.Name)
	default:
		n.list = append(n.list, need{superuser: true}) // whatever it is, nobody thought of it
	}
}

// admin is the needs of ADMIN: what reads needs SELECT, what writes files ALTER, what writes outside the data directory a superuser.
func (n *needs) admin(stmt *cql.Admin) {
	on := auth.Data
	if stmt.Table != "" {
		on = auth.OnTable(stmt.Keyspace, stmt.Table)
	} else if stmt.Keyspace != "" {
		on = auth.OnKeyspace(stmt.Keyspace)
	}
	switch stmt.Verb {
	case cql.AdminTableStats:
		n.add(auth.Select, on)
	case cql.AdminFlush, cql.AdminCompact:
		n.add(auth.Alter, on)
	default:
		n.list = append(n.list, need{superuser: true})
	}
}

func (n *needs) keyspaceOf(name cql.QualifiedName) string {
	if name.Keyspace != "" {
		return name.Keyspace
	}
	return n.keyspace
}

func (n *needs) table(name cql.QualifiedName) auth.Resource {
	return auth.OnTable(n.keyspaceOf(name), name.Name)
}

// found is the table of a name; nil: there is none, where the statement says IF EXISTS.
func (n *needs) found(name cql.QualifiedName) *schema.Table {
	return n.schema.Table(n.keyspaceOf(name), name.Name)
}

// baseOf is the table that another is derived from; empty: it is not.
func baseOf(t *schema.Table) string {
	switch {
	case t == nil:
		return ""
	case t.Copy != nil:
		return t.Copy.Base
	case t.Rollup != nil:
		return t.Rollup.BaseTable()
	}
	return ""
}

// read needs SELECT on the table. Of a view, as in Cassandra, that is on its base table; of a query table or a rollup on itself, so that it
// can be granted to who must not see the rows it is made of, or on its base table.
func (n *needs) read(name cql.QualifiedName) {
	t := n.found(name)
	if t != nil && readableByAll(t) {
		return
	}
	out := need{permission: auth.Select, on: n.table(name)}
	if base := baseOf(t); base != "" {
		out.or = auth.OnTable(t.Keyspace, base)
		if t.Kind == schema.View {
			out.on, out.or = out.or, auth.Resource{}
		}
	}
	n.list = append(n.list, out)
}

func (n *needs) write(name cql.QualifiedName, conditional bool) {
	n.add(auth.Modify, n.table(name))
	if conditional {
		n.add(auth.Select, n.table(name)) // the answer shows the row
	}
}

// alter needs ALTER on the table, or on the one it is derived from.
func (n *needs) alter(name cql.QualifiedName) {
	on := n.table(name)
	if base := baseOf(n.found(name)); base != "" {
		on.Name = base
	}
	n.add(auth.Alter, on)
}

// dropIndex needs ALTER on the table of the index.
func (n *needs) dropIndex(name cql.QualifiedName) {
	if k := n.schema.Keyspaces[n.keyspaceOf(name)]; k != nil {
		if i := k.Index(name.Name); i != nil {
			n.add(auth.Alter, auth.OnTable(k.Name, i.Copy.Base))
		}
	}
}

// policy needs ALTER on the table of a retention policy.
func (n *needs) policy(name cql.QualifiedName) {
	k := n.schema.Keyspaces[n.keyspaceOf(name)]
	if k == nil {
		return
	}
	for _, t := range k.SortedTables() {
		if t.Retention != nil && slices.ContainsFunc(t.Retention.Policies, func(p schema.Policy) bool { return p.Name == name.Name }) {
			n.add(auth.Alter, auth.OnTable(k.Name, t.Name))
			return
		}
	}
}

// readableByAll reports whether whoever is logged in may read a table: drivers do at each connection.
func readableByAll(t *schema.Table) bool {
	switch t.Keyspace {
	case "system_schema", "system_virtual_schema", "system_traces":
		return true
	case "system":
		switch t.Name {
		case "local", "peers", "peers_v2", "size_estimates", "table_estimates":
			return true
		}
	}
	return false
}
