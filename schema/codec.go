package schema

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
)

// codecVersion is the version of the stored form (docs/formats/schema.md).
const codecVersion = 1

type storedSnapshot struct {
	Format    int              `json:"format"`
	Version   string           `json:"version"`
	Keyspaces []storedKeyspace `json:"keyspaces"`
}

type storedKeyspace struct {
	Name          string            `json:"name"`
	Replication   map[string]string `json:"replication"`
	DurableWrites bool              `json:"durable_writes"`
	Types         []storedType      `json:"types,omitempty"` // each behind those that it is made of
	Tables        []storedTable     `json:"tables"`
}

type storedType struct {
	Name   string        `json:"name"`
	Fields []storedField `json:"fields"`
}

type storedField struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type storedTable struct {
	ID         string                 `json:"id"`
	Name       string                 `json:"name"`
	Kind       TableKind              `json:"kind"`
	Columns    []storedColumn         `json:"columns"`
	Dropped    []storedDropped        `json:"dropped,omitempty"`
	NextColumn uint32                 `json:"next_column"`
	Options    Options                `json:"options"`
	Bucket     *TimeBucket            `json:"time_bucket,omitempty"`
	Copy       *Copy                  `json:"copy,omitempty"`
	Rollup     *downsample.Definition `json:"rollup,omitempty"`
	Rollups    []string               `json:"rollups,omitempty"`
	Retention  *Retention             `json:"retention,omitempty"`
	AppendOnly bool                   `json:"append_only,omitempty"`
	Counter    bool                   `json:"counter,omitempty"`
}

type storedColumn struct {
	Name string     `json:"name"`
	Kind ColumnKind `json:"kind"`
	Type string     `json:"type"`
	Desc bool       `json:"desc,omitempty"`
	ID   uint32     `json:"id,omitempty"`
}

type storedDropped struct {
	Name         string     `json:"name"`
	Type         string     `json:"type"`
	Kind         ColumnKind `json:"kind"`
	DroppedMicro int64      `json:"dropped_us"`
}

// Encode is the stored form of a snapshot: JSON, without the virtual keyspaces.
func (s *Snapshot) Encode() ([]byte, error) {
	out := storedSnapshot{Format: codecVersion, Version: hex.EncodeToString(s.Version[:])}
	for _, name := range s.KeyspaceNames() {
		k := s.Keyspaces[name]
		if k.System() {
			continue
		}
		sk := storedKeyspace{Name: k.Name, Replication: k.Replication, DurableWrites: k.DurableWrites, Tables: []storedTable{}}
		for _, u := range k.SortedTypes() {
			sk.Types = append(sk.Types, storeType(u))
		}
		for _, t := range k.SortedTables() {
			sk.Tables = append(sk.Tables, storeTable(t))
		}
		out.Keyspaces = append(out.Keyspaces, sk)
	}
	return json.Marshal(out)
}

func storeType(u *types.Type) storedType {
	_, name := u.UDTName()
	out := storedType{Name: name}
	for i, field := range u.Fields() {
		out.Fields = append(out.Fields, storedField{Name: field, Type: u.Elems()[i].String()})
	}
	return out
}

func storeTable(t *Table) storedTable {
	out := storedTable{
		ID: hex.EncodeToString(t.ID[:]), Name: t.Name, Kind: t.Kind, NextColumn: uint32(t.NextColumn), Options: t.Options,
		Bucket: t.Bucket, Copy: t.Copy, Rollup: t.Rollup, Rollups: t.Rollups, Retention: t.Retention, AppendOnly: t.AppendOnly, Counter: t.Counter,
	}
	for _, c := range t.allColumns() {
		out.Columns = append(out.Columns, storedColumn{Name: c.Name, Kind: c.Kind, Type: c.Type.String(), Desc: c.Desc, ID: uint32(c.ID)})
	}
	for _, d := range t.Dropped {
		out.Dropped = append(out.Dropped, storedDropped{Name: d.Name, Type: d.Type.String(), Kind: d.Kind, DroppedMicro: d.DroppedMicro})
	}
	return out
}

// Decode reads what Encode wrote.
func Decode(src []byte) (*Snapshot, error) {
	var in storedSnapshot
	if err := json.Unmarshal(src, &in); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	if in.Format != codecVersion {
		return nil, fmt.Errorf("schema: format %d, this build reads format %d", in.Format, codecVersion)
	}
	s := &Snapshot{Keyspaces: map[string]*Keyspace{}}
	if err := decodeID(s.Version[:], in.Version); err != nil {
		return nil, fmt.Errorf("schema: version: %w", err)
	}
	for _, sk := range in.Keyspaces {
		k, err := loadKeyspace(&sk)
		if err != nil {
			return nil, err
		}
		s.Keyspaces[k.Name] = k
	}
	return s, nil
}

