package live

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A goDriver is one of the two gocql libraries: what is asked of them is written once.
type goDriver interface {
	open(o goOptions) (goSession, error)
	unset() any
	named(name string, value any) any
	duration(months, days int32, nanoseconds int64) any
	// code is the error code of the protocol, or -1.
	code(err error) int
	// exists are keyspace and table of an "already exists".
	exists(err error) (keyspace, table string, ok bool)
}

type goOptions struct {
	addr        string
	version     int    // of the protocol. 0: as the library likes
	compression string // lz4, snappy or ""
	byToken     bool
	ca          string
	user        string
	password    string
	spoken      *atomic.Int32 // gets the version that the last connection spoke
}

type goEntry struct {
	text   string
	values []any
}

type goSession interface {
	exec(text string, values ...any) error
	scan(text string, values []any, dest ...any) error
	// page reads one page; row is called as long as there are rows, with what scans one.
	page(text string, values []any, size int, state []byte, each func(scan func(...any) bool)) (next []byte, err error)
	batch(logged bool, entries []goEntry) error
	cas(text string, values ...any) (applied bool, was map[string]any, err error)
	// columns are the columns of a table as the library's metadata has them: kind, order and type.
	columns(keyspace, table string) (map[string]string, error)
	// routing checks that the library routes a statement by the markers with these indexes, to this key.
	routing(text string, indexes []int, key string, values ...any) error
	close()
}

// watched notes the version in the first byte that a connection writes.
type watched struct {
	net.Conn
	once   sync.Once
	spoken *atomic.Int32
}

func (w *watched) Write(p []byte) (int, error) {
	if len(p) > 0 {
		w.once.Do(func() { w.spoken.Store(int32(p[0] & 0x7f)) })
	}
	return w.Conn.Write(p)
}

// watching is a dialer that watches.
type watching struct{ spoken *atomic.Int32 }

func (w watching) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &watched{Conn: conn, spoken: w.spoken}, nil
}

// goRun is one feature on its way.
type goRun struct {
	*testing.T
	k       *task
	d       goDriver
	o       goOptions
	s       goSession // a session with default settings
	detail  string
	session []goSession
}

// goFeatures are what TestClients asks of both libraries.
var goFeatures = map[string]func(*goRun){
	"connect": goConnects, "v3": goSpeaks(3), "v4": goSpeaks(4), "v5": goSpeaks(5),
	"schema": goSchema, "types": func(r *goRun) { goTypes(r, "types") }, "nulls": goNulls, "async": goAsync, "paging": goPaging, "batches": goBatches,
	"named": goNamed, "routing": goRouting, "events": goEvents, "errors": goErrors,
	"lz4": goCompresses("lz4"), "snappy": goCompresses("snappy"), "restart": goRestart, "lwt": goConditions, "tls": goTLS, "login": goLogin,
}

// goFailed ends a feature. It is not the end of the test.
type goFailed struct{ err error }

func (r *goRun) fail(format string, args ...any) { panic(goFailed{fmt.Errorf(format, args...)}) }

func (r *goRun) must(err error, what string) {
	if err != nil {
		r.fail("%s: %w", what, err)
	}
}

func (r *goRun) exec(texts ...string) {
	for _, text := range texts {
		r.must(r.s.exec(text), text)
	}
}

// other is one more session.
func (r *goRun) other(configure func(*goOptions)) goSession {
	o := r.o
	if configure != nil {
		configure(&o)
	}
	s, err := r.d.open(o)
	r.must(err, "open")
	r.session = append(r.session, s)
	return s
}

// runGo asks a gocql library for the features of a task.
func runGo(t *testing.T, k *task, d goDriver) {
	for _, name := range k.features {
		r := &goRun{T: t, k: k, d: d, o: goOptions{addr: k.server.Addr, ca: k.ca, user: k.user, password: k.password, spoken: new(atomic.Int32)}}
		err := r.run(goFeatures[name])
		k.report(name, r.detail, err)
	}
}

