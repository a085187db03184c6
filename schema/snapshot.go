package schema

import (
	"maps"
	"sort"
)

// Table returns a table of any kind, or nil.
func (s *Snapshot) Table(keyspace, name string) *Table {
	ks := s.Keyspaces[keyspace]
	if ks == nil {
		return nil
	}
	return ks.Tables[name]
}

// KeyspaceNames are the names of all keyspaces, sorted.
func (s *Snapshot) KeyspaceNames() []string {
	out := make([]string, 0, len(s.Keyspaces))
	for name := range s.Keyspaces {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// SortedTables are the tables of a keyspace by name.
func (k *Keyspace) SortedTables() []*Table {
	out := make([]*Table, 0, len(k.Tables))
	for _, t := range k.Tables {
		out = append(out, t)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// System reports whether the keyspace is the server's own: not writable by statements, not stored.
func (k *Keyspace) System() bool {
	for _, t := range k.Tables {
		return t.Kind == Virtual || t.Kind == Internal
	}
	return false
}

// CopiesOf are the query tables and views of a base table, by name.
func (s *Snapshot) CopiesOf(t *Table) []*Table {
	var out []*Table
	for _, c := range s.Keyspaces[t.Keyspace].SortedTables() {
		if c.Copy != nil && c.Copy.Base == t.Name {
			out = append(out, c)
		}
	}
	return out
}

// WithKeyspace returns a snapshot in which the keyspace is as given. The version is the caller's to set.
func (s *Snapshot) WithKeyspace(k *Keyspace) *Snapshot {
	out := &Snapshot{Version: s.Version, Keyspaces: maps.Clone(s.Keyspaces)}
	if out.Keyspaces == nil {
		out.Keyspaces = map[string]*Keyspace{}
	}
	out.Keyspaces[k.Name] = k
	return out
}

// WithoutKeyspace returns a snapshot without the keyspace.
func (s *Snapshot) WithoutKeyspace(name string) *Snapshot {
	out := &Snapshot{Version: s.Version, Keyspaces: maps.Clone(s.Keyspaces)}
	delete(out.Keyspaces, name)
	return out
}

// WithTable returns a snapshot in which the table is as given.
func (s *Snapshot) WithTable(t *Table) *Snapshot {
	ks := *s.Keyspaces[t.Keyspace]
	ks.Tables = maps.Clone(ks.Tables)
	if ks.Tables == nil {
		ks.Tables = map[string]*Table{}
	}
	ks.Tables[t.Name] = t
	return s.WithKeyspace(&ks)
}

// WithoutTable returns a snapshot without the table.
func (s *Snapshot) WithoutTable(keyspace, name string) *Snapshot {
	ks := *s.Keyspaces[keyspace]
	ks.Tables = maps.Clone(ks.Tables)
	delete(ks.Tables, name)
	return s.WithKeyspace(&ks)
}
