package planner

import (
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// Admin is an ADMIN statement with the tables it is about.
type Admin struct {
	Verb      cql.AdminVerb
	Detail    cql.AdminDetail
	All       bool            // no keyspace is named: also what the server keeps beside the tables
	Tables    []*schema.Table // with rows in the store, by keyspace and name; nil for BACKUP
	Directory string          // of BACKUP; absolute
}

func (*Admin) plan() {}

func (c *compiler) prepareAdmin(stmt *cql.Admin) (*Prepared, error) {
	plan := &Admin{Verb: stmt.Verb, Detail: stmt.Detail, All: stmt.Keyspace == "", Directory: stmt.Directory}
	if stmt.Verb == cql.AdminBackup {
		if !strings.HasPrefix(stmt.Directory, "/") {
			return nil, invalidf("ADMIN BACKUP %s: the directory is one of the server's: give it from the root on, like '/var/backups/monday'", cql.QuoteString(stmt.Directory))
		}
	} else {
		tables, err := c.adminTables(stmt)
		if err != nil {
			return nil, err
		}
		plan.Tables = tables
	}
	p := fixed(stmt.Keyspace, plan)
	p.Result = adminColumns(stmt)
	return p, nil
}

// adminTables are the tables that a scope names.
func (c *compiler) adminTables(stmt *cql.Admin) ([]*schema.Table, error) {
	if stmt.Keyspace != "" && c.schema.Keyspaces[stmt.Keyspace] == nil {
		return nil, invalidf("keyspace %s does not exist; a table is named with its keyspace, like iot.readings", stmt.Keyspace)
	}
	if stmt.Table != "" {
		t := c.schema.Table(stmt.Keyspace, stmt.Table)
		if t == nil {
			return nil, invalidf("table %s.%s does not exist", stmt.Keyspace, stmt.Table)
		}
		if t.Kind == schema.Virtual {
			return nil, invalidf("%s is a system table: it has no files", t.QualifiedName())
		}
		return []*schema.Table{t}, nil
	}
	out := []*schema.Table{}
	for _, name := range c.schema.KeyspaceNames() {
		if stmt.Keyspace != "" && name != stmt.Keyspace {
			continue
		}
		for _, t := range c.schema.Keyspaces[name].SortedTables() {
			// What the server keeps beside the tables of users is not listed unless it is asked for.
			if t.Kind != schema.Virtual && (t.Kind != schema.Internal || stmt.Keyspace != "") {
				out = append(out, t)
			}
		}
	}
	return out, nil
}

// adminColumns are the columns of the answer; nil: it has no rows.
func adminColumns(stmt *cql.Admin) []ColumnSpec {
	var out []ColumnSpec
	add := func(of *types.Type, names ...string) {
		for _, name := range names {
			out = append(out, ColumnSpec{Keyspace: "system", Table: "admin", Name: name, Type: of})
		}
	}
	switch {
	case stmt.Verb == cql.AdminBackup:
		add(types.Text, "directory", "store")
		add(types.Timestamp, "time")
		add(types.Bigint, "sequence", "files", "disk_bytes", "rows")
	case stmt.Verb != cql.AdminTableStats:
		return nil
	case stmt.Detail == cql.AdminByColumn:
		add(types.Text, "keyspace_name", "table_name", "part", "column_name", "encoding")
		add(types.Bigint, "chunks", "disk_bytes")
	case stmt.Detail == cql.AdminByFile:
		add(types.Text, "keyspace_name", "table_name", "file")
		add(types.Bigint, "disk_bytes", "rows", "partitions", "row_groups")
		add(types.Timestamp, "window_start", "window_end", "min_write", "max_write", "max_expiry")
		add(types.Boolean, "tombstones")
	default:
		add(types.Text, "keyspace_name", "table_name")
		add(types.Bigint, "files", "disk_bytes", "rows", "partitions")
		add(types.Double, "bytes_per_row")
		add(types.Bigint, "memtable_rows", "memtable_bytes", "tombstone_files", "tombstones")
		add(types.Timestamp, "min_write", "max_write")
	}
	return out
}
