package schema

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

var columnTypes = []*types.Type{
	types.Int, types.Text, types.Timestamp, types.UUID, types.Frozen(types.ListOf(types.Int)), types.Frozen(types.MapOf(types.Text, types.Blob)),
}

func genMap(r *rapid.T, label string) map[string]string {
	return rapid.MapOfN(rapid.StringMatching(`[a-z_' ]{1,5}`), rapid.StringMatching(`[a-z0-9' ]{0,5}`), 0, 3).Draw(r, label)
}

// genTable is a table of any kind that is stored; names are taken from n, so that they are distinct.
func genTable(r *rapid.T, keyspace string, n int) *Table {
	t := &Table{Keyspace: keyspace, Name: fmt.Sprintf("t%d", n), Options: DefaultOptions()}
	t.Kind = rapid.SampledFrom([]TableKind{Base, QueryTable, View, Rollup}).Draw(r, "kind")
	copy(t.ID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(r, "id"))
	next := 0
	column := func(kind ColumnKind) *Column {
		next++
		return &Column{
			Name: fmt.Sprintf("C %d", next), Kind: kind, Position: -1, Type: rapid.SampledFrom(columnTypes).Draw(r, "type"),
		}
	}
	for i := range rapid.IntRange(1, 3).Draw(r, "partition") {
		c := column(PartitionKey)
		c.Position = i
		t.PartitionKey = append(t.PartitionKey, c)
	}
	least := 0
	if t.Kind == Rollup {
		least = 1 // the start of windows
	}
	for i := range rapid.IntRange(least, 3).Draw(r, "clustering") {
		c := column(ClusteringKey)
		c.Position, c.Desc = i, rapid.Bool().Draw(r, "desc")
		t.Clustering = append(t.Clustering, c)
	}
	for range rapid.IntRange(0, 5).Draw(r, "values") {
		t.AddColumn(column(rapid.SampledFrom([]ColumnKind{Static, Regular}).Draw(r, "value")))
	}
	for range rapid.IntRange(0, 2).Draw(r, "dropped") {
		c := column(Regular)
		t.Dropped = append(t.Dropped, Dropped{Name: c.Name, Type: c.Type, Kind: c.Kind, DroppedMicro: rapid.Int64().Draw(r, "at")})
	}
	t.Options.Comment = rapid.StringMatching(`[a-zé' ]{0,8}`).Draw(r, "comment")
	t.Options.DefaultTTLSec = rapid.Int32().Draw(r, "ttl")
	t.Options.Caching = genMap(r, "caching")
	t.AppendOnly = rapid.Bool().Draw(r, "append")
	if rapid.Bool().Draw(r, "bucket") {
		t.Bucket = &TimeBucket{Column: "c", SizeMillis: rapid.Int64().Draw(r, "size")}
		t.Options.TimeBucketOption = map[string]string{"column": "c", "size": "1h"}
	}
	switch t.Kind {
	case QueryTable, View:
		t.Copy = &Copy{Base: "base", NotNull: []string{"x"}, Columns: []CopiedColumn{{From: 1, To: 2}}}
	case Rollup:
		t.Rollup = genRollup(r)
		for range rapid.IntRange(0, 2).Draw(r, "states") {
			t.AddColumn(column(State))
		}
	}
	return t
}

// genRollup is a definition of this release or of one before.
func genRollup(r *rapid.T) *downsample.Definition {
	out := &downsample.Definition{Source: "base", TimeColumn: "c", Keep: "forever", Aggregates: []downsample.Aggregate{{Function: "sum", Source: "v", Target: "sum_v"}}}
	if rapid.Bool().Draw(r, "old") {
		out.StepMillis = 60000
		return out
	}
	out.Base, out.Source, out.Keep = "base", "finer", ""
	out.Step = partition.Bucketing{Months: 1, Zone: "Europe/Berlin", OriginMillis: rapid.Int64().Draw(r, "origin")}
	out.Group = []string{"C 1"}
	out.Aggregates = append(out.Aggregates, downsample.Aggregate{Function: "percentile", Source: "v", Target: "p", Fraction: rapid.Float64Range(0, 1).Draw(r, "fraction")},
		downsample.Aggregate{Function: downsample.StateRows, Target: "rows()"})
	out.GraceMillis, out.LatenessMillis = rapid.Int64().Draw(r, "grace"), rapid.Int64().Draw(r, "lateness")
	out.Paused, out.Backfill = rapid.Bool().Draw(r, "paused"), true
	return out
}

