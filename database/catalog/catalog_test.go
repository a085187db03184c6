package catalog

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/tracing"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

type noStatus struct{}

func (noStatus) Rollup(*schema.Table) Rollup {
	return Rollup{DirtyWindows: 3, LastError: "disk is on fire", FinalUntilMillis: 1000, LagSeconds: 1.5, State: "building", Built: 0.5, BuiltFromMillis: 2000, SealedUntilMillis: math.MinInt64, LateRows: 7}
}

func (noStatus) RollupWindows(_ *schema.Table, from, to int64) ([]RollupWindow, error) {
	var out []RollupWindow
	for ms := max(from, 0); ms < min(to, 10_000); ms++ {
		out = append(out, RollupWindow{StartMillis: ms, Partition: "1", State: "final"}, RollupWindow{StartMillis: ms, Partition: "2", State: "dirty"})
	}
	return out, nil
}

func (noStatus) Build(t *schema.Table) (float64, int64) {
	if t.Live() {
		return 1, 0
	}
	return 0.25, 7
}

func (noStatus) Sessions() []*tracing.Session { return nil }

func (noStatus) Session([16]byte) *tracing.Session { return nil }

func (noStatus) Memory() []memory.Use { return []memory.Use{{Name: "memtables", Used: 5, Max: 7}} }

func (noStatus) Buckets(t *schema.Table) []Bucket {
	if t.Name != "base" {
		return nil
	}
	out := []Bucket{{Mixed: true, Rows: 9}}
	for i := range int64(10_000) {
		out = append(out, Bucket{StartMillis: i * 1000, EndMillis: (i + 1) * 1000, Partitions: 1, Rows: i, Bytes: 3 * i})
	}
	return out
}

func (noStatus) LargePartitions(t *schema.Table) []LargePartition {
	return []LargePartition{{Key: keyOf(t), Rows: 4, Bytes: 50}}
}

func (noStatus) TopPartitions(t *schema.Table) []TopPartition {
	return []TopPartition{{Key: keyOf(t), Reads: 4, Writes: 5, Bytes: 6}}
}

func (noStatus) Caches() []Cache {
	return []Cache{{Name: "blocks", CapacityBytes: 10, Bytes: 9, Entries: 8, Hits: 3, Requests: 4}}
}

func (noStatus) Reads(*schema.Table) Reads { return Reads{Pages: 1} }

func (noStatus) Retention(*schema.Table) Retention { return Retention{} }

func (noStatus) WriteLimit(t *schema.Table) WriteLimit {
	if t.Name != "base" {
		return WriteLimit{}
	}
	return WriteLimit{Statements: 2, Rows: 30, LastMillis: 1000, Last: keyOf(t)}
}

// keyOf is a partition: 7 in columns of type int, it's in those of text, else null.
func keyOf(t *schema.Table) partition.DecoratedKey {
	var parts [][]byte
	for _, c := range t.PartitionKey {
		switch {
		case c.Type.Equal(types.Int):
			parts = append(parts, types.AppendInt(nil, 7))
		case c.Type.Equal(types.Text):
			parts = append(parts, []byte("it's"))
		default:
			parts = append(parts, types.AppendTimestampMillis(nil, 0))
		}
	}
	key, err := t.PartitionLayout().Encode(parts)
	if err != nil {
		panic(err)
	}
	return partition.Decorate(key)
}