func (r *goRun) run(f func(*goRun)) (err error) {
	defer func() {
		for _, s := range r.session {
			s.close()
		}
		if failed, ok := recover().(goFailed); ok {
			err = failed.err
		}
	}()
	r.s = r.other(nil)
	r.exec("CREATE KEYSPACE IF NOT EXISTS k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
	f(r)
	return nil
}

func goConnects(r *goRun) {
	var release string
	r.must(r.s.scan("SELECT release_version FROM system.local WHERE key = 'local'", nil, &release), "release")
	if release < "4" {
		r.fail("release %q", release)
	}
	r.detail = fmt.Sprint("v", r.o.spoken.Load())
}

// goSpeaks forces a version and sends every type through it.
func goSpeaks(version int) func(*goRun) {
	return func(r *goRun) {
		r.s = r.other(func(o *goOptions) { o.version = version })
		if got := int(r.o.spoken.Load()); got != version {
			r.fail("it speaks version %d", got)
		}
		r.o.version = version
		goTypes(r, fmt.Sprint("types_v", version))
	}
}

func goSchema(r *goRun) {
	r.exec(`CREATE TABLE k.schema_ (a int, "B" text, c timestamp, d timeuuid, s text static, v frozen<map<text, frozen<list<int>>>>, w decimal,
		PRIMARY KEY ((a, "B"), c, d)) WITH CLUSTERING ORDER BY (c DESC, d ASC)`)
	want := map[string]string{"a": "partition_key int", "B": "partition_key text", "c": "clustering_key timestamp desc", "d": "clustering_key timeuuid asc",
		"s": "static text", "v": "regular frozen<map<text, frozen<list<int>>>>", "w": "regular decimal"}
	got, err := r.other(nil).columns("k", "schema_")
	r.must(err, "metadata")
	for name, is := range want {
		if got[name] != is {
			r.fail("column %s is %q, want %q", name, got[name], is)
		}
	}
	if len(got) != len(want) {
		r.fail("columns %v", got)
	}
}

func goNulls(r *goRun) {
	r.exec("CREATE TABLE k.nulls (k text, c int, a bigint, b text, e blob, PRIMARY KEY (k, c))")
	steps := []struct {
		a, b any
		want string
	}{{int64(1), "one", "1 one"}, {r.d.unset(), "two", "1 two"}, {nil, r.d.unset(), "null two"}, {r.d.unset(), "", "null "}, {r.d.unset(), nil, "null null"}}
	for i, step := range steps {
		r.must(r.s.exec("INSERT INTO k.nulls (k, c, a, b) VALUES (?, ?, ?, ?)", "x", 1, step.a, step.b), "insert")
		var a *int64
		var b *string
		r.must(r.s.scan("SELECT a, b FROM k.nulls WHERE k = 'x' AND c = 1", nil, &a, &b), "select")
		got := "null "
		if a != nil {
			got = fmt.Sprint(*a, " ")
		}
		if b == nil {
			got += "null"
		} else {
			got += *b
		}
		if got != step.want {
			r.fail("step %d: %q, want %q", i, got, step.want)
		}
	}
	for _, key := range []any{nil, r.d.unset()} {
		if err := r.s.exec("INSERT INTO k.nulls (k, c, a) VALUES (?, ?, ?)", "x", key, 1); r.d.code(err) != 0x2200 {
			r.fail("%v as a key: %v", key, err)
		}
	}
	r.must(r.s.exec("INSERT INTO k.nulls (k, c, e) VALUES ('x', 2, ?)", []byte{}), "an empty blob")
	var e *string
	if r.must(r.s.scan("SELECT e FROM k.nulls WHERE k = 'x' AND c = 2", nil, &e), "select"); e == nil || *e != "" {
		r.fail("an empty blob came back as %v", e)
	}
}

func goAsync(r *goRun) {
	r.exec("CREATE TABLE k.async_ (k text, n int, v double, PRIMARY KEY (k, n))")
	const writers = 256
	var join sync.WaitGroup
	errs := make(chan error, writers)
	begun := time.Now()
	for w := range writers {
		join.Go(func() {
			for n := w; n < asyncWrites; n += writers {
				if err := r.s.exec("INSERT INTO k.async_ (k, n, v) VALUES (?, ?, ?)", fmt.Sprint("p", n%10), n, float64(n)/4); err != nil {
					errs <- fmt.Errorf("row %d: %w", n, err)
					return
				}
			}
		})
	}
	join.Wait()
	if len(errs) > 0 {
		r.must(<-errs, "writes")
	}
	r.detail = fmt.Sprintf("%d writes in %v", asyncWrites, time.Since(begun).Round(time.Millisecond))
	seen := map[int]bool{}
	for state, more := []byte(nil), true; more; more = len(state) > 0 {
		var err error
		state, err = r.s.page("SELECT n, v FROM k.async_", nil, 5000, state, func(scan func(...any) bool) {
			var n int
			var v float64
			for scan(&n, &v) {
				if v != float64(n)/4 || seen[n] {
					r.fail("row %d: %v, seen %v", n, v, seen[n])
				}
				seen[n] = true
			}
		})
		r.must(err, "read")
	}
	if len(seen) != asyncWrites {
		r.fail("%d of %d rows", len(seen), asyncWrites)
	}
}

// fillGo writes rows 0 to count-1 of one partition.
func (r *goRun) fillGo(table, key string, count int) {
	var entries []goEntry
	for n := range count {
		entries = append(entries, goEntry{"INSERT INTO " + table + " (k, n) VALUES (?, ?)", []any{key, n}})
	}
	r.must(r.s.batch(false, entries), "fill")
}

func goPaging(r *goRun) {
	r.exec("CREATE TABLE k.paging (k text, n int, PRIMARY KEY (k, n))")
	const rows, size = 1000, 7
	r.fillGo("k.paging", "p", rows)
	sessions := []goSession{r.s, r.other(nil)}
	var got []int
	var state []byte
	pages := 0
	for {
		count := 0
		next, err := sessions[pages%2].page("SELECT n FROM k.paging WHERE k = ?", []any{"p"}, size, state, func(scan func(...any) bool) {
			for n := 0; scan(&n); count++ {
				got = append(got, n)
			}
		})
		r.must(err, "page")
		if pages++; len(next) == 0 {
			break
		}
		if state = next; count != size {
			r.fail("page %d has %d rows", pages, count)
		}
	}
	if len(got) != rows || !slices.IsSorted(got) || got[rows-1] != rows-1 {
		r.fail("%d rows in %d pages", len(got), pages)
	}
	_, err := r.s.page("SELECT n FROM k.paging WHERE k = 'p'", nil, size, []byte("not a state"), func(func(...any) bool) {})
	if r.d.code(err) != 0x2200 {
		r.fail("a forged state: %v", err)
	}
}

func goBatches(r *goRun) {
	r.exec("CREATE TABLE k.batches (k text, n int, PRIMARY KEY (k, n))")
	for _, logged := range []bool{true, false} {
		for _, kind := range []string{"prepared", "text", "both"} {
			key := fmt.Sprint(kind, logged)
			var entries []goEntry
			for n := range 900 {
				if kind == "prepared" || kind == "both" && n%2 == 0 {
					entries = append(entries, goEntry{"INSERT INTO k.batches (k, n) VALUES (?, ?)", []any{key, n}})
				} else {
					entries = append(entries, goEntry{fmt.Sprintf("INSERT INTO k.batches (k, n) VALUES ('%s', %d)", key, n), nil})
				}
			}
			r.must(r.s.batch(logged, entries), key)
			var count int64
			if r.must(r.s.scan("SELECT count(*) FROM k.batches WHERE k = ?", []any{key}, &count), key); count != 900 {
				r.fail("%s: %d rows", key, count)
			}
		}
	}
	bad := []goEntry{{"INSERT INTO k.batches (k, n) VALUES ('bad', 1)", nil}, {"INSERT INTO k.batches (k, nothing) VALUES ('bad', 1)", nil}}
	if err := r.s.batch(true, bad); r.d.code(err) != 0x2200 {
		r.fail("an unknown column in a batch: %v", err)
	}
	var count int64
	if r.must(r.s.scan("SELECT count(*) FROM k.batches WHERE k = 'bad'", nil, &count), "count"); count != 0 {
		r.fail("a refused batch left %d rows", count)
	}
}

func goNamed(r *goRun) {
	r.exec("CREATE TABLE k.named (k text, n int, v text, PRIMARY KEY (k, n))")
	r.must(r.s.exec("INSERT INTO k.named (k, n, v) VALUES (:key, :number, :value)",
		r.d.named("key", "p"), r.d.named("number", 7), r.d.named("value", "v")), "insert") // gocql wants them in order, and sends the names
	var v string
	r.must(r.s.scan("SELECT v FROM k.named WHERE k = :k AND n = :n", []any{r.d.named("k", "p"), r.d.named("n", 7)}, &v), "select")
	if v != "v" {
		r.fail("read %q", v)
	}
}

func goRouting(r *goRun) {
	r.exec("CREATE TABLE k.routing (a int, b text, c int, v int, PRIMARY KEY ((a, b), c))")
	s := r.other(func(o *goOptions) { o.byToken = true })
	const insert = "INSERT INTO k.routing (v, c, b, a) VALUES (?, ?, ?, ?)"
	for i := range 50 {
		r.must(s.exec(insert, i, 0, fmt.Sprint(i), i), "insert")
	}
	r.must(s.routing(insert, []int{3, 2}, "\x00\x04\x00\x00\x01\x02\x00\x00\x01x\x00", 1, 0, "x", 258), "routing")
	var count int64
	if r.must(s.scan("SELECT count(*) FROM k.routing", nil, &count), "count"); count != 50 {
		r.fail("%d rows", count)
	}
}

func goEvents(r *goRun) {
	_, _ = r.s.columns("k", "none") // the metadata is kept from here on
	elsewhere := r.other(nil)
	until := func(what string, is func(map[string]string) bool) {
		for range 400 {
			if got, _ := r.s.columns("k", "events"); is(got) {
				return
			}
			<-time.After(25 * time.Millisecond)
		}
		r.fail("the metadata does not follow %s", what)
	}
	r.must(elsewhere.exec("CREATE TABLE k.events (k int PRIMARY KEY, v int)"), "create")
	until("CREATE", func(c map[string]string) bool { return len(c) == 2 })
	r.must(elsewhere.exec("ALTER TABLE k.events ADD later text"), "alter")
	until("ALTER", func(c map[string]string) bool { return c["later"] == "regular text" })
	r.must(elsewhere.exec("DROP TABLE k.events"), "drop")
	until("DROP", func(c map[string]string) bool { return len(c) == 0 })
}

func goErrors(r *goRun) {
	const create = "CREATE TABLE k.errors (k text, n int, v double, PRIMARY KEY (k, n))"
	r.exec(create)
	for text, want := range map[string]int{
		"SELEKT * FROM k.errors": 0x2000, ";": 0x2000, "SELECT * FROM k.nothing": 0x2200, "SELECT * FROM nokeyspace.t": 0x2200,
		"SELECT nothing FROM k.errors": 0x2200, "SELECT * FROM k.errors WHERE v = 1": 0x2200, "INSERT INTO k.errors (k, n) VALUES ('x', 99999999999)": 0x2200,
		"CREATE KEYSPACE bad WITH replication = {'class': 'NoSuch'}": 0x2300, "DROP TABLE k.nothing": 0x2200,
	} {
		if err := r.s.exec(text); r.d.code(err) != want {
			r.fail("%s: code %#x, want %#x: %w", text, r.d.code(err), want, err)
		}
	}
	if keyspace, table, ok := r.d.exists(r.s.exec(create)); !ok || keyspace != "k" || table != "errors" {
		r.fail("a table that exists: %q %q %v", keyspace, table, ok)
	}
	const again = "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
	if keyspace, table, ok := r.d.exists(r.s.exec(again)); !ok || keyspace != "k" || table != "" {
		r.fail("a keyspace that exists: %q %q %v", keyspace, table, ok)
	}
	// A table that is made anew has the same text and another statement.
	insert := "INSERT INTO k.errors (k, n, v) VALUES (?, ?, ?)"
	r.must(r.s.exec(insert, "x", 1, 1.5), "insert")
	r.exec("DROP TABLE k.errors", create)
	r.must(r.s.exec(insert, "x", 1, 1.5), "insert into a table that was made anew")
}

func goCompresses(name string) func(*goRun) {
	return func(r *goRun) {
		version := 0
		if name == "snappy" {
			version = 4 // version 5 has no snappy
		}
		r.s = r.other(func(o *goOptions) { o.compression, o.version = name, version })
		table := "k.compressed_" + name
		r.exec("CREATE TABLE " + table + " (k int PRIMARY KEY, v text)")
		for i, size := range []int{0, 1, 511, 512, 1 << 12, 1 << 17, 1<<17 + 1, 1 << 20} {
			want := strings.Repeat("abcd", size/4+1)[:size]
			r.must(r.s.exec("INSERT INTO "+table+" (k, v) VALUES (?, ?)", i, want), "insert")
			var got string
			if r.must(r.s.scan("SELECT v FROM "+table+" WHERE k = ?", []any{i}, &got), "select"); got != want {
				r.fail("%d bytes came back as %d", size, len(got))
			}
		}
	}
}
