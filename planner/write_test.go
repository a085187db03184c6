package planner

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/schema"
)

// writeSchema has t(k | c DESC, d | s static, v, w) with a default TTL in ttl(k | v), a copy and a rollup.
func writeSchema(t testing.TB) *schema.Snapshot {
	return withSystem(schemaOf(t,
		"CREATE TABLE t (k int, c int, d int, s int static, v int, w text, PRIMARY KEY (k, c, d)) WITH CLUSTERING ORDER BY (c DESC)",
		"CREATE TABLE two (a int, b text, v int, PRIMARY KEY ((a, b)))",
		"CREATE TABLE ttl (k int PRIMARY KEY, v int) WITH default_time_to_live = 100",
		"CREATE TABLE one (k int, c int, v int, PRIMARY KEY (k, c))",
		"CREATE TABLE ap (k int, c int, v int, PRIMARY KEY (k, c)) WITH append_only = true",
		"CREATE QUERY TABLE byv ON one (k) PRIMARY KEY ((v), k, c)",
		"CREATE MATERIALIZED VIEW mv AS SELECT k, c, v FROM one WHERE k IS NOT NULL AND c IS NOT NULL AND v IS NOT NULL PRIMARY KEY (v, k, c)",
		"CREATE TABLE r (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH rollups = {'1h': 'forever'}"))
}

var writeContext = Context{NowSec: 1000, NowMillis: 1_000_500, NowTicks: func() int64 { return 10_000_000_000 }, TimestampMicros: 7, Random: func() [16]byte { return [16]byte{9} }}

func bindWrite(s *schema.Snapshot, text string, values ...Value) (*Write, error) {
	tree, err := cql.Parse(text)
	if err != nil {
		return nil, err
	}
	p, err := Prepare(s, "ks", tree, nil)
	if err != nil {
		return nil, err
	}
	plan, err := p.Bind(values, writeContext)
	if err != nil {
		return nil, err
	}
	return plan.(*Write), nil
}

func bytesOf(v int32) []byte { return types.AppendInt(nil, v) }

func given(v int32) Value { return Value{Bytes: bytesOf(v)} }

var null, unset = Value{}, Value{Unset: true}

// show writes a write out, so that expectations can be read.
func show(w *Write) string {
	var b strings.Builder
	for _, m := range w.Mutations {
		fmt.Fprintf(&b, "%s %x", m.Table.Name, m.Key.Key)
		if !m.Deletion.IsNone() {
			fmt.Fprintf(&b, " delete@%d/%d", m.Deletion.MarkedAt, m.Deletion.LocalSec)
		}
		if m.Static != nil {
			b.WriteString(" static" + showRow(m.Static))
		}
		for i := range m.Rows {
			fmt.Fprintf(&b, " row%s", showRow(&m.Rows[i]))
		}
		for _, r := range m.Ranges {
			fmt.Fprintf(&b, " range%s@%d/%d", showSlice(r.Slice), r.Deletion.MarkedAt, r.Deletion.LocalSec)
		}
		b.WriteString("; ")
	}
	return strings.TrimSuffix(b.String(), "; ")
}

func showRow(r *mutation.Row) string {
	out := ""
	if len(r.Clustering) > 0 {
		out = fmt.Sprintf("[%x]", r.Clustering)
	}
	if !r.Live.IsNone() {
		out += " live" + showEnd(r.Live.Timestamp, r.Live.TTL, r.Live.ExpiresAt)
	}
	if !r.Deletion.IsNone() {
		out += fmt.Sprintf(" deleted@%d/%d", r.Deletion.MarkedAt, r.Deletion.LocalSec)
	}
	for _, c := range r.Cells {
		if c.IsTombstone() {
			out += fmt.Sprintf(" %d=null@%d/%d", c.Column, c.Timestamp, c.ExpiresAt)
		} else {
			out += fmt.Sprintf(" %d=%x%s", c.Column, c.Value, showEnd(c.Timestamp, c.TTL, c.ExpiresAt))
		}
	}
	return out
}

func showEnd(timestamp int64, ttl int32, end int64) string {
	if end == mutation.Forever {
		return fmt.Sprintf("@%d", timestamp)
	}
	return fmt.Sprintf("@%d+%d=%d", timestamp, ttl, end)
}

func showSlice(s clustering.Slice) string { return fmt.Sprintf("(%s,%s)", s.Start, s.End) }