// testSchema is keyspace ks with base((a, b) | c DESC, d | s static, v), a view, a query table and a rollup.
func testSchema() *schema.Snapshot {
	const pk, ck, st, re = schema.PartitionKey, schema.ClusteringKey, schema.Static, schema.Regular
	s := &schema.Snapshot{Version: [16]byte{7}}
	s = s.WithKeyspace(&schema.Keyspace{Name: "ks", DurableWrites: true, Replication: map[string]string{"class": "org.apache.cassandra.locator.SimpleStrategy", "replication_factor": "1"}})
	table := func(n byte, name string, kind schema.TableKind, columns ...*schema.Column) *schema.Table {
		t := &schema.Table{ID: mutation.TableID{n}, Keyspace: "ks", Name: name, Kind: kind, Options: schema.DefaultOptions()}
		for _, c := range columns {
			switch c.Kind {
			case pk:
				c.Position = len(t.PartitionKey)
				t.PartitionKey = append(t.PartitionKey, c)
			case ck:
				c.Position = len(t.Clustering)
				t.Clustering = append(t.Clustering, c)
			default:
				t.AddColumn(c)
			}
		}
		s = s.WithTable(t)
		return t
	}
	col := func(name string, kind schema.ColumnKind, of *types.Type) *schema.Column {
		return &schema.Column{Name: name, Kind: kind, Type: of}
	}
	base := table(1, "base", schema.Base, col("a", pk, types.Int), col("b", pk, types.Text), col("c", ck, types.Timestamp), col("d", ck, types.Int),
		col("s", st, types.Int), col("v", re, types.Frozen(types.ListOf(types.Int))))
	base.Clustering[0].Desc = true
	base.Options.Comment, base.AppendOnly = "it's", true
	base.Dropped = []schema.Dropped{{Name: "old", Type: types.Text, Kind: re, DroppedMicro: 5_000_000}}
	table(2, "View", schema.View, col("c", pk, types.Timestamp), col("a", ck, types.Int), col("b", ck, types.Text), col("d", ck, types.Int)).
		Copy = &schema.Copy{Base: "base", NotNull: []string{"v"}}
	table(3, "q", schema.QueryTable, col("d", pk, types.Int), col("a", ck, types.Int), col("b", ck, types.Text), col("c", ck, types.Timestamp), col("v", re, types.Text)).
		Copy = &schema.Copy{Base: "base", State: schema.CopyBuilding}
	table(4, "base_1h", schema.Rollup, col("a", pk, types.Int), col("c", ck, types.Timestamp), col("n", re, types.Bigint)).
		Rollup = &downsample.Definition{Source: "base", TimeColumn: "c", StepMillis: 3_600_000}
	return WithVirtual(s)
}

func testSource() *Source {
	c := New(Node{HostID: [16]byte{1}, Address: []byte{127, 0, 0, 1}, Port: 9042, ProtocolVersion: "4", StartedSec: 8}, map[string]string{"memory": "1 GiB"}, noStatus{})
	return c.Source(testSchema())
}

// readAll reads a table as drivers do: every partition, every column. Rows are columns by name.
func readAll(t *testing.T, s *Source, name string) []map[string]string {
	t.Helper()
	keyspace, table, _ := strings.Cut(name, ".")
	of := s.schema.Table(keyspace, table)
	if of == nil {
		t.Fatalf("there is no table %s", name)
	}
	keys, err := s.Keys(of, partition.Range{})
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	var out []map[string]string
	var last *partition.DecoratedKey
	for {
		key, err := keys.Next()
		if err != nil {
			t.Fatal(err)
		}
		if key == nil {
			return out
		}
		if last != nil && last.Compare(*key) >= 0 {
			t.Errorf("%s: partitions out of order", name)
		}
		last = key
		out = append(out, readPartition(t, s, of, *key)...)
	}
}

func readPartition(t *testing.T, s *Source, of *schema.Table, key partition.DecoratedKey) []map[string]string {
	t.Helper()
	req := mutation.ReadRequest{Key: key, Slices: clustering.All()}
	for _, c := range of.Regulars {
		req.Columns = append(req.Columns, c.ID)
	}
	keyValues, err := of.PartitionLayout().Decode(key.Key)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := s.Read(of, req)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var out []map[string]string
	for {
		b, err := reader.Next()
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			return out
		}
		for i := range b.Rows {
			row := map[string]string{}
			put := func(c *schema.Column, value []byte) {
				if err := c.Type.Validate(value); err != nil {
					t.Errorf("%s.%s: %x: %v", of.QualifiedName(), c.Name, value, err)
				}
				row[c.Name] = strings.Trim(string(c.Type.AppendLiteral(nil, value)), "'")
			}
			for j, c := range of.PartitionKey {
				put(c, keyValues[j])
			}
			for j, c := range of.Clustering {
				put(c, b.Clustering[j].AppendValue([]byte{}, i))
			}
			for j, c := range of.Regulars {
				if b.Columns[j].Has(i) {
					put(c, b.Columns[j].AppendValue([]byte{}, i))
				}
			}
			out = append(out, row)
		}
	}
}

func TestEveryTableCanBeRead(t *testing.T) {
	s := testSource()
	ids := map[mutation.TableID]string{}
	for keyspace, k := range virtual {
		if !k.System() {
			t.Errorf("keyspace %s is open to statements", keyspace)
		}
		for name, table := range k.Tables {
			full := keyspace + "." + name
			if other := ids[table.ID]; other != "" {
				t.Errorf("%s and %s have one id", full, other)
			}
			ids[table.ID] = full
			if len(table.PartitionKey) == 0 {
				t.Errorf("%s has no partition key", full)
				continue
			}
			seen := map[string]bool{}
			for _, row := range readAll(t, s, full) {
				key := ""
				for _, c := range slices.Concat(table.PartitionKey, table.Clustering) {
					key += row[c.Name] + "|"
				}
				if seen[key] {
					t.Errorf("%s has row %s twice", full, key)
				}
				seen[key] = true
			}
		}
	}
}

