package planner

import (
	"errors"
	"strings"
	"testing"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// column is a column of a test table.
func column(name string, kind schema.ColumnKind, of *types.Type) *schema.Column {
	return &schema.Column{Name: name, Kind: kind, Type: of, Position: -1}
}

// testTable makes a table of columns in the order of their keys; desc names DESC columns.
func testTable(name string, desc string, columns ...*schema.Column) *schema.Table {
	t := &schema.Table{Keyspace: "ks", Name: name, Kind: schema.Base, Options: schema.DefaultOptions()}
	for _, col := range columns {
		switch col.Kind {
		case schema.PartitionKey:
			col.Position = len(t.PartitionKey)
			t.PartitionKey = append(t.PartitionKey, col)
		case schema.ClusteringKey:
			col.Position, col.Desc = len(t.Clustering), col.Name == desc
			t.Clustering = append(t.Clustering, col)
		default:
			t.AddColumn(col)
		}
	}
	return t
}

// testSnapshot has t(k | c, d | s static, v, w, txt), p((a, b) | c | v), r(dev | ts desc | site, v, w), and the
// query table r_by_site(site | ts, dev | v).
func testSnapshot() *schema.Snapshot {
	const pk, ck, st, re = schema.PartitionKey, schema.ClusteringKey, schema.Static, schema.Regular
	s := (&schema.Snapshot{}).WithKeyspace(&schema.Keyspace{Name: "ks"})
	copied := testTable("r_by_site", "ts", column("site", pk, types.Text), column("ts", ck, types.Timestamp),
		column("dev", ck, types.Text), column("v", re, types.Int))
	copied.Kind, copied.Copy = schema.QueryTable, &schema.Copy{Base: "r"}
	for _, t := range []*schema.Table{
		testTable("t", "", column("k", pk, types.Int), column("c", ck, types.Int), column("d", ck, types.Int),
			column("s", st, types.Int), column("v", re, types.Int), column("w", re, types.Double), column("txt", re, types.Text)),
		testTable("p", "", column("a", pk, types.Int), column("b", pk, types.Int), column("c", ck, types.Int), column("v", re, types.Int)),
		testTable("r", "ts", column("dev", pk, types.Text), column("ts", ck, types.Timestamp), column("site", re, types.Text),
			column("v", re, types.Int), column("w", re, types.Double)),
		copied,
	} {
		s = s.WithTable(t)
	}
	return s
}

func prepareText(t *testing.T, text string) (*Prepared, error) {
	t.Helper()
	tree, err := cql.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return Prepare(testSnapshot(), "ks", tree, nil)
}

func bindRead(t *testing.T, text string, values ...Value) (*Read, error) {
	t.Helper()
	p, err := prepareText(t, text)
	if err != nil {
		return nil, err
	}
	plan, err := p.Bind(values, Context{NowSec: 1000, NowMillis: 1_000_000, NowTicks: func() int64 { return 10_000_000_000 }, Random: func() [16]byte { return [16]byte{1, 2, 3} }})
	if err != nil {
		return nil, err
	}
	return plan.(*Read), nil
}

// refusals are statements with what Apache Cassandra 5.0.5 answers, but for what no key serves.
var refusals = []struct{ text, refusal string }{
	{"SELECT * FROM t WHERE k > 1", needsKey + "no key of ks.t serves WHERE k > ?."},
	{"SELECT * FROM t WHERE token(k) > 1 AND c = 1", needsKey + "no key of ks.t serves WHERE c = ? AND token(k) … ?."},
	{"SELECT * FROM t WHERE k = 1 AND s = 1", needsKey + "no key of ks.t serves WHERE k = ? AND s = ?."},
	{"SELECT * FROM t WHERE k = 1 AND c > 1 AND d = 1", `Clustering column "d" cannot be restricted (preceding column "c" is restricted by a non-EQ relation)`},
	{"SELECT * FROM t WHERE k = 1 AND x = 1", "Undefined column name x in table ks.t"},
	{"SELECT x FROM t", "Undefined column name x in table ks.t"},
	{"SELECT * FROM t WHERE k = 1 AND k = 2", "k cannot be restricted by more than one relation if it includes an Equal"},
	{"SELECT * FROM t WHERE k IN (1, 2) AND k = 1", "k cannot be restricted by more than one relation if it includes a IN"},
	{"SELECT * FROM t WHERE k IN (1) AND k = 1", "k cannot be restricted by more than one relation if it includes an Equal"},
	{"SELECT * FROM t WHERE k = 1 AND c > 1 AND c > 2", "More than one restriction was found for the start bound on c"},
	{"SELECT * FROM t WHERE k = 1 AND c < 1 AND c < 2", "More than one restriction was found for the end bound on c"},
	{"SELECT * FROM t WHERE k = 1 AND c = 1 AND c > 2", "c cannot be restricted by more than one relation if it includes an Equal"},
	{"SELECT * FROM t WHERE k = 1 AND c > 2 AND c = 2", `Column "c" cannot be restricted by both an equality and an inequality relation`},
	{"SELECT * FROM t WHERE k = 1 AND v != 3 ALLOW FILTERING", `Unsupported "!=" relation: v != 3`},
	{"SELECT * FROM t WHERE k = 1 AND v IS NOT NULL", "Unsupported restriction: v IS NOT NULL"},
	{"SELECT * FROM t WHERE k = 1 AND txt CONTAINS 'a'", "Cannot use CONTAINS on non-collection column txt"},
	{"SELECT * FROM t WHERE k = 1 AND txt LIKE 'a%'", "LIKE restriction is only supported on properly indexed columns. txt LIKE 'a%' is not valid. No index serves LIKE: a beginning is a range (>= and <) of a clustering column, which a query table can have."},
	{"SELECT * FROM t WHERE k = 1 AND (d, c) = (1, 1)", "Clustering columns must appear in the PRIMARY KEY order in multi-column relations: (d, c) = (1, 1)"},
	{"SELECT * FROM t WHERE k = 1 AND (c, v) = (1, 1)", "Multi-column relations can only be applied to clustering columns but was applied to: v"},
	{"SELECT * FROM t WHERE k = 1 AND (c, d) = (1)", "Expected 2 elements in value tuple, but got 1: (1)"},
	{"SELECT * FROM t WHERE k = 1 AND (d) > (1)", `PRIMARY KEY column "d" cannot be restricted as preceding column "c" is not restricted`},
	{"SELECT * FROM t WHERE k = 1 AND (c, d) > (1, 1) AND d < 5", `Column "d" cannot be restricted by two inequalities not starting with the same column`},
	{"SELECT * FROM p WHERE token(a) > 1", "The token() function must be applied to all partition key components or none of them"},
	{"SELECT * FROM p WHERE token(b, a) > 1", "The token function arguments must be in the partition key order: a, b"},
	{"SELECT * FROM t ORDER BY c", "ORDER BY is only supported when the partition key is restricted by an EQ or an IN."},
	{"SELECT * FROM t WHERE k = 1 ORDER BY d", "Order by currently only supports the ordering of columns following their declared order in the PRIMARY KEY"},
	{"SELECT * FROM t WHERE k = 1 ORDER BY c DESC, d ASC", "Unsupported order by relation"},
	{"SELECT * FROM t WHERE k = 1 ORDER BY v", "Order by is currently only supported on the clustered columns of the PRIMARY KEY, got v"},
	{"SELECT * FROM t LIMIT 0", "LIMIT must be strictly positive"},
	{"SELECT * FROM t PER PARTITION LIMIT -1", "LIMIT must be strictly positive"},
	{"SELECT count(*) FROM t PER PARTITION LIMIT 1", "PER PARTITION LIMIT is not allowed with aggregate queries."},
	{"SELECT DISTINCT k FROM t PER PARTITION LIMIT 1", "PER PARTITION LIMIT is not allowed with SELECT DISTINCT queries"},
	{"SELECT DISTINCT s FROM t", "SELECT DISTINCT queries must request all the partition key columns (missing k)"},
	{"SELECT DISTINCT k, c FROM t", "SELECT DISTINCT queries must only request partition key columns and/or static columns (not c)"},
	{"SELECT DISTINCT k FROM t WHERE c = 1", "SELECT DISTINCT with WHERE clause only supports restriction by partition key and/or static columns."},
	{"SELECT k, count(*) FROM t GROUP BY c", "Group by currently only support groups of columns following their declared order in the PRIMARY KEY"},
	{"SELECT k, count(*) FROM t GROUP BY v", "Group by is currently only supported on the columns of the PRIMARY KEY, got v"},
	{"SELECT a, count(*) FROM p GROUP BY a", "Group by is not supported on only a part of the partition key"},
	{"SELECT dev, count(*) FROM r GROUP BY floor(ts, 1h)", "Group by currently only support groups of columns following their declared order in the PRIMARY KEY"},
	{"SELECT dev, count(*) FROM r GROUP BY dev, floor(ts, 1h), ts", "Functions are only supported on the last element of the GROUP BY clause"},
	{"SELECT sum(max(v)) FROM t", "aggregate functions cannot be used as arguments of aggregate functions"},
	{"SELECT foo(v) FROM t", "Unknown function 'foo'"},
	{"SELECT writetime(k) FROM t", "Cannot use selection function writetime on PRIMARY KEY part k"},
	{"SELECT 5 FROM t", "Cannot infer type for term 5 in selection clause (try using a cast to force a type)"},
	{"SELECT cast(k as blob) FROM t", "k cannot be cast to blob"},
	{"SELECT * FROM t WHERE k = 1.5", `Invalid FLOAT constant (1.5) for "k" of type int`},
	{"SELECT * FROM nope", "table nope does not exist"},
}

func TestSelectRefusals(t *testing.T) {
	for _, test := range refusals {
		_, err := prepareText(t, test.text)
		var invalid *InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("%s: %v, want an InvalidError", test.text, err)
			continue
		}
		first, _, _ := strings.Cut(invalid.Message, "\n")
		if first != test.refusal {
			t.Errorf("%s\n got %s\nwant %s", test.text, first, test.refusal)
		}
	}
}