// at is a clustering of table t: c descending, d ascending.
func at(c int32, d ...int32) string {
	layout := clustering.Layout{{Type: types.Int, Desc: true}, {Type: types.Int}}
	out := layout[0].Append(nil, bytesOf(c))
	for _, v := range d {
		out = layout[1].Append(out, bytesOf(v))
	}
	return string(out)
}

func hexAt(c, d int32) string { return fmt.Sprintf("[%x]", at(c, d)) }

// TestWrites: what each statement leaves behind (R9, R15, R18 to R21). Columns of t: 1 s, 2 v, 3 w.
func TestWrites(t *testing.T) {
	s := writeSchema(t)
	row := hexAt(2, 3)
	for _, c := range []struct {
		text   string
		values []Value
		want   string
	}{
		{"INSERT INTO t (k, c, d, v, w) VALUES (1, 2, 3, 4, 'x')", nil, "t 00000001 row" + row + " live@7 2=00000004@7 3=78@7"},
		{"INSERT INTO t (k, c, d) VALUES (1, 2, 3)", nil, "t 00000001 row" + row + " live@7"},
		{"INSERT INTO t (k, c, d, v, w) VALUES (1, 2, 3, null, '')", nil, "t 00000001 row" + row + " live@7 2=null@7/1000 3=@7"},
		{"INSERT INTO t (k, c, d, v, w) VALUES (1, 2, 3, ?, ?)", []Value{null, unset}, "t 00000001 row" + row + " live@7 2=null@7/1000"},
		{"INSERT INTO t (k, s) VALUES (1, 5)", nil, "t 00000001 static 1=00000005@7"},
		{"INSERT INTO t (k, c, d, s) VALUES (1, 2, 3, 5)", nil, "t 00000001 static 1=00000005@7 row" + row + " live@7"},
		{"INSERT INTO t (k, c, d, v) VALUES (1, 2, 3, 4) USING TTL 60 AND TIMESTAMP 5", nil, "t 00000001 row" + row + " live@5+60=1060 2=00000004@5+60=1060"},
		{"INSERT INTO t (k, c, d, v) VALUES (1, 2, 3, null) USING TTL 60", nil, "t 00000001 row" + row + " live@7+60=1060 2=null@7/1000"},
		{"INSERT INTO t (k, c, d) VALUES (1, 2, 3) USING TIMESTAMP -9223372036854775807", nil, "t 00000001 row" + row + " live@-9223372036854775807"},
		{"INSERT INTO ttl (k, v) VALUES (1, 2)", nil, "ttl 00000001 row live@7+100=1100 1=00000002@7+100=1100"},
		{"INSERT INTO ttl (k, v) VALUES (1, 2) USING TTL 0", nil, "ttl 00000001 row live@7 1=00000002@7"},
		{"INSERT INTO ttl (k, v) VALUES (1, 2) USING TTL ?", []Value{null}, "ttl 00000001 row live@7 1=00000002@7"},
		{"INSERT INTO ttl (k, v) VALUES (1, 2) USING TTL ?", []Value{unset}, "ttl 00000001 row live@7+100=1100 1=00000002@7+100=1100"},
		{"INSERT INTO ttl (k, v) VALUES (1, 2) USING TIMESTAMP ?", []Value{unset}, "ttl 00000001 row live@7+100=1100 1=00000002@7+100=1100"},
		{"INSERT INTO two (a, b, v) VALUES (1, '', 2)", nil, "two 000400000001000000" + "00 row live@7 1=00000002@7"},
		{"UPDATE t SET v = 4 WHERE k = 1 AND c = 2 AND d = 3", nil, "t 00000001 row" + row + " 2=00000004@7"},
		{"UPDATE t SET v = 4, s = 5 WHERE k = 1 AND d = 3 AND c = 2", nil, "t 00000001 static 1=00000005@7 row" + row + " 2=00000004@7"},
		{"UPDATE t SET s = 5 WHERE k = 1", nil, "t 00000001 static 1=00000005@7"},
		{"UPDATE t SET v = ? WHERE k = 1 AND c = 2 AND d = 3", []Value{unset}, ""},
		{"UPDATE t USING TTL 9 SET v = 4 WHERE k IN (1, 2) AND c = 2 AND d IN (3)", nil,
			"t 00000001 row" + row + " 2=00000004@7+9=1009; t 00000002 row" + row + " 2=00000004@7+9=1009"},
		{"UPDATE t SET v = 4 WHERE k IN ? AND c = 2 AND d = 3", []Value{{Bytes: types.ListOf(types.Int).AppendCollection(nil, [][]byte{bytesOf(8)})}},
			"t 00000008 row" + row + " 2=00000004@7"},
		{"DELETE FROM t WHERE k = 1", nil, "t 00000001 delete@7/1000"},
		{"DELETE FROM t USING TIMESTAMP 3 WHERE k = 1 AND c = 2 AND d = 3", nil, "t 00000001 row" + row + " deleted@3/1000"},
		{"DELETE v FROM t WHERE k = 1 AND c = 2 AND d = 3", nil, "t 00000001 row" + row + " 2=null@7/1000"},
		{"DELETE v, v FROM t WHERE k = 1 AND c = 2 AND d = 3", nil, "t 00000001 row" + row + " 2=null@7/1000"},
		{"DELETE s FROM t WHERE k = 1", nil, "t 00000001 static 1=null@7/1000"},
		{"DELETE s, v FROM t WHERE k = 1 AND c = 2 AND d = 3", nil, "t 00000001 static 1=null@7/1000 row" + row + " 2=null@7/1000"},
		{"DELETE FROM t WHERE k = 1 AND c > 2 AND c < 1", nil, ""},
		{"DELETE FROM t WHERE k IN ()", nil, ""},
	} {
		w, err := bindWrite(s, c.text, c.values...)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := show(w); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}

// TestRangeDeletions: which rows of a grid a range covers, where c sorts descending and d ascending (R15, R17).
func TestRangeDeletions(t *testing.T) {
	s := writeSchema(t)
	for where, covers := range map[string]func(c, d int32) bool{
		"c > 2":                             func(c, _ int32) bool { return c > 2 },
		"c >= 2":                            func(c, _ int32) bool { return c >= 2 },
		"c < 2":                             func(c, _ int32) bool { return c < 2 },
		"c <= 2":                            func(c, _ int32) bool { return c <= 2 },
		"c > 1 AND c <= 3":                  func(c, _ int32) bool { return c > 1 && c <= 3 },
		"c <= 3 AND c > 1":                  func(c, _ int32) bool { return c > 1 && c <= 3 },
		"c = 2":                             func(c, _ int32) bool { return c == 2 },
		"c = 2 AND d > 1":                   func(c, d int32) bool { return c == 2 && d > 1 },
		"d >= 1 AND c = 2":                  func(c, d int32) bool { return c == 2 && d >= 1 },
		"c = 2 AND d < 3 AND d >= 1":        func(c, d int32) bool { return c == 2 && d < 3 && d >= 1 },
		"c IN (1, 3)":                       func(c, _ int32) bool { return c == 1 || c == 3 },
		"c IN (1, 3) AND d > 2":             func(c, d int32) bool { return (c == 1 || c == 3) && d > 2 },
		"c >= -2147483648 AND c < 0":        func(c, _ int32) bool { return c < 0 },
		"c = 2 AND d > 2147483646":          func(int32, int32) bool { return false },
		"c = 2 AND d >= 3 AND d <= 3":       func(c, d int32) bool { return c == 2 && d == 3 },
		"c > 2 AND c <= 3":                  func(c, _ int32) bool { return c == 3 },
		"c < 2147483647 AND c > 2147483646": func(int32, int32) bool { return false },
	} {
		w, err := bindWrite(s, "DELETE FROM t WHERE k = 1 AND "+where)
		if err != nil {
			t.Errorf("%s: %v", where, err)
			continue
		}
		for c := int32(-1); c <= 4; c++ {
			for d := int32(-1); d <= 4; d++ {
				got := slices.ContainsFunc(w.Mutations, func(m Mutation) bool {
					return slices.ContainsFunc(m.Ranges, func(r mutation.RangeTombstone) bool {
						return clustering.MakeSlices([]clustering.Slice{r.Slice}).Contains([]byte(at(c, d)))
					})
				})
				if got != covers(c, d) {
					t.Errorf("%s: row (%d, %d) covered: %t", where, c, d, got)
				}
			}
		}
	}
}

// TestWritesAreRefused: every message without "this build" and "esker" is what Cassandra 5.0.5 says.
func TestWritesAreRefused(t *testing.T) {
	s := writeSchema(t)
	var numbers []string
	for i := range 300 {
		numbers = append(numbers, strconv.Itoa(i))
	}
	tooMany := "(" + strings.Join(numbers, ",") + ")"
	for _, c := range []refusal{
		{"I", "INSERT INTO nope (k) VALUES (1)", "table nope does not exist"},
		{"I", "INSERT INTO nope.t (k) VALUES (1)", "keyspace nope does not exist"},
		{"I", "INSERT INTO t (k) VALUES (1)", "Some clustering keys are missing: c, d"},
		{"I", "INSERT INTO t (k, c, s) VALUES (1, 1, 1)", "Some clustering keys are missing: d"},
		{"I", "INSERT INTO t (c, d) VALUES (1, 2)", "Some partition key parts are missing: k"},
		{"I", "INSERT INTO t (k, c, d) VALUES (null, 1, 1)", "Invalid null value in condition for column k"},
		{"I", "INSERT INTO t (k, c, d) VALUES (1, null, 1)", "Invalid null value in condition for column c"},
		{"I", "INSERT INTO t (k, c, d, k) VALUES (1, 1, 1, 1)", "The column names contains duplicates"},
		{"I", "INSERT INTO t (k, c, d, v, v) VALUES (1, 1, 1, 1, 1)", "The column names contains duplicates"},
		{"I", "INSERT INTO t (k, c, d, nope) VALUES (1, 1, 1, 1)", "Undefined column name nope in table ks.t"},
		{"I", "INSERT INTO t (k, c, d, v) VALUES (1, 1, 1, 'x')", `Invalid STRING constant (x) for "v" of type int`},
		{"I", "INSERT INTO t (k, c, d, v) VALUES (1, 1, 1, 1.5)", `Invalid FLOAT constant (1.5) for "v" of type int`},
		{"I", "INSERT INTO t (k, c, d, v) VALUES (1, 1, 1, 99999999999)", "Unable to make int from '99999999999'"},
		{"I", "INSERT INTO t (k, c, d, v) VALUES (1, 1, 1, now())", "Type error: cannot assign result of function system.now (type timeuuid) to v (type int)"},
		{"I", "INSERT INTO t (k, c, d) VALUES (1, 1, 1) USING TTL -1", "A TTL must be greater or equal to 0, but was -1"},
		{"I", "INSERT INTO t (k, c, d) VALUES (1, 1, 1) USING TTL 630720001", "ttl is too large. requested (630720001) maximum (630720000)"},
		{"I", "INSERT INTO t (k, c, d) VALUES (1, 1, 1) USING TIMESTAMP -9223372036854775808", "Out of bound timestamp, must be in [-9223372036854775807, 9223372036854775807]"},
		{"I", "UPDATE t SET v = 1 WHERE k = 1", "Some clustering keys are missing: c, d"},
		{"I", "UPDATE t SET v = 1 WHERE k = 1 AND c = 1 AND d > 1", "Slice restrictions are not supported on the clustering columns in UPDATE statements"},
		{"I", "UPDATE t SET v = 1 WHERE k = 1 AND c > 1 AND d = 1", `Clustering column "d" cannot be restricted (preceding column "c" is restricted by a non-EQ relation)`},
		{"I", "UPDATE t SET s = 1 WHERE k = 1 AND c = 1 AND d = 1", "Invalid restrictions on clustering columns since the UPDATE statement modifies only static columns"},
		{"I", "UPDATE t SET k = 1 WHERE k = 1 AND c = 1 AND d = 1", "PRIMARY KEY part k found in SET part"},
		{"S", "UPDATE t SET v = 1, v = 2 WHERE k = 1 AND c = 1 AND d = 1", "Multiple incompatible setting of column v"},
		{"I", "UPDATE t SET v = v + 1 WHERE k = 1 AND c = 1 AND d = 1", "Invalid operation (v = v + 1) for non counter column v"},
		{"I", "UPDATE t SET v = 1 WHERE k = 1 AND c = 1 AND d = 1 AND w = 'x'", "Non PRIMARY KEY columns found in where clause: w "},
		{"I", "UPDATE t SET v = 1 WHERE k = 1 AND k = 2 AND c = 1 AND d = 1", "k cannot be restricted by more than one relation if it includes an Equal"},
		{"I", "UPDATE t SET v = 1 WHERE k > 1 AND c = 1 AND d = 1", "Only EQ and IN relation are supported on the partition key (unless you use the token() function) for UPDATE statements"},
		{"I", "UPDATE t SET v = 1 WHERE token(k) = 1 AND c = 1 AND d = 1", "The token function cannot be used in WHERE clauses for UPDATE statements"},
		{"I", "UPDATE t SET v = 1 WHERE k IN " + tooMany + " AND c IN " + tooMany + " AND d = 1", "the IN restrictions of this statement multiply to more than 65535 keys"},
		{"I", "DELETE FROM t WHERE k = 1 AND c > 1 AND c = 1", `Column "c" cannot be restricted by both an equality and an inequality relation`},
		{"I", "DELETE FROM one WHERE k = 1 AND c > 1 AND c = 1", `Column "c" cannot be restricted by both an equality and an inequality relation`},
		{"I", "DELETE FROM one WHERE k = 1 AND c > 1 AND c IN (1)", `Column "c" cannot be restricted by both an equality and an inequality relation`},
		{"I", "DELETE FROM t WHERE k = 1 AND c = 1 AND c > 1", "c cannot be restricted by more than one relation if it includes an Equal"},
		{"I", "DELETE FROM t WHERE k = 1 AND d = 1", `PRIMARY KEY column "d" cannot be restricted as preceding column "c" is not restricted`},
		{"I", "DELETE FROM t WHERE k = 1 AND d > 1", `PRIMARY KEY column "d" cannot be restricted as preceding column "c" is not restricted`},
		{"I", "DELETE FROM t WHERE k = 1 AND c > 1 AND d > 1", `Clustering column "d" cannot be restricted (preceding column "c" is restricted by a non-EQ relation)`},
		{"I", "DELETE FROM t WHERE k = 1 AND c > 1 AND c > 2", "More than one restriction was found for the start bound on c"},
		{"I", "DELETE FROM t WHERE k = 1 AND c != 1", `Unsupported "!=" relation: c != 1`},
		{"I", "DELETE v FROM t WHERE k = 1 AND c > 1", "Range deletions are not supported for specific columns"},
		{"I", "DELETE v FROM t WHERE k = 1", "Range deletions are not supported for specific columns"},
		{"I", "DELETE s FROM t WHERE k = 1 AND c = 1", "Invalid restrictions on clustering columns since the DELETE statement modifies only static columns"},
		{"I", "DELETE k FROM t WHERE k = 1", "Invalid identifier k for deletion (should not be a PRIMARY KEY part)"},
		{"I", "DELETE v[1] FROM t WHERE k = 1 AND c = 1 AND d = 1", "Invalid deletion operation for non collection column v"},
		{"I", "UPDATE ap SET v = 1 WHERE k = 1 AND c = 1", "table ks.ap is append_only: its rows cannot be updated"},
		{"I", "DELETE FROM ap WHERE k = 1 AND c = 1", "table ks.ap is append_only: its rows cannot be deleted one by one"},
		{"I", "DELETE v FROM ap WHERE k = 1 AND c = 1", "table ks.ap is append_only: its rows cannot be deleted one by one"},
		{"I", "INSERT INTO mv (v, k, c) VALUES (1, 1, 1)", "Cannot directly modify a materialized view: write to ks.one"},
		{"I", "UPDATE byv SET c = 1 WHERE v = 1", "Cannot directly modify query table ks.byv: write to ks.one"},
		{"I", "DELETE FROM r_1h WHERE k = 1", "Cannot directly modify rollup ks.r_1h: write to ks.r"},
		{"I", "INSERT INTO system.local (key) VALUES ('x')", "system.local is a system table: it cannot be modified"},
		{"I", "BEGIN BATCH USING TIMESTAMP 5 INSERT INTO ttl (k) VALUES (1) USING TIMESTAMP 6; APPLY BATCH", "Timestamp must be set either on BATCH or individual statements"},
		{"I", "BEGIN BATCH USING TIMESTAMP -9223372036854775808 INSERT INTO ttl (k) VALUES (1); APPLY BATCH", "Out of bound timestamp, must be in [-9223372036854775807, 9223372036854775807]"},
	} {
		if _, err := bindWrite(s, c.text); err == nil || err.Error() != c.want || kindOf(err) != c.kind {
			t.Errorf("%s\n got %v (%s)\nwant %s (%s)", c.text, err, kindOf(err), c.want, c.kind)
		}
	}
}

func TestBoundValuesAreRefused(t *testing.T) {
	s := writeSchema(t)
	for _, c := range []struct {
		text, want string
		values     []Value
	}{
		{"INSERT INTO ttl (k) VALUES (?)", "Invalid amount of bind variables", nil},
		{"INSERT INTO ttl (k) VALUES (?)", "Invalid unset value for column k", []Value{unset}},
		{"INSERT INTO ttl (k) VALUES (?)", "Invalid null value in condition for column k", []Value{null}},
		{"INSERT INTO ttl (k) VALUES (?)", "Key may not be empty", []Value{{Bytes: []byte{}}}},
		{"INSERT INTO ttl (k) VALUES (?)", "Exception while binding column k: ", []Value{{Bytes: []byte{1, 2}}}},
		{"INSERT INTO ttl (k) VALUES (1) USING TIMESTAMP ?", "Invalid null value of timestamp", []Value{null}},
		{"INSERT INTO ttl (k) VALUES (1) USING TIMESTAMP ?", "Out of bound timestamp", []Value{{Bytes: types.AppendBigint(nil, math.MinInt64)}}},
		{"INSERT INTO ttl (k) VALUES (1) USING TTL ?", "A TTL must be greater or equal to 0, but was -5", []Value{given(-5)}},
		{"UPDATE ttl SET v = 1 WHERE k IN ?", "Invalid null value for column k", []Value{null}},
		{"UPDATE ttl SET v = 1 WHERE k IN ?", "Exception while binding column in(k): ", []Value{{Bytes: []byte{0, 0, 0, 9}}}},
		{"INSERT INTO two (a, b) VALUES (1, ?)", "longer than maximum of 65535", []Value{{Bytes: make([]byte, 65536)}}},
	} {
		if _, err := bindWrite(s, c.text, c.values...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v\n got %v\nwant %s", c.text, c.values, err, c.want)
		}
	}
}

// TestMarkers: names and types of markers, and which of them are the partition key.
func TestMarkers(t *testing.T) {
	s := writeSchema(t)
	for _, c := range []struct {
		text, want string
		key        []uint16
	}{
		{"INSERT INTO t (v, c, k, d) VALUES (?, ?, ?, ?) USING TTL ? AND TIMESTAMP ?", "v int, c int, k int, d int, [ttl] int, [timestamp] bigint", []uint16{2}},
		{"INSERT INTO two (v, b, a) VALUES (?, ?, :key)", "v int, b text, key int", []uint16{2, 1}},
		{"INSERT INTO two (v, b, a) VALUES (?, ?, 1)", "v int, b text", nil},
		{"UPDATE t USING TTL ? SET v = ?, w = ? WHERE k = ? AND c = ? AND d = ?", "[ttl] int, v int, w text, k int, c int, d int", []uint16{3}},
		{"UPDATE t SET v = ? WHERE k IN ? AND c = 1 AND d = 1", "v int, in(k) list<int>", nil},
		{"DELETE FROM two WHERE b = ? AND a = ?", "b text, a int", []uint16{1, 0}},
		{"DELETE FROM t USING TIMESTAMP ? WHERE k = ? AND c > ? AND c <= ?", "[timestamp] bigint, k int, c int, c int", []uint16{1}},
		{"BEGIN BATCH USING TIMESTAMP ? INSERT INTO ttl (k) VALUES (?); DELETE FROM t WHERE k = ?; APPLY BATCH", "[timestamp] bigint, k int, k int", nil},
	} {
		tree, err := cql.Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Prepare(s, "ks", tree, nil)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		var got []string
		for _, m := range p.Markers {
			got = append(got, m.Name+" "+m.Type.String())
		}
		if text := strings.Join(got, ", "); text != c.want || !reflect.DeepEqual(p.PartitionKeyIndexes, c.key) {
			t.Errorf("%s\n got %s %v\nwant %s %v", c.text, text, p.PartitionKeyIndexes, c.want, c.key)
		}
	}
}

// TestBatchTimestamps: statements share the batch's timestamp unless they have their own (R23).
func TestBatchTimestamps(t *testing.T) {
	s := writeSchema(t)
	for text, want := range map[string]string{
		"BEGIN BATCH INSERT INTO ttl (k) VALUES (1) USING TTL 0; INSERT INTO ttl (k) VALUES (2) USING TTL 0 AND TIMESTAMP 3; APPLY BATCH": "ttl 00000001 row live@7; ttl 00000002 row live@3",
		"BEGIN UNLOGGED BATCH USING TIMESTAMP 9 INSERT INTO ttl (k) VALUES (1) USING TTL 0; DELETE FROM ttl WHERE k = 1; APPLY BATCH":     "ttl 00000001 row live@9; ttl 00000001 delete@9/1000",
		"BEGIN BATCH APPLY BATCH": "",
	} {
		w, err := bindWrite(s, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := show(w); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
	w, err := bindWrite(s, "BEGIN BATCH USING TIMESTAMP ? INSERT INTO ttl (k) VALUES (1) USING TTL 0; APPLY BATCH", unset)
	if err != nil || show(w) != "ttl 00000001 row live@7" {
		t.Errorf("%v, %v", w, err)
	}
}
