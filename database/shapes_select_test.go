package database

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// What a SELECT answers does not depend on whether its shape is known, whatever its literals decide: values, steps, names of
// columns, the table that serves it. Pages go on from one that was parsed to one that was not.
func TestShapesOfSelectsAnswerTheSame(t *testing.T) {
	w := newWorld(t,
		"CREATE TABLE t (k text, ts timestamp, v int, d double, s text, m frozen<map<text, int>>, PRIMARY KEY (k, ts)) WITH CLUSTERING ORDER BY (ts DESC) AND rollups = {'1m': 'forever'}",
		"CREATE INDEX ON t (s)",
		"CREATE QUERY TABLE by_v ON t * WHERE d > 2 PRIMARY KEY ((v), ts, k)")
	for i := range 40 {
		w.run(fmt.Sprintf("INSERT INTO t (k, ts, v, d, s, m) VALUES ('k%d', %d, %d, %d.5, 's%d', {'a': %d})", i%2, 999_999_000_000+i*20_000, i%5, i, i%3, i))
	}
	w.settle()
	texts := []string{
		"SELECT * FROM t WHERE k = %s LIMIT %s", "SELECT ts, v FROM t WHERE k = %s AND ts >= %s AND ts < %s", "SELECT v FROM t WHERE k IN (%s, %s) AND ts > %s",
		"SELECT k, floor(ts, %s), sum(v) FROM t WHERE k = %s AND ts >= %s GROUP BY k, floor(ts, %s)", "SELECT count(*), max(d) FROM t WHERE k = %s",
		"SELECT k, v FROM t WHERE s = %s", "SELECT v, ts FROM t WHERE v = %s AND d > %s", "SELECT v FROM t WHERE v = %s", "SELECT v FROM t WHERE d = %s ALLOW FILTERING",
		"SELECT (int) %s, v FROM t WHERE k = %s PER PARTITION LIMIT %s", "SELECT token(k), v FROM t WHERE token(k) > %s LIMIT %s", "SELECT v FROM t WHERE k = %s AND (ts) >= (%s) ORDER BY ts ASC",
		"SELECT count(%s) FROM t WHERE k = %s", "SELECT v FROM t WHERE m[%s] = %s ALLOW FILTERING", "SELECT k, floor(ts, %s) AS f, avg(v) FROM t WHERE k = %s AND ts > %s AND ts < %s GROUP BY k, f FILL(%s)",
		"SELECT v FROM t WHERE k = %s USING RESOLUTION %s",
	}
	literals := []string{"'k0'", "'k1'", "'s1'", "'a'", "1", "2", "3", "0", "-5", "999999200000", "999999400000", "2.5", "7.5", "1m", "2m", "1h", "true", "null", "'raw'", "'1m'", "'2001-09-09 01:46:00'"}
	rapid.Check(t, func(t *rapid.T) {
		format := rapid.SampledFrom(texts).Draw(t, "text")
		for range 4 { // the same shape with other literals
			var args []any
			for range strings.Count(format, "%s") {
				args = append(args, rapid.SampledFrom(literals).Draw(t, "literal"))
			}
			text := fmt.Sprintf(format, args...)
			want := w.textPages(text, w.db.parse)
			for round := range 3 {
				if got := w.textPages(text, w.db.Parse); got != want {
					t.Fatalf("%s, read for time %d\n got %s\nwant %s", text, round+1, got, want)
				}
			}
		}
	})
	if texts := w.db.TextStatistics(); texts.Known == 0 || texts.Learned == 0 {
		t.Errorf("%+v", texts)
	}
}

// textPages are all pages of an answer, or the error. Each page is asked for by the text.
func (w *world) textPages(text string, parse func(keyspace, text string) (*Statement, error)) string {
	var out strings.Builder
	var state []byte
	for {
		st, err := parse("ks", text)
		if err != nil {
			return out.String() + err.Error()
		}
		r, err := w.db.Execute(st, Request{PageSize: 7, PagingState: state})
		if err != nil {
			return out.String() + err.Error()
		}
		for _, c := range r.Rows.Columns {
			fmt.Fprint(&out, c.Name, " ", c.Type, ", ")
		}
		fmt.Fprintf(&out, "%d %x %q\n", r.Rows.RowCount, r.Rows.Rows, r.Warnings)
		if state = r.PagingState; state == nil {
			return out.String()
		}
	}
}
