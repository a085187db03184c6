package database

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/auth"
	"github.com/eskerdb/esker/database/catalog"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// Roles lie in the tables of keyspace system_auth, with Cassandra's columns. A change of roles is the rows in which they differ, as one
// record: after a crash a statement about roles was carried out or was not.

// roleRow is a row of a table of system_auth.
type roleRow struct {
	table *schema.Table
	keys  [2]string         // the partition key; the clustering, if the table has one
	cells map[string][]byte // by column; a column that is left out is null
}

// place tells rows apart.
func (r *roleRow) place() string {
	return r.table.Name + "\x00" + r.keys[0] + "\x00" + r.keys[1]
}

func authTable(name string) *schema.Table {
	for _, t := range catalog.StoredTables() {
		if t.Name == name {
			return t
		}
	}
	panic("database: system_auth has no table " + name)
}

var (
	rolesTable       = authTable("roles")
	membersTable     = authTable("role_members")
	permissionsTable = authTable("role_permissions")
	resourcesTable   = authTable("resource_role_permissons_index")
	networkTable     = authTable("network_permissions")
)

// rowsOfRole are all rows that say what a role is; none of nil.
func rowsOfRole(r *auth.Role) []roleRow {
	if r == nil {
		return nil
	}
	row := roleRow{rolesTable, [2]string{r.Name}, map[string][]byte{
		"can_login": types.AppendBoolean(nil, r.Login), "is_superuser": types.AppendBoolean(nil, r.Superuser),
	}}
	if r.Hash != "" {
		row.cells["salted_hash"] = []byte(r.Hash)
	}
	if len(r.MemberOf) > 0 {
		row.cells["member_of"] = textSet(r.MemberOf)
	}
	out := []roleRow{row}
	for _, of := range r.MemberOf {
		out = append(out, roleRow{membersTable, [2]string{of, r.Name}, nil})
	}
	for on, p := range r.Grants {
		out = append(out,
			roleRow{permissionsTable, [2]string{r.Name, on.Path()}, map[string][]byte{"permissions": textSet(p.Names())}},
			roleRow{resourcesTable, [2]string{on.Path(), r.Name}, nil})
	}
	if r.Datacenters != nil {
		out = append(out, roleRow{networkTable, [2]string{r.Name}, map[string][]byte{"dcs": textSet(r.Datacenters)}})
	}
	return out
}

// textSet is a set of text as a value of a column.
func textSet(elems []string) []byte {
	sorted := slices.Sorted(slices.Values(elems))
	out := make([][]byte, len(sorted))
	for i, e := range sorted {
		out[i] = []byte(e)
	}
	return types.SetOf(types.Text).AppendCollection(nil, out)
}

