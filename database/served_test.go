package database

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/planner"
)

// Between two pages a copy may come that serves better: the pages go on in the one that they began in, row by row.
func TestPagesGoOnInTheirQueryTable(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int, c int, v int, x int, PRIMARY KEY (k, c))", "CREATE QUERY TABLE by_v ON t * PRIMARY KEY ((v), k, c)")
	for k := range 40 {
		w.run(fmt.Sprintf("INSERT INTO t (k, c, v, x) VALUES (%d, %d, 1, %d)", k, -k, k%4))
	}
	const text = "SELECT k FROM t WHERE v = 1 AND x = 1 ALLOW FILTERING"
	want := w.rows(text)
	page := func(state []byte) *Result {
		st, err := w.db.Prepare("ks", text)
		if err != nil {
			t.Fatal(err)
		}
		r, err := w.db.Execute(st, Request{PageSize: 2, PagingState: state})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := page(nil)
	got := decodeRows(t, r)
	w.run("CREATE QUERY TABLE a_v ON t * PRIMARY KEY ((v), c, k)", "REBUILD QUERY TABLE a_v")
	if now := page(nil); !slices.Contains(now.Warnings, "query table ks.a_v served this query") {
		t.Fatalf("the other copy is not preferred: %q", now.Warnings)
	}
	for r.PagingState != nil {
		r = page(r.PagingState)
		got = append(got, decodeRows(t, r)...)
		if !slices.Contains(r.Warnings, "query table ks.by_v served this query") {
			t.Errorf("a later page is of another table: %q", r.Warnings)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("in pages %q, at once %q", got, want)
	}
}

// A SELECT that was planned for a copy which is gone by now is planned again.
func TestServedAfterItsCopyIsDropped(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int PRIMARY KEY, v int)", "CREATE QUERY TABLE a ON t * PRIMARY KEY ((v), k)", "CREATE QUERY TABLE b ON t * PRIMARY KEY ((v), k)",
		"INSERT INTO t (k, v) VALUES (1, 1)")
	st, err := w.db.Parse("ks", "SELECT k FROM t WHERE v = 1")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		r, err := w.db.Execute(st, Request{})
		if err != nil {
			t.Fatal(err)
		}
		if got := decodeRows(t, r); !slices.Equal(got, []string{"1"}) || !slices.Contains(r.Warnings, "query table ks."+name+" served this query") {
			t.Errorf("%q, %q", got, r.Warnings)
		}
		w.run("DROP QUERY TABLE " + name)
	}
	_, err = w.db.Execute(st, Request{})
	if invalid := (*planner.InvalidError)(nil); !errors.As(err, &invalid) || !strings.Contains(err.Error(), "no key of ks.t serves") || errors.Is(err, lsm.ErrUnknownTable) {
		t.Errorf("with no copy left: %v", err)
	}
}

// EXPLAIN of a static column with an index, whose rows are of partitions.
func TestExplainWriteOfIndexedStatic(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int, c int, s int static, v int, PRIMARY KEY (k, c))", "CREATE INDEX ON t (s)", "CREATE INDEX ON t (v)", "INSERT INTO t (k, c, s, v) VALUES (1, 1, 1, 1)")
	for _, text := range []string{"EXPLAIN INSERT INTO t (k, s) VALUES (1, 2)", "EXPLAIN UPDATE t SET s = 3 WHERE k = 1", "EXPLAIN DELETE FROM t WHERE k = 1", "EXPLAIN INSERT INTO t (k, c, s) VALUES (2, 1, 2)"} {
		if got := w.rows(text); len(got) != 3 {
			t.Errorf("%s: %q", text, got)
		}
	}
	w.expect("SELECT k, c, s FROM t", "1 1 1")
}
