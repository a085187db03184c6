package live

import (
	"fmt"
	"strings"
	"time"
)

func goRestart(r *goRun) {
	r.exec("CREATE TABLE k.restart (k text, n int, PRIMARY KEY (k, n))")
	r.fillGo("k.restart", "kept", 100)
	r.must(r.s.exec("INSERT INTO k.restart (k, n) VALUES (?, ?)", "kept", 100), "insert") // prepares
	r.k.server = r.k.server.Restart()
	tries := 0
	for err := error(nil); ; tries++ {
		if err = r.s.exec("INSERT INTO k.restart (k, n) VALUES (?, ?)", "kept", 101); err == nil {
			break
		}
		if r.d.code(err) != -1 || tries > 1000 {
			r.fail("after %d tries: %w", tries, err)
		}
		<-time.After(20 * time.Millisecond)
	}
	for n := range 100 { // the gap is over
		r.must(r.s.exec("INSERT INTO k.restart (k, n) VALUES (?, ?)", "kept", 102+n), "insert after the gap")
	}
	var count int64
	if r.must(r.s.scan("SELECT count(*) FROM k.restart WHERE k = ?", []any{"kept"}, &count), "count"); count != 202 {
		r.fail("%d rows", count)
	}
	r.detail = fmt.Sprintf("at try %d", tries+1)
}

func goConditions(r *goRun) {
	r.exec("CREATE TABLE k.conditions (k int PRIMARY KEY, v text, n int)")
	for _, step := range []struct {
		text   string
		values []any
		want   bool
	}{
		{"INSERT INTO k.conditions (k, v, n) VALUES (?, ?, ?) IF NOT EXISTS", []any{1, "a", 1}, true},
		{"INSERT INTO k.conditions (k, v, n) VALUES (?, ?, ?) IF NOT EXISTS", []any{1, "b", 2}, false},
		{"UPDATE k.conditions SET v = ? WHERE k = ? IF v = ?", []any{"c", 1, "b"}, false},
		{"UPDATE k.conditions SET v = ? WHERE k = ? IF v = ? AND n >= ?", []any{"c", 1, "a", 1}, true},
		{"UPDATE k.conditions SET v = ? WHERE k = ? IF EXISTS", []any{"d", 2}, false},
		{"DELETE FROM k.conditions WHERE k = ? IF EXISTS", []any{1}, true},
		{"DELETE FROM k.conditions WHERE k = ? IF EXISTS", []any{1}, false},
	} {
		applied, was, err := r.s.cas(step.text, step.values...)
		r.must(err, step.text)
		if applied != step.want {
			r.fail("%s %v: applied %v, was %v", step.text, step.values, applied, was)
		}
		if strings.HasPrefix(step.text, "INSERT") && !applied && (was["v"] != "a" || was["n"] != 1) {
			r.fail("%s %v: was %v", step.text, step.values, was)
		}
	}
}

func goTLS(r *goRun) {
	goTypes(r, "types_tls")
	o := r.o
	o.ca = ""
	if s, err := r.d.open(o); err == nil {
		s.close()
		r.fail("it connected without TLS")
	}
}

func goLogin(r *goRun) {
	goConnects(r)
	o := r.o
	o.password = "wrong"
	if s, err := r.d.open(o); err == nil {
		s.close()
		r.fail("a wrong password was taken")
	} else if !strings.Contains(err.Error(), "are incorrect") {
		r.fail("a wrong password: %w", err)
	}
}
