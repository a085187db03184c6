package schema

import (
	"maps"
	"slices"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
)

// SortedTypes are the user-defined types of a keyspace, each behind those that it is made of, else by name.
func (k *Keyspace) SortedTypes() []*types.Type {
	var out []*types.Type
	done := map[string]bool{}
	var add func(name string)
	add = func(name string) {
		if done[name] {
			return
		}
		done[name] = true
		for _, other := range slices.Sorted(maps.Keys(k.Types)) {
			if other != name && k.Types[name].UsesUserType(k.Name, other) {
				add(other)
			}
		}
		out = append(out, k.Types[name])
	}
	for _, name := range slices.Sorted(maps.Keys(k.Types)) {
		add(name)
	}
	return out
}

// TypesUsing are the user-defined types of a keyspace that are made of another, by name.
func (k *Keyspace) TypesUsing(name string) []string {
	var out []string
	for _, other := range slices.Sorted(maps.Keys(k.Types)) {
		if other != name && k.Types[other].UsesUserType(k.Name, name) {
			out = append(out, other)
		}
	}
	return out
}

// Uses reports whether a column of the table, of the kinds given or of any, is of a user-defined type of its keyspace or of a type made of it.
func (t *Table) Uses(name string, kinds ...ColumnKind) bool {
	return slices.ContainsFunc(t.allColumns(), func(c *Column) bool {
		return (len(kinds) == 0 || slices.Contains(kinds, c.Kind)) && c.Type.UsesUserType(t.Keyspace, name)
	})
}

// allColumns are the columns of the table, those that no statement sees among them.
func (t *Table) allColumns() []*Column { return append(t.Columns(), t.States...) }

// WithType returns a snapshot in which a user-defined type is as given, in columns and other types too.
func (s *Snapshot) WithType(u *types.Type) *Snapshot {
	keyspace, name := u.UDTName()
	k := *s.Keyspaces[keyspace]
	all := make(map[string]*types.Type, len(k.Types)+1)
	for other, t := range k.Types {
		all[other] = t.WithUserType(u)
	}
	all[name] = u
	k.Types, k.Tables = all, maps.Clone(k.Tables)
	for at, t := range k.Tables {
		if t.Uses(name) {
			k.Tables[at] = t.withType(u)
		}
	}
	return s.WithKeyspace(&k)
}

// withType returns the table with a definition of a user-defined type in its columns.
func (t *Table) withType(u *types.Type) *Table {
	out := t.Clone()
	for _, group := range [][]*Column{out.PartitionKey, out.Clustering, out.Statics, out.Regulars, out.States} {
		for i, c := range group {
			if of := c.Type.WithUserType(u); of != c.Type {
				changed := *c
				changed.Type = of
				group[i] = &changed
			}
		}
	}
	return out
}

// WithoutType returns a snapshot without a user-defined type, which nothing uses.
func (s *Snapshot) WithoutType(keyspace, name string) *Snapshot {
	k := *s.Keyspaces[keyspace]
	k.Types = maps.Clone(k.Types)
	delete(k.Types, name)
	return s.WithKeyspace(&k)
}

// CreateTypeText is the CREATE TYPE text of a user-defined type.
func CreateTypeText(u *types.Type) string {
	keyspace, name := u.UDTName()
	fields := make([]string, len(u.Fields()))
	for i, field := range u.Fields() {
		fields[i] = "    " + cql.QuoteIdentifier(field) + " " + u.Elems()[i].String()
	}
	return "CREATE TYPE " + cql.QuoteIdentifier(keyspace) + "." + cql.QuoteIdentifier(name) + " (\n" + strings.Join(fields, ",\n") + "\n);"
}