// TestLocal: what drivers need before they connect.
func TestLocal(t *testing.T) {
	rows := readAll(t, testSource(), "system.local")
	if len(rows) != 1 {
		t.Fatalf("%d rows", len(rows))
	}
	for column, want := range map[string]string{
		"key": "local", "cluster_name": "esker", "release_version": "5.0.5", "cql_version": "3.4.7", "native_protocol_version": "4",
		"partitioner": "org.apache.cassandra.dht.Murmur3Partitioner", "data_center": "datacenter1", "rack": "rack1", "bootstrapped": "COMPLETED",
		"rpc_address": "127.0.0.1", "rpc_port": "9042", "host_id": "01000000-0000-0000-0000-000000000000",
		"schema_version": "07000000-0000-0000-0000-000000000000", "tokens": "{'-9223372036854775808'}",
	} {
		if got := rows[0][column]; got != want {
			t.Errorf("%s is %q, want %q", column, got, want)
		}
	}
	for _, empty := range []string{"system.peers", "system.peers_v2", "system.size_estimates", "system.table_estimates", "system_schema.types", "system_schema.triggers"} {
		if rows := readAll(t, testSource(), empty); len(rows) != 0 {
			t.Errorf("%s has rows: %v", empty, rows)
		}
	}
}

// linesOf picks columns of the rows of keyspace ks.
func linesOf(t *testing.T, table string, columns ...string) []string {
	t.Helper()
	var out []string
	for _, row := range readAll(t, testSource(), table) {
		if row["keyspace_name"] != "ks" {
			continue
		}
		var line []string
		for _, c := range columns {
			line = append(line, row[c])
		}
		out = append(out, strings.Join(line, " "))
	}
	slices.Sort(out)
	return out
}

func TestColumns(t *testing.T) {
	got := linesOf(t, "system_schema.columns", "table_name", "column_name", "kind", "position", "clustering_order", "type")
	for _, want := range []string{
		"base a partition_key 0 none int", "base b partition_key 1 none text", "base c clustering 0 desc timestamp", "base d clustering 1 asc int",
		"base s static -1 none int", "base v regular -1 none frozen<list<int>>", "View c partition_key 0 none timestamp", "q v regular -1 none text", "base_1h n regular -1 none bigint",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is missing in %q", want, got)
		}
	}
	if len(got) != 6+4+5+3 {
		t.Errorf("%d columns", len(got))
	}
}

func TestTablesAndViews(t *testing.T) {
	if got := linesOf(t, "system_schema.tables", "table_name", "flags", "comment", "gc_grace_seconds"); !slices.Equal(got, []string{"base {'compound'} it''s 864000", "base_1h {'compound'}  864000"}) {
		t.Errorf("tables %q", got)
	}
	want := []string{
		`View base false c IS NOT NULL AND a IS NOT NULL AND b IS NOT NULL AND d IS NOT NULL AND v IS NOT NULL`,
		"q base false d IS NOT NULL AND a IS NOT NULL AND b IS NOT NULL AND c IS NOT NULL",
	}
	if got := linesOf(t, "system_schema.views", "view_name", "base_table_name", "include_all_columns", "where_clause"); !slices.Equal(got, want) {
		t.Errorf("views %q", got)
	}
	if got := linesOf(t, "system_schema.dropped_columns", "table_name", "column_name", "kind", "type"); !slices.Equal(got, []string{"base old regular text"}) {
		t.Errorf("dropped %q", got)
	}
	if got := linesOf(t, "system_views.rollups", "rollup_name", "source", "dirty_windows", "last_error", "lag_seconds", "final_until"); !slices.Equal(got, []string{"base_1h base 3 disk is on fire 1.5 1970-01-01T00:00:01.000Z"}) {
		t.Errorf("rollups %q", got)
	}
	if got := linesOf(t, "system_views.rollup_progress", "rollup_name", "state", "built", "built_from", "sealed_until", "late_rows"); !slices.Equal(got, []string{"base_1h building 0.5 1970-01-01T00:00:02.000Z  7"}) {
		t.Errorf("progress of rollups %q", got)
	}
	if got := readAll(t, testSource(), "system_views.memory"); len(got) != 1 || got[0]["name"] != "memtables" || got[0]["used_bytes"] != "5" || got[0]["max_bytes"] != "7" {
		t.Errorf("memory: %q", got)
	}
	if got := linesOf(t, "system_views.query_tables", "table_name", "kind", "state", "built", "rows_written"); !slices.Equal(got, []string{"View view live 1 0", "q query table building 0.25 7"}) {
		t.Errorf("query tables %q", got)
	}
}