func genSnapshot(r *rapid.T) *Snapshot {
	s := &Snapshot{Keyspaces: map[string]*Keyspace{}}
	copy(s.Version[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(r, "version"))
	for i := range rapid.IntRange(0, 3).Draw(r, "keyspaces") {
		k := &Keyspace{Name: fmt.Sprintf("K%d", i), Replication: genMap(r, "replication"), DurableWrites: rapid.Bool().Draw(r, "durable"), Tables: map[string]*Table{}}
		for j := range rapid.IntRange(0, 3).Draw(r, "tables") {
			t := genTable(r, k.Name, j)
			k.Tables[t.Name] = t
		}
		s.Keyspaces[k.Name] = k
	}
	return s
}

func TestStoredSnapshotRoundTrips(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := genSnapshot(r)
		blob, err := s.Encode()
		if err != nil {
			r.Fatal(err)
		}
		got, err := Decode(blob)
		if err != nil {
			r.Fatal(err)
		}
		again, err := got.Encode()
		if err != nil {
			r.Fatal(err)
		}
		if string(again) != string(blob) {
			r.Fatalf("%s\nbecame\n%s", blob, again)
		}
		if got.Version != s.Version || len(got.Keyspaces) != len(s.Keyspaces) {
			r.Fatalf("%+v became %+v", s, got)
		}
		for name, k := range s.Keyspaces {
			for table, want := range k.Tables {
				if have := got.Table(name, table); !sameTable(have, want) {
					r.Fatalf("%+v became %+v", want, have)
				}
			}
		}
	})
}

// sameTable compares what statements and stores see of two tables.
func sameTable(a, b *Table) bool {
	if !reflect.DeepEqual(a.Stored(), b.Stored()) || len(a.Columns()) != len(b.Columns()) || a.Kind != b.Kind {
		return false
	}
	for i, c := range a.Columns() {
		d := b.Columns()[i]
		if c.Name != d.Name || c.Kind != d.Kind || c.Position != d.Position || c.Desc != d.Desc || c.ID != d.ID || !c.Type.Equal(d.Type) {
			return false
		}
	}
	return a.Options.Comment == b.Options.Comment && a.AppendOnly == b.AppendOnly && reflect.DeepEqual(a.Copy, b.Copy) && reflect.DeepEqual(a.Rollup, b.Rollup)
}