func TestSelectNames(t *testing.T) {
	for _, test := range []struct{ text, names string }{
		{"SELECT count(*), count(1), count(v), min(v), avg(w) FROM t", "count count system.count(v) system.min(v) system.avg(w)"},
		{"SELECT maxwritetime(v), blobAsInt(null) FROM t", "maxwritetime(v) system.blobasint(NULL)"},
		{"SELECT ttl(v), writetime(v), token(k), c AS cc FROM t", "ttl(v) writetime(v) system.token(k) cc"},
		{"SELECT floor(ts, 1h, '1970-01-01') FROM r", "system.floor(ts, 1h, '1970-01-01')"},
		{"SELECT cast(k as text), (int)5, toTimestamp(now()) FROM t", "cast(k as text) (int)5 system.totimestamp(system.now())"},
		{"SELECT sum(cast(v as double)) FROM t", "system.sum(cast(v as double))"},
		{"SELECT * FROM t", "k c d s txt v w"},
	} {
		p, err := prepareText(t, test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		var names []string
		for _, c := range p.Result {
			names = append(names, c.Name)
		}
		if got := strings.Join(names, " "); got != test.names {
			t.Errorf("%s\n got %s\nwant %s", test.text, got, test.names)
		}
	}
}

func TestSelectMarkers(t *testing.T) {
	for _, test := range []struct{ text, markers string }{
		{"SELECT * FROM t WHERE k = ? AND c = ? AND d > ? LIMIT ?", "k int, c int, d int, [limit] int"},
		{"SELECT * FROM t WHERE k IN ? AND c IN ? PER PARTITION LIMIT ?", "in(k) list<int>, in(c) list<int>, [per_partition_limit] int"},
		{"SELECT * FROM t WHERE k IN (?, ?) AND (c, d) > (?, ?)", "k int, k int, c int, d int"},
		{"SELECT * FROM t WHERE k = ? AND (c, d) > ?", "k int, (c,d) frozen<tuple<int, int>>"},
		{"SELECT * FROM t WHERE k = ? AND (c, d) IN ?", "k int, in(c,d) list<frozen<tuple<int, int>>>"},
		{"SELECT * FROM t WHERE token(k) > ? AND token(k) <= :x", "partition key token bigint, x bigint"},
		{"SELECT * FROM p WHERE token(a, b) > token(?, ?)", "arg0(system.token) int, arg1(system.token) int"},
		{"SELECT floor(ts, ?), (int)? FROM r WHERE dev = :d", "[selection] duration, [selection] int, d text"},
		{"SELECT v FROM r WHERE site = ? AND ts > ?", "site text, ts timestamp"},
	} {
		p, err := prepareText(t, test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		var markers []string
		for _, m := range p.Markers {
			markers = append(markers, m.Name+" "+m.Type.String())
		}
		if got := strings.Join(markers, ", "); got != test.markers {
			t.Errorf("%s\n got %s\nwant %s", test.text, got, test.markers)
		}
	}
}

func TestSelectAccess(t *testing.T) {
	for _, test := range []struct {
		text            string
		keys            int // −1: a range
		slices, filters int
		all, whole      bool
	}{
		{"SELECT * FROM t", -1, 1, 0, true, true},
		{"SELECT * FROM t WHERE k = 1", 1, 1, 0, true, true},
		{"SELECT * FROM t WHERE k IN (3, 1, 3)", 2, 1, 0, true, true},
		{"SELECT * FROM t WHERE k IN ()", 0, 1, 0, true, true},
		{"SELECT * FROM p WHERE a IN (1, 2) AND b IN (3, 4, 5)", 6, 1, 0, true, true},
		{"SELECT * FROM t WHERE k = 1 AND c IN (1, 3) AND d > 5", 1, 2, 0, false, false},
		{"SELECT * FROM t WHERE k = 1 AND (c, d) > (1, 2) AND (c) < (9)", 1, 1, 0, false, false},
		{"SELECT * FROM t WHERE k = 1 AND (c, d) IN ((1, 2), (1, 2), (5, 1))", 1, 2, 0, false, false},
		{"SELECT * FROM t WHERE k = 1 AND c > 5 AND c < 3", 1, 0, 0, false, false},
		{"SELECT * FROM t WHERE k = 1 AND c > null", 1, 0, 0, false, false},
		{"SELECT * FROM t WHERE v = 3 AND c = 1 ALLOW FILTERING", -1, 1, 1, false, false},
		{"SELECT * FROM t WHERE k = 1 AND d = 2 ALLOW FILTERING", 1, 1, 1, true, false},
		{"SELECT * FROM t WHERE s > 2 AND s < 9 ALLOW FILTERING", -1, 1, 2, true, true},
		{"SELECT * FROM p WHERE a = 1 ALLOW FILTERING", -1, 1, 1, true, true},
	} {
		r, err := bindRead(t, test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		keys := len(r.Keys)
		if r.Keys == nil {
			keys = -1
		}
		if keys != test.keys || len(r.Slices) != test.slices || len(r.Filters) != test.filters || r.Slices.IsAll() != test.all || r.WholePartition != test.whole {
			t.Errorf("%s: %d keys, slices %s, filters %v, whole %v", test.text, keys, r.Slices, r.Filters, r.WholePartition)
		}
	}
}

func TestSelectRouting(t *testing.T) {
	r, err := bindRead(t, "SELECT dev, ts, v FROM r WHERE site = 'x' AND ts >= 5 ORDER BY ts ASC")
	if err != nil {
		t.Fatal(err)
	}
	if r.Table.Name != "r_by_site" || !r.Reverse || len(r.Warnings) != 1 || r.Warnings[0] != "query table ks.r_by_site served this query" {
		t.Fatalf("read of %s, reverse %v, warnings %q", r.Table.Name, r.Reverse, r.Warnings)
	}
	// The copy lacks w: it cannot serve this one.
	if _, err := bindRead(t, "SELECT w FROM r WHERE site = 'x'"); err == nil {
		t.Fatal("a column that the query table lacks was served from it")
	}
	// Rows whose site is null are not in the copy: ts alone does not lead there.
	if r, err = bindRead(t, "SELECT dev FROM r WHERE ts = 5 ALLOW FILTERING"); err != nil || r.Table.Name != "r" {
		t.Fatalf("%v, %v", r, err)
	}
}

func TestSelectOrderAndSort(t *testing.T) {
	r, err := bindRead(t, "SELECT dev FROM r WHERE dev IN ('b', 'a') ORDER BY ts ASC LIMIT 3")
	if err != nil {
		t.Fatal(err)
	}
	if !r.Reverse || len(r.Sort) != 1 || r.Sort[0].Desc || r.Limit != 3 {
		t.Fatalf("%+v", r)
	}
	if r, err = bindRead(t, "SELECT dev FROM r WHERE dev = 'b' ORDER BY ts DESC"); err != nil || r.Reverse || r.Sort != nil {
		t.Fatalf("%+v, %v", r, err)
	}
}

func TestSelectPartitionKeyIndexes(t *testing.T) {
	p, err := prepareText(t, "SELECT a FROM p WHERE b = ? AND a = ?")
	if err != nil || len(p.PartitionKeyIndexes) != 2 || p.PartitionKeyIndexes[0] != 1 || p.PartitionKeyIndexes[1] != 0 {
		t.Fatalf("%v, %v", p, err)
	}
	if p, err = prepareText(t, "SELECT a FROM p WHERE b = 1 AND a = ?"); err != nil || len(p.PartitionKeyIndexes) != 0 {
		t.Fatalf("%v, %v", p, err)
	}
}

// needsKey begins the refusal of what no key serves.
const needsKey = "Cannot execute this query as it might involve data filtering and thus may have unpredictable performance. " +
	"If you want to execute this query despite the performance unpredictability, use ALLOW FILTERING: "