// TestVirtualKeyspacesHaveAPlaceOfTheirOwn: Cassandra lists those without files in system_virtual_schema only.
func TestVirtualKeyspacesHaveAPlaceOfTheirOwn(t *testing.T) {
	s := testSource()
	for table, want := range map[string]string{
		"system_schema.keyspaces":         "ks system system_auth system_schema system_traces",
		"system_virtual_schema.keyspaces": "system_views system_virtual_schema",
	} {
		var got []string
		for _, row := range readAll(t, s, table) {
			got = append(got, row["keyspace_name"])
		}
		slices.Sort(got)
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s: %s, want %s", table, text, want)
		}
	}
	for _, table := range []string{"tables", "columns"} {
		for keyspace, inVirtual := range map[string]bool{"system": false, "ks": false, "system_views": true} {
			for _, list := range []string{"system_schema.", "system_virtual_schema."} {
				found := slices.ContainsFunc(readAll(t, s, list+table), func(row map[string]string) bool { return row["keyspace_name"] == keyspace })
				if found != (inVirtual == (list == "system_virtual_schema.")) {
					t.Errorf("%s%s lists %s: %t", list, table, keyspace, found)
				}
			}
		}
	}
}

func TestReadOfOnePartition(t *testing.T) {
	s := testSource()
	of := s.schema.Table("system_schema", "columns")
	key := partition.Decorate([]byte("ks"))
	layout := of.ClusteringLayout()
	first := layout[0].Append(nil, []byte("base"))
	for _, reverse := range []bool{false, true} {
		reader, err := s.Read(of, mutation.ReadRequest{Key: key, Reverse: reverse,
			Slices: clustering.MakeSlices([]clustering.Slice{{Start: clustering.Before(first), End: clustering.After(first)}})})
		if err != nil {
			t.Fatal(err)
		}
		b, err := reader.Next()
		if err != nil || b.Rows != 6 {
			t.Fatalf("%+v, %v", b, err)
		}
		names := ""
		for i := range b.Rows {
			names += string(b.Clustering[1].AppendValue([]byte{}, i))
		}
		if want := map[bool]string{false: "abcdsv", true: "vsdcba"}[reverse]; names != want {
			t.Errorf("columns %s, want %s", names, want)
		}
	}
	reader, err := s.Read(of, mutation.ReadRequest{Key: partition.Decorate([]byte("nope")), Slices: clustering.All()})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := reader.Next(); b != nil || err != nil {
		t.Errorf("%v, %v", b, err)
	}
}

// The tables of roles lie on disk: their ids and the numbers of their columns never change.
func TestStoredTablesStayAsTheyAre(t *testing.T) {
	want := map[string]string{
		"cidr_groups": "9c48af00-13f6-3059-bb0e-8fcabba6eecb 1 cidrs", "cidr_permissions": "b8b43d5f-d6c0-331c-8f7d-765ea658f4c4 1 cidr_groups",
		"identity_to_role": "0bd47a48-d6ba-3c8e-b442-0f6349329bda 1 role", "network_permissions": "d46780c2-2f1c-3db9-b4c1-b8d9fbc0cc23 1 dcs",
		"resource_role_permissons_index": "5f2fbdad-91f1-3946-bd25-d5da3a5c35ec", "role_members": "0ecdaa87-f8fb-3e60-88d1-74fb36fe5c0d",
		"role_permissions": "3afbe79f-2194-31a7-add7-f5ab90d8ec9c 1 permissions",
		"roles":            "5bc52802-de25-35ed-aeab-188eecebb090 1 can_login 2 is_superuser 3 salted_hash 4 member_of",
	}
	for _, table := range StoredTables() {
		got := schema.IDString(table.ID)
		for id := mutation.ColumnID(1); table.ColumnByID(id) != nil; id++ {
			got += fmt.Sprintf(" %d %s", id, table.ColumnByID(id).Name)
		}
		if got != want[table.Name] || table.Keyspace != AuthKeyspace {
			t.Errorf("%s: %s", table.QualifiedName(), got)
		}
		delete(want, table.Name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}