func TestVirtualKeyspacesAreNotStored(t *testing.T) {
	system := &Keyspace{Name: "system", Tables: map[string]*Table{"local": {Keyspace: "system", Name: "local", Kind: Virtual}}}
	s := (&Snapshot{}).WithKeyspace(system)
	blob, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode(blob); err != nil || len(got.Keyspaces) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

// storedJSON is a stored snapshot with one table whose JSON members are replaced.
func storedJSON(t *testing.T, members map[string]any) []byte {
	t.Helper()
	table := map[string]any{
		"id": strings.Repeat("00", 16), "name": "t", "kind": 1,
		"columns": []any{map[string]any{"name": "k", "kind": 1, "type": "int"}},
	}
	for name, v := range members {
		table[name] = v
	}
	blob, err := json.Marshal(map[string]any{
		"format": 1, "version": strings.Repeat("00", 16),
		"keyspaces": []any{map[string]any{"name": "ks", "tables": []any{table}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return blob
}

func TestDecodeRefuses(t *testing.T) {
	if _, err := Decode(storedJSON(t, nil)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		blob []byte
		want string
	}{
		{[]byte("{"), "unexpected end"},
		{[]byte(`{"format":2}`), "format 2, this build reads format 1"},
		{[]byte(`{"format":1,"version":"00"}`), "version"},
		{storedJSON(t, map[string]any{"id": "zz"}), "table ks.t: id"},
		{storedJSON(t, map[string]any{"kind": 0}), "kind 0"},
		{storedJSON(t, map[string]any{"kind": 7}), "kind 7"},
		{storedJSON(t, map[string]any{"kind": 2}), "kind 2 does not fit"},
		{storedJSON(t, map[string]any{"kind": 4}), "kind 4 does not fit"},
		{storedJSON(t, map[string]any{"kind": 4, "rollup": map[string]any{"Source": "x"}}), "a rollup without a column for its windows"},
		{storedJSON(t, map[string]any{"kind": 4, "rollup": map[string]any{"Source": "t"}, "columns": []any{
			map[string]any{"name": "k", "kind": 1, "type": "int"}, map[string]any{"name": "ts", "kind": 2, "type": "timestamp"},
		}}), "rollup ks.t is computed from itself"},
		{storedJSON(t, map[string]any{"copy": map[string]any{"Base": "x"}}), "kind 1 does not fit"},
		{storedJSON(t, map[string]any{"columns": []any{}}), "no partition key"},
		{storedJSON(t, map[string]any{"columns": []any{map[string]any{"name": "k", "kind": 9, "type": "int"}}}), "column k: kind 9"},
		{storedJSON(t, map[string]any{"columns": []any{map[string]any{"name": "k", "kind": 1, "type": "nope"}}}), "column k: "},
	} {
		if _, err := Decode(c.blob); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n got %v\nwant %s", c.blob, err, c.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"format":1,"version":"00000000000000000000000000000000","keyspaces":[{"name":"ks","tables":[{"id":"00000000000000000000000000000000","name":"t","kind":1,"columns":[{"name":"k","kind":1,"type":"int"}]}]}]}`))
	f.Add([]byte(`{"format":1,"version":"00000000000000000000000000000000","keyspaces":[{"name":"ks","tables":[{"id":"00000000000000000000000000000000","name":"t","kind":4,"columns":[{"name":"k","kind":1,"type":"int"},{"name":"ts","kind":2,"type":"timestamp"},{"name":"rows()","kind":5,"type":"bigint","id":1}],"rollup":{"Source":"b","Base":"b","TimeColumn":"ts","Step":{"Months":1,"Zone":"Europe/Berlin","OriginMillis":5},"Group":["x"],"Aggregates":[{"Function":"percentile","Source":"v","Target":"p","Fraction":0.5}],"LatenessMillis":7}}]}]}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		s, err := Decode(src)
		if err != nil {
			return
		}
		for _, name := range s.KeyspaceNames() {
			k := s.Keyspaces[name]
			_ = k.Create()
			for _, table := range k.SortedTables() {
				_ = table.Stored()
				s.CopiesOf(table)
				s.RollupsOf(table)
				s.LevelsOf(table)
				if table.Copy == nil {
					_ = table.Create(k)
				}
			}
			k.CreationOrder()
		}
	})
}

func TestSnapshotsShareAndDoNotChange(t *testing.T) {
	base := &Snapshot{}
	ks := base.WithKeyspace(&Keyspace{Name: "ks"})
	one := ks.WithTable(&Table{Keyspace: "ks", Name: "a", Kind: Base})
	two := one.WithTable(&Table{Keyspace: "ks", Name: "b", Kind: QueryTable, Copy: &Copy{Base: "a"}})
	gone := two.WithoutTable("ks", "a")
	none := two.WithoutKeyspace("ks")
	for _, c := range []struct {
		s    *Snapshot
		want string
	}{{base, ""}, {ks, "ks:"}, {one, "ks:a"}, {two, "ks:a b"}, {gone, "ks:b"}, {none, ""}} {
		got := ""
		for _, name := range c.s.KeyspaceNames() {
			got += name + ":"
			for i, table := range c.s.Keyspaces[name].SortedTables() {
				if i > 0 {
					got += " "
				}
				got += table.Name
			}
		}
		if got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	if copies := two.CopiesOf(two.Table("ks", "a")); len(copies) != 1 || copies[0].Name != "b" {
		t.Errorf("copies %v", copies)
	}
}

func TestClonesDoNotShareLists(t *testing.T) {
	a := &Table{Name: "t", Options: DefaultOptions(), PartitionKey: []*Column{{Name: "k", Kind: PartitionKey}}}
	b := a.Clone()
	b.AddColumn(&Column{Name: "v", Kind: Regular, Type: types.Int})
	b.Options.SetEcho("cdc", "true")
	b.Options.Caching["keys"] = "NONE"
	if len(a.Regulars) != 0 || a.Options.Echo("cdc") != "false" || a.Options.Caching["keys"] != "ALL" {
		t.Errorf("the first changed: %+v", a)
	}
	if c := b.ColumnByID(1); c == nil || c.Name != "v" || b.NextColumn != 2 {
		t.Errorf("%+v", b)
	}
}

// TestNumbersOfColumnsAreNotUsedAgain: a cell of a dropped column must never show under a new one.
func TestNumbersOfColumnsAreNotUsedAgain(t *testing.T) {
	a := &Table{}
	for _, name := range []string{"z", "a"} {
		a.AddColumn(&Column{Name: name, Kind: Regular, Type: types.Int})
	}
	a.Regulars = a.Regulars[:1]
	a.AddColumn(&Column{Name: "m", Kind: Static, Type: types.Int})
	if got := []mutation.ColumnID{a.Regulars[0].ID, a.Statics[0].ID}; !reflect.DeepEqual(got, []mutation.ColumnID{2, 3}) {
		t.Errorf("got %v", got)
	}
}

func TestDurationText(t *testing.T) {
	for millis, want := range map[int64]string{86400000: "1d", 172800000: "2d", 21600000: "6h", 90000: "90s", 60000: "1m", 1500: "1500ms", 0: "0ms"} {
		if got := DurationText(millis); got != want {
			t.Errorf("%d is %s, want %s", millis, got, want)
		}
	}
}

// TestCreateTextIsCassandras: the text was printed by Cassandra 5.0.5 for the same table.
func TestCreateTextIsCassandras(t *testing.T) {
	table := &Table{Keyspace: "p", Name: "plain", Kind: Base, Options: DefaultOptions()}
	table.PartitionKey = []*Column{{Name: "k", Kind: PartitionKey, Type: types.Int}}
	table.Clustering = []*Column{
		{Name: "c", Kind: ClusteringKey, Type: types.Timestamp, Desc: true},
		{Name: "b", Kind: ClusteringKey, Position: 1, Type: types.Text},
	}
	table.AddColumn(&Column{Name: "v", Kind: Regular, Type: types.Int})
	table.AddColumn(&Column{Name: "a", Kind: Static, Type: types.Double})
	k := &Keyspace{Name: "p", DurableWrites: true, Replication: map[string]string{"class": "org.apache.cassandra.locator.SimpleStrategy", "replication_factor": "1"}}
	if got := table.Create(k); got != plainText {
		t.Errorf("got\n%s\nwant\n%s", got, plainText)
	}
	want := "CREATE KEYSPACE p WITH replication = {'class': 'SimpleStrategy', 'replication_factor': '1'}  AND durable_writes = true;"
	if got := k.Create(); got != want {
		t.Errorf("got %s", got)
	}
}

const plainText = `CREATE TABLE p.plain (
    k int,
    c timestamp,
    b text,
    a double static,
    v int,
    PRIMARY KEY (k, c, b)
) WITH CLUSTERING ORDER BY (c DESC, b ASC)
    AND additional_write_policy = '99p'
    AND allow_auto_snapshot = true
    AND bloom_filter_fp_chance = 0.01
    AND caching = {'keys': 'ALL', 'rows_per_partition': 'NONE'}
    AND cdc = false
    AND comment = ''
    AND compaction = {'class': 'org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy', 'max_threshold': '32', 'min_threshold': '4'}
    AND compression = {'chunk_length_in_kb': '16', 'class': 'org.apache.cassandra.io.compress.LZ4Compressor'}
    AND memtable = 'default'
    AND crc_check_chance = 1.0
    AND default_time_to_live = 0
    AND extensions = {}
    AND gc_grace_seconds = 864000
    AND incremental_backups = true
    AND max_index_interval = 2048
    AND memtable_flush_period_in_ms = 0
    AND min_index_interval = 128
    AND read_repair = 'BLOCKING'
    AND speculative_retry = '99p';`