func loadKeyspace(sk *storedKeyspace) (*Keyspace, error) {
	k := &Keyspace{Name: sk.Name, Replication: sk.Replication, DurableWrites: sk.DurableWrites, Tables: map[string]*Table{}, Types: map[string]*types.Type{}}
	for i := range sk.Types {
		if err := k.loadType(&sk.Types[i]); err != nil {
			return nil, fmt.Errorf("schema: type %s.%s: %w", sk.Name, sk.Types[i].Name, err)
		}
	}
	for i := range sk.Tables {
		t, err := k.loadTable(&sk.Tables[i])
		if err != nil {
			return nil, fmt.Errorf("schema: table %s.%s: %w", sk.Name, sk.Tables[i].Name, err)
		}
		k.Tables[t.Name] = t
	}
	if r := k.circular(); r != nil {
		return nil, fmt.Errorf("schema: rollup %s is computed from itself", r.QualifiedName())
	}
	return k, nil
}

// parseType reads a type as a keyspace stores it.
func (k *Keyspace) parseType(text string) (*types.Type, error) {
	return types.ParseIn(text, func(name string) *types.Type { return k.Types[name] })
}

func (k *Keyspace) loadType(st *storedType) error {
	if len(st.Fields) == 0 || k.Types[st.Name] != nil {
		return errors.New("it has no fields, or is there twice")
	}
	var names []string
	var elems []*types.Type
	for _, f := range st.Fields {
		of, err := k.parseType(f.Type)
		if err != nil {
			return fmt.Errorf("field %s: %w", f.Name, err)
		}
		names, elems = append(names, f.Name), append(elems, of)
	}
	k.Types[st.Name] = types.UDTOf(k.Name, st.Name, names, elems)
	return nil
}

func decodeID(dst []byte, text string) error {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(dst) {
		return fmt.Errorf("%q is not %d bytes in hex", text, len(dst))
	}
	copy(dst, b)
	return nil
}

func (k *Keyspace) loadTable(st *storedTable) (*Table, error) {
	t := &Table{
		Keyspace: k.Name, Name: st.Name, Kind: st.Kind, NextColumn: mutation.ColumnID(st.NextColumn), Options: st.Options,
		Bucket: st.Bucket, Copy: st.Copy, Rollup: st.Rollup, Rollups: st.Rollups, Retention: st.Retention, AppendOnly: st.AppendOnly, Counter: st.Counter,
	}
	if err := decodeID(t.ID[:], st.ID); err != nil {
		return nil, fmt.Errorf("id: %w", err)
	}
	if (t.Kind == QueryTable || t.Kind == View || t.Kind == Index) != (t.Copy != nil) || (t.Kind == Rollup) != (t.Rollup != nil) || t.Kind < Base || t.Kind > Index {
		return nil, fmt.Errorf("kind %d does not fit its definition", t.Kind)
	}
	for _, sc := range st.Columns {
		if err := k.loadColumn(t, sc); err != nil {
			return nil, fmt.Errorf("column %s: %w", sc.Name, err)
		}
	}
	switch {
	case len(t.PartitionKey) == 0:
		return nil, errors.New("no partition key")
	case t.Kind == Rollup && len(t.Clustering) == 0:
		return nil, errors.New("a rollup without a column for its windows")
	}
	for _, sd := range st.Dropped {
		of, err := k.parseType(sd.Type)
		if err != nil {
			return nil, fmt.Errorf("dropped column %s: %w", sd.Name, err)
		}
		t.Dropped = append(t.Dropped, Dropped{Name: sd.Name, Type: of, Kind: sd.Kind, DroppedMicro: sd.DroppedMicro})
	}
	return t, t.checkRetention()
}

func (k *Keyspace) loadColumn(t *Table, sc storedColumn) error {
	of, err := k.parseType(sc.Type)
	if err != nil {
		return err
	}
	c := &Column{Name: sc.Name, Kind: sc.Kind, Type: of, Desc: sc.Desc, ID: mutation.ColumnID(sc.ID), Position: -1}
	switch sc.Kind {
	case PartitionKey:
		c.Position = len(t.PartitionKey)
		t.PartitionKey = append(t.PartitionKey, c)
	case ClusteringKey:
		c.Position = len(t.Clustering)
		t.Clustering = append(t.Clustering, c)
	case Static:
		t.Statics = append(t.Statics, c)
	case Regular:
		t.Regulars = append(t.Regulars, c)
	case State:
		t.States = append(t.States, c)
	default:
		return fmt.Errorf("kind %d is unknown", sc.Kind)
	}
	return nil
}