// roleMutations are what makes the rows of the roles before those of the roles after.
func roleMutations(before, after *auth.Snapshot, nowSec int64) ([]mutation.Mutation, error) {
	names := map[string]bool{}
	for _, s := range []*auth.Snapshot{before, after} {
		for _, name := range s.Names() {
			names[name] = before.Role(name) != after.Role(name)
		}
	}
	was, is := map[string]roleRow{}, map[string]roleRow{}
	for name, differs := range names {
		if !differs {
			continue
		}
		for _, r := range rowsOfRole(before.Role(name)) {
			was[r.place()] = r
		}
		for _, r := range rowsOfRole(after.Role(name)) {
			is[r.place()] = r
		}
	}
	var out []mutation.Mutation
	add := func(r roleRow, gone bool) error {
		m, err := r.mutation(gone, nowSec)
		out = append(out, m)
		return err
	}
	for _, place := range slices.Sorted(maps.Keys(is)) {
		old, there := was[place]
		if there && maps.EqualFunc(old.cells, is[place].cells, bytes.Equal) {
			continue
		}
		if err := add(is[place], false); err != nil {
			return nil, err
		}
	}
	for _, place := range slices.Sorted(maps.Keys(was)) {
		if _, stays := is[place]; stays {
			continue
		}
		if err := add(was[place], true); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// mutation writes the row, or deletes it.
func (r *roleRow) mutation(gone bool, nowSec int64) (mutation.Mutation, error) {
	t := r.table
	key, err := t.PartitionLayout().Encode([][]byte{[]byte(r.keys[0])})
	if err != nil {
		return mutation.Mutation{}, fmt.Errorf("%s: %w", t.QualifiedName(), err)
	}
	row := mutation.Row{Clustering: []byte{}, Live: mutation.Liveness{ExpiresAt: mutation.Forever}}
	if len(t.Clustering) > 0 {
		if row.Clustering, err = t.ClusteringLayout().Encode([][]byte{[]byte(r.keys[1])}); err != nil {
			return mutation.Mutation{}, fmt.Errorf("%s: %w", t.QualifiedName(), err)
		}
	}
	if gone {
		row.Live, row.Deletion = mutation.Liveness{}, mutation.Deletion{LocalSec: max(nowSec, 1)}
	} else {
		for _, c := range t.Regulars {
			if v, ok := r.cells[c.Name]; ok {
				row.Cells = append(row.Cells, mutation.Cell{Column: c.ID, ExpiresAt: mutation.Forever, Value: v})
			}
		}
		slices.SortFunc(row.Cells, func(a, b mutation.Cell) int { return int(a.Column) - int(b.Column) })
	}
	return mutation.Mutation{Table: t.ID, Key: partition.Decorate(key), Rows: []mutation.Row{row}}, nil
}

// readRoles reads all roles.
func readRoles(view View) (*auth.Snapshot, error) {
	roles := map[string]*auth.Role{}
	err := eachRoleRow(view, rolesTable, func(r *roleRow) error {
		role := &auth.Role{Name: r.keys[0], Hash: string(r.cells["salted_hash"])}
		role.Login, role.Superuser = isTrue(r.cells["can_login"]), isTrue(r.cells["is_superuser"])
		var err error
		role.MemberOf, err = texts(r.cells["member_of"])
		roles[role.Name] = role
		return err
	})
	if err != nil {
		return nil, err
	}
	err = eachRoleRow(view, permissionsTable, func(r *roleRow) error {
		names, err := texts(r.cells["permissions"])
		on, known := auth.ParsePath(r.keys[1])
		role := roles[r.keys[0]]
		if err != nil || !known || role == nil {
			return err
		}
		if role.Grants == nil {
			role.Grants = map[auth.Resource]auth.Permissions{}
		}
		for _, name := range names {
			role.Grants[on] |= auth.ParsePermission(name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = eachRoleRow(view, networkTable, func(r *roleRow) error {
		dcs, err := texts(r.cells["dcs"])
		if role := roles[r.keys[0]]; role != nil {
			role.Datacenters = dcs
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return auth.NewSnapshot(slices.Collect(maps.Values(roles))), nil
}

func isTrue(value []byte) bool { return len(value) == 1 && value[0] != 0 }

// texts are the elements of a set of text.
func texts(value []byte) ([]string, error) {
	if value == nil {
		return nil, nil
	}
	elems, err := types.SetOf(types.Text).SplitCollection(value)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(elems))
	for i, e := range elems {
		out[i] = string(e)
	}
	return out, nil
}

// eachRoleRow calls visit for each row of a table of system_auth.
func eachRoleRow(view View, t *schema.Table, visit func(*roleRow) error) error {
	return eachKey(view, t.ID, func(key *partition.DecoratedKey) error {
		if err := eachRowOf(view, t, key, visit); err != nil {
			return fmt.Errorf("%s: %w", t.QualifiedName(), err)
		}
		return nil
	})
}

func eachRowOf(view View, t *schema.Table, key *partition.DecoratedKey, visit func(*roleRow) error) error {
	names, err := t.PartitionLayout().Decode(key.Key)
	if err != nil {
		return err
	}
	_, rows, err := view.Rows(t.ID, *key, clustering.All())
	if err != nil {
		return err
	}
	for {
		row, err := rows.Next()
		if err != nil || row == nil {
			return err
		}
		if row.Live.IsNone() {
			continue // deleted
		}
		out := roleRow{t, [2]string{string(names[0])}, map[string][]byte{}}
		if len(t.Clustering) > 0 {
			at, err := t.ClusteringLayout().Decode(row.Clustering)
			if err != nil {
				return err
			}
			out.keys[1] = string(at[0])
		}
		for i := range row.Cells {
			if c := t.ColumnByID(row.Cells[i].Column); c != nil && !row.Cells[i].IsTombstone() {
				out.cells[c.Name] = row.Cells[i].Value
			}
		}
		if err := visit(&out); err != nil {
			return err
		}
	}
}
