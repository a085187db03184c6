package planner

import (
	"strings"
	"testing"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/schema"
)

// known is what a store would tell: the same of every table.
type known TableEstimate

func (k known) Table(mutation.TableID) (TableEstimate, bool) { return TableEstimate(k), true }

var suggestions = []struct {
	text    string
	create  string // empty: none
	advice  string // the lines behind it
	choices known
}{
	{"SELECT * FROM p WHERE c = 1", "CREATE QUERY TABLE ks.p_by_c ON ks.p * PRIMARY KEY ((c), a, b);", "or add ALLOW FILTERING to scan an estimated 41,000,000 rows.", known{Rows: 41_000_000, Partitions: 1000}},
	{"SELECT * FROM p WHERE a = 1 AND b = 2 AND v = 3", "CREATE QUERY TABLE ks.p_by_a_b_v ON ks.p * PRIMARY KEY ((a, b, v), c);", "or add ALLOW FILTERING to scan an estimated 500 rows.", known{Rows: 500_000, Partitions: 1000}},
	{"SELECT * FROM r WHERE w = 1.5 AND ts > 5", "CREATE QUERY TABLE ks.r_by_w ON ks.r * PRIMARY KEY ((w), ts, dev);", "or add ALLOW FILTERING to scan an estimated 1 row.", known{}},
	{"SELECT * FROM p WHERE a = 1", "CREATE QUERY TABLE ks.p_by_a ON ks.p * PRIMARY KEY ((a), c, b);", "or add ALLOW FILTERING to scan an estimated 9 rows.", known{Rows: 9}},
	{"SELECT * FROM r WHERE v IN (1, 2) ORDER BY ts DESC", "CREATE QUERY TABLE ks.r_by_v ON ks.r * PRIMARY KEY ((v), ts, dev);", "", known{Rows: 9}},
	{"SELECT * FROM r WHERE dev = 'a' AND w > 2 ORDER BY w DESC LIMIT 3", "CREATE QUERY TABLE ks.r_by_dev ON ks.r * PRIMARY KEY ((dev), w, ts);", "", known{Rows: 9}},
	{"SELECT v, count(*) FROM r WHERE dev = 'a' AND v > 0 GROUP BY v", "CREATE QUERY TABLE ks.r_by_dev ON ks.r * PRIMARY KEY ((dev), v, ts);", "", known{Rows: 9}},
	{"SELECT * FROM r WHERE dev = 'a' ORDER BY w DESC LIMIT 3", "", "", known{Rows: 9}}, // rows without w would be missing
	{"SELECT * FROM r WHERE v = 1 AND w > 2 AND ts > 5", "CREATE QUERY TABLE ks.r_by_v ON ks.r * PRIMARY KEY ((v), w, ts, dev);", "and add ALLOW FILTERING, for no one key serves all of the WHERE\nor add ALLOW FILTERING to scan an estimated 9 rows.", known{Rows: 9}},
	{"SELECT * FROM p WHERE v > 1", "", "add ALLOW FILTERING to scan an estimated 9 rows.", known{Rows: 9}},
	{"SELECT v FROM r WHERE site = 'x' AND v > 2 AND ts > 5", "", "add ALLOW FILTERING to scan an estimated 2 rows of query table ks.r_by_site.", known{Rows: 9}},
	{"SELECT * FROM r WHERE ts >= '2026-01-01' AND ts < '2026-01-02'", "CREATE QUERY TABLE ks.r_by_ts_1h ON ks.r * PRIMARY KEY ((time_bucket(ts, 1h)), ts, dev);", "or add ALLOW FILTERING to scan an estimated 9 rows.", known{Rows: 9}},
	{"SELECT * FROM r WHERE ts >= '2026-01-01'", "", "add ALLOW FILTERING to scan an estimated 9 rows.", known{Rows: 9}},
	{"SELECT a, sum(v) FROM p GROUP BY a", "", "", known{Rows: 9}},
}

// A refusal names the query table that would serve the statement. Created, it does.
func TestSelectSuggestions(t *testing.T) {
	for _, test := range suggestions {
		s := testSnapshot()
		tree, err := cql.Parse(test.text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Prepare(s, "ks", tree, test.choices)
		if err == nil {
			t.Errorf("%s: was accepted", test.text)
			continue
		}
		_, advice, _ := strings.Cut(err.Error(), "\n")
		create, rest, _ := strings.Cut(advice, "\n")
		if test.create == "" {
			create, rest = "", advice
		}
		if strings.TrimPrefix(create, "Create:  ") != test.create || rest != test.advice {
			t.Errorf("%s\n got %s\nwant %s\n%s", test.text, err, test.create, test.advice)
		}
		if test.create != "" {
			checkServed(t, s, test.create, test.text, strings.HasPrefix(test.advice, "and add"))
		}
	}
}

func checkServed(t *testing.T, s *schema.Snapshot, create, text string, filtering bool) {
	t.Helper()
	tree, err := cql.Parse(create)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Prepare(s, "ks", tree, nil)
	if err != nil {
		t.Fatalf("%s: %v", create, err)
	}
	plan, err := p.Bind(nil, Context{})
	if err != nil {
		t.Fatal(err)
	}
	if filtering {
		text += " ALLOW FILTERING"
	}
	if tree, err = cql.Parse(text); err != nil {
		t.Fatal(err)
	}
	if p, err = Prepare(plan.(*Alter).Next, "ks", tree, nil); err != nil {
		t.Fatalf("%s after %s: %v", text, create, err)
	}
	read, err := p.Bind(nil, Context{})
	if err != nil {
		t.Fatal(err)
	}
	if got := read.(*Read).Table.Kind; got != schema.QueryTable {
		t.Errorf("%s: served from a table of kind %d", text, got)
	}
}
