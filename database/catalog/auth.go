package catalog

import (
	"crypto/md5"
	_ "embed"
	"slices"

	"github.com/eskerdb/esker/schema"
)

// AuthKeyspace is the keyspace of roles and permissions.
const AuthKeyspace = "system_auth"

//go:embed auth.txt
var authText string

// stored are the keyspaces of the server whose tables lie in the store. They are built once and never change.
var stored = mustParse(authText, storedTable)

// storedTable is a system table that lies in the store. Its id is Cassandra's: a UUID made of its name.
func storedTable(keyspace, name string) *schema.Table {
	t := &schema.Table{ID: md5.Sum([]byte(keyspace + name)), Keyspace: keyspace, Name: name, Kind: schema.Internal, Options: schema.DefaultOptions()}
	t.ID[6] = t.ID[6]&0x0f | 0x30 // version 3
	t.ID[8] = t.ID[8]&0x3f | 0x80
	t.Options.GCGraceSec = 90 * 24 * 60 * 60
	return t
}

// StoredTables are the system tables that lie in the store, in an order that is always the same.
func StoredTables() []*schema.Table {
	var out []*schema.Table
	for _, k := range stored {
		out = append(out, k.SortedTables()...)
	}
	slices.SortFunc(out, func(a, b *schema.Table) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return out
}
