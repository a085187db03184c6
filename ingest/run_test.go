package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/server/wire"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

var testTime = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

// try is one load into a stub, with files of its own.
type try struct {
	t       *testing.T
	stub    *stub
	dir     string
	options Options
	notes   bytes.Buffer
	out     bytes.Buffer
}

func newTry(t *testing.T, files map[string]string) *try {
	t.Helper()
	y := &try{t: t, stub: startStub(t), dir: t.TempDir()}
	for name, text := range files {
		y.write(name, text)
	}
	y.options = Options{
		Server: client.Options{Addr: y.stub.listener.Addr().String()}, Target: "ks.t", Checkpoint: y.path("t.checkpoint"),
		Errors: Errors{Dir: y.dir}, Streams: Streams{Err: &y.notes, Out: &y.out}, Clock: clock.NewManual(testTime),
	}
	return y
}

func (y *try) path(name string) string { return filepath.Join(y.dir, name) }

func (y *try) write(name, text string) {
	y.t.Helper()
	if err := os.WriteFile(y.path(name), []byte(text), 0o644); err != nil {
		y.t.Fatal(err)
	}
}

// run loads files without waiting between tries.
func (y *try) run(ctx context.Context, names ...string) (Report, error) {
	y.t.Helper()
	y.options.Files = nil
	for _, name := range names {
		if name != "-" && !filepath.IsAbs(name) {
			name = y.path(name)
		}
		y.options.Files = append(y.options.Files, name)
	}
	l, err := newLoad(y.options)
	if err != nil {
		return Report{}, err
	}
	defer l.close()
	l.pause = func(ctx context.Context, d time.Duration) error {
		if d == drainMax {
			return pause(ctx, d)
		}
		return ctx.Err()
	}
	return l.run(ctx)
}

func (y *try) mustRun(names ...string) Report {
	y.t.Helper()
	r, err := y.run(y.t.Context(), names...)
	if err != nil {
		y.t.Fatalf("%v; notes: %s", err, y.notes.String())
	}
	return r
}

func (y *try) read(name string) string {
	text, err := os.ReadFile(y.path(name))
	if err != nil {
		return "(none)"
	}
	return string(text)
}

// manyRows is a file of n rows of several devices, in turns.
func manyRows(n int) string {
	var b strings.Builder
	b.WriteString("device,ts,value,note\n")
	for i := range n {
		fmt.Fprintf(&b, "d%d,%d,%d.5,note %d\n", i%7, i, i, i)
	}
	return b.String()
}

// longRows is a file of more text than is in memory at once.
func longRows(n int) string {
	return strings.ReplaceAll(manyRows(n), "note ", strings.Repeat("note ", 60))
}

func TestRealFiles(t *testing.T) {
	for _, c := range []struct {
		name       string
		files      string
		columns    Columns
		rows, keys int
		notes      string
	}{
		{"nab", "nab/*.csv", Columns{Map: []string{"timestamp=ts"}, DeviceFromFilename: "device"}, 152_965, 152_918, ""},
		{"occupancy", "occupancy/data*.txt", Columns{Map: []string{"date=ts", "temperature=value"}, Set: []string{"device=room 1"}, IgnoreUnknown: true},
			20_560, 20_560, "row numbers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			y := newTry(t, nil)
			y.options.Columns = c.columns
			pattern, err := filepath.Abs("../testdata/readings/" + c.files)
			if err != nil {
				t.Fatal(err)
			}
			r := y.mustRun(pattern)
			if int(r.Rows) != c.rows || y.stub.rowsSent != c.rows || len(y.stub.rows) != c.keys || r.Rejected != 0 {
				t.Errorf("%+v; the server has %d rows of %d keys, want %d of %d", r, y.stub.rowsSent, len(y.stub.rows), c.rows, c.keys)
			}
			if !strings.Contains(y.notes.String(), c.notes) || y.read("t.bad") != "(none)" || y.read("t.checkpoint") != "(none)" {
				t.Errorf("notes %q, bad %q, checkpoint %q", y.notes.String(), y.read("t.bad"), y.read("t.checkpoint"))
			}
			if !y.stub.timestamps[testTime.UnixMicro()] || len(y.stub.timestamps) != 1 {
				t.Errorf("write timestamps %v", y.stub.timestamps)
			}
		})
	}
}

func TestRejectsGoUnchangedToTheirFile(t *testing.T) {
	y := newTry(t, map[string]string{"in.csv": "\xEF\xBB\xBFdevice,ts,value,note\r\n" +
		"a,2024-01-01,1,ok\r\n" +
		"a,soon,1,ok\r\n" +
		"\"x\ny\",2024-01-01,abc,\"two\nlines\"\r\n" +
		",2024-01-01,1,no key\n" +
		"a,2024-01-02,1\n" +
		"\n" +
		"a,2024-01-03,,unset"})
	r := y.mustRun("in.csv")
	in := y.path("in.csv")
	wantErr := in + ":3: ts: \"soon\" is not a timestamp\n" + in + ":4: value: \"abc\" is not a double\n" +
		in + ":7: device: a key column is empty\n" + in + ":8: record: 3 fields where 4 are expected\n"
	wantBad := "a,soon,1,ok\r\n\"x\ny\",2024-01-01,abc,\"two\nlines\"\r\n,2024-01-01,1,no key\na,2024-01-02,1\n"
	if r.Rows != 2 || r.Rejected != 4 || y.read("t.err") != wantErr || y.read("t.bad") != wantBad {
		t.Errorf("%+v\nerr:\n%s\nbad:\n%q", r, y.read("t.err"), y.read("t.bad"))
	}
	for key, row := range y.stub.rows {
		if _, has := row["value"]; has != (row["note"] == "ok") {
			t.Errorf("%s: %q", key, row)
		}
	}
}

func TestTooManyErrors(t *testing.T) {
	text := "device,ts,value\na,1,1\na,x,1\na,y,1\na,2,2\n"
	for limit, want := range map[string]error{"2": nil, "1": ErrTooManyErrors, "0": ErrTooManyErrors, "50%": nil, "49%": ErrTooManyErrors, "100%": nil} {
		y := newTry(t, map[string]string{"in.csv": text})
		y.options.Errors.Max = limit
		r, err := y.run(t.Context(), "in.csv")
		if !errors.Is(err, want) || r.Rejected != 2 || y.read("t.checkpoint") != "(none)" {
			t.Errorf("--max-errors %s: %+v, %v", limit, r, err)
		}
	}
}

// A load that is given up has on record what it counted, once.
func TestGivenUpInTheMiddle(t *testing.T) {
	y := newTry(t, map[string]string{"in.csv": strings.ReplaceAll(longRows(20_000), "d3,", ",")})
	r, err := y.run(t.Context(), "in.csv")
	lines := strings.Count(y.read("t.err"), "\n")
	if !errors.Is(err, ErrTooManyErrors) || r.Rejected <= 100 || r.Rejected > 1000 || int64(lines) != r.Rejected || strings.Count(y.read("t.bad"), "\n") != lines {
		t.Errorf("%+v, %v; %d lines in t.err", r, err, lines)
	}
	if y.read("t.checkpoint") != "(none)" {
		t.Error("the checkpoint is still there")
	}
}

// A bucket column that the server fills need not be in the file, with or without a header.
func TestFilledColumn(t *testing.T) {
	for name, text := range map[string]string{"header.csv": "ts,value,note\n2024-01-01,1,x\n2024-01-02,2,y\n", "plain.csv": "2024-01-01,x,1\n2024-01-02,y,2\n"} {
		y := newTry(t, map[string]string{name: text})
		y.options.Format.NoHeader = name == "plain.csv"
		if _, err := y.run(t.Context(), name); err == nil {
			t.Errorf("%s: loaded without its key", name)
		}
		y = newTry(t, map[string]string{name: text})
		y.options.Format.NoHeader = name == "plain.csv"
		y.stub.bucket = "{'as': 'device', 'column': 'ts', 'size': '1d'}"
		if r := y.mustRun(name); r.Rows != 2 || len(y.stub.rows) != 2 {
			t.Errorf("%s: %+v, %v, %s", name, r, y.stub.rows, y.read("t.err"))
		}
	}
}

// What the server refuses is found row by row.
func TestServerRefusesOneRow(t *testing.T) {
	y := newTry(t, map[string]string{"in.csv": manyRows(50)})
	y.stub.answer = func(_ int, m *wire.Batch) stubAnswer {
		for _, e := range m.Entries {
			if string(e.Values[3].Bytes) == "note 17" {
				return stubAnswer{code: wire.CodeInvalid, text: "not this one"}
			}
		}
		return stubAnswer{}
	}
	r := y.mustRun("in.csv")
	if r.Rows != 49 || r.Rejected != 1 || y.read("t.err") != y.path("in.csv")+":19: record: server: not this one\n" {
		t.Errorf("%+v, %s", r, y.read("t.err"))
	}
}

// A busy server, lost connections and forgotten statements lose no row.
func TestTroubleOnTheWay(t *testing.T) {
	y := newTry(t, map[string]string{"in.csv": manyRows(5000)})
	y.options.Sending = Sending{BatchRows: 50}
	y.stub.forgets = 1
	y.stub.answer = func(number int, _ *wire.Batch) stubAnswer {
		switch {
		case number%40 == 0:
			return stubAnswer{hang: true}
		case number%3 == 0:
			return stubAnswer{code: wire.CodeOverloaded, text: "later"}
		}
		return stubAnswer{}
	}
	if r := y.mustRun("in.csv"); r.Rows != 5000 || len(y.stub.rows) != 5000 {
		t.Errorf("%+v; the server has %d", r, len(y.stub.rows))
	}
}

func TestServerGone(t *testing.T) {
	y := newTry(t, map[string]string{"in.csv": manyRows(5000)})
	y.options.Sending = Sending{BatchRows: 50, Connections: 1, InFlight: 1}
	y.stub.answer = func(number int, _ *wire.Batch) stubAnswer {
		if number == 5 {
			_ = y.stub.listener.Close()
			return stubAnswer{hang: true}
		}
		return stubAnswer{}
	}
	_, err := y.run(t.Context(), "in.csv")
	if err == nil || !strings.Contains(err.Error(), "connect to") || errors.Is(err, ErrInterrupted) {
		t.Errorf("error %v", err)
	}
}

// A load that is interrupted and started again stores the same as one that is not, with one write timestamp, and sends
// little twice.
func TestResume(t *testing.T) {
	text := longRows(20_000)
	text = strings.Replace(text, "d3,10,", "d3,bad,", 1)
	text = strings.Replace(text, "d2,19994,", "d2,bad,", 1)
	whole := newTry(t, map[string]string{"in.csv": text, "last.csv": "device,ts\nz,1\n"})
	whole.mustRun("in.csv", "last.csv")

	y := newTry(t, map[string]string{"in.csv": text, "last.csv": "device,ts\nz,1\n"})
	ctx, interrupt := context.WithCancel(t.Context())
	y.stub.answer = func(number int, _ *wire.Batch) stubAnswer {
		if number == 60 {
			interrupt()
		}
		return stubAnswer{}
	}
	first, err := y.run(ctx, "in.csv", "last.csv")
	if !errors.Is(err, ErrInterrupted) || first.Rows == 0 || first.Rows >= 19_999 {
		t.Fatalf("%+v, %v", first, err)
	}
	y.stub.answer = nil
	y.options.Clock = clock.NewManual(testTime.Add(time.Hour))
	second := y.mustRun("in.csv", "last.csv")
	if second.Rows != 19_999 || second.Resumed != first.Rows || second.Rejected != 2 {
		t.Errorf("second run: %+v after %+v", second, first)
	}
	if !maps.EqualFunc(y.stub.rows, whole.stub.rows, maps.Equal) || len(y.stub.timestamps) != 1 {
		t.Errorf("%d rows, want %d; timestamps %v", len(y.stub.rows), len(whole.stub.rows), y.stub.timestamps)
	}
	if y.read("t.bad") != whole.read("t.bad") || strings.ReplaceAll(y.read("t.err"), y.dir, "") != strings.ReplaceAll(whole.read("t.err"), whole.dir, "") {
		t.Errorf("rejects\n%s%s, want\n%s%s", y.read("t.bad"), y.read("t.err"), whole.read("t.bad"), whole.read("t.err"))
	}
	if y.read("t.checkpoint") != "(none)" {
		t.Error("the checkpoint is still there")
	}
}

func TestCheckpointOfAnotherLoad(t *testing.T) {
	y := newTry(t, map[string]string{"in.csv": longRows(20_000)})
	ctx, interrupt := context.WithCancel(t.Context())
	y.stub.answer = func(number int, _ *wire.Batch) stubAnswer {
		if number == 60 {
			interrupt()
		}
		return stubAnswer{}
	}
	if _, err := y.run(ctx, "in.csv"); !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	refused := func(want string) {
		t.Helper()
		if _, err := y.run(t.Context(), "in.csv"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want …%s…", err, want)
		}
	}
	y.options.Format.NullIsDelete = true
	refused("other options")
	y.options.Format.NullIsDelete = false
	y.write("in.csv", longRows(20_001))
	refused("in.csv has changed since the load began")
	y.write("t.checkpoint", `{"version": 2}`)
	refused("version 2 is not known")
}

func TestCompressedAndStandardInput(t *testing.T) {
	text := manyRows(20_000)
	var gz, zst bytes.Buffer
	g := gzip.NewWriter(&gz)
	_, _ = io.WriteString(g, text)
	_ = g.Close()
	z, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	for _, name := range []string{"in.csv.gz", "in.csv.zst", "-"} {
		y := newTry(t, map[string]string{"in.csv.gz": gz.String(), "in.csv.zst": zst.String()})
		y.options.Streams.In = strings.NewReader(text)
		if r := y.mustRun(name); r.Rows != 20_000 || len(y.stub.rows) != 20_000 {
			t.Errorf("%s: %+v; the server has %d", name, r, len(y.stub.rows))
		}
	}
}

// Rows of one partition travel together even if they come in turns.
func TestGrouping(t *testing.T) {
	y := newTry(t, map[string]string{"in.csv": manyRows(1400)})
	y.options.Sending.BatchRows = 200
	y.mustRun("in.csv")
	if y.stub.batches != 7 || y.stub.mixed != 0 {
		t.Errorf("%d batches, %d of them of several partitions", y.stub.batches, y.stub.mixed)
	}
}

func TestNothingIsSentBeforeAllFilesAreUnderstood(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"device,ts,colour\na,1,red\n", `has no column "colour"`},
		{"device,value\na,1\n", "key column ts of ks.t is missing"},
		{"device,ts,TS\na,1,1\n", "column ts is given twice"},
	} {
		y := newTry(t, map[string]string{"good.csv": manyRows(10), "in.csv": c.text})
		if _, err := y.run(t.Context(), "good.csv", "in.csv"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want …%s…", c.text, err, c.want)
		}
		if y.stub.batches != 0 {
			t.Errorf("%q: %d batches were sent", c.text, y.stub.batches)
		}
	}
	for target, want := range map[string]string{"ks.u": "table ks.u does not exist", "other.t": "keyspace other does not exist", "t": "must be KEYSPACE.TABLE"} {
		y := newTry(t, map[string]string{"in.csv": manyRows(10)})
		y.options.Target = target
		if _, err := y.run(t.Context(), "in.csv"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want …%s…", target, err, want)
		}
	}
	y := newTry(t, map[string]string{"t.bad": manyRows(10)})
	if _, err := y.run(t.Context(), "t.bad"); err == nil || !strings.Contains(err.Error(), "is where rejected records are written") {
		t.Errorf("loading t.bad: %v", err)
	}
}

func TestHeaders(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		format  Format
		columns Columns
	}{
		"any case, quotes":  {"Device,\"TS\",Value\na,1,2\n", Format{}, Columns{}},
		"row numbers":       {"device,ts,value\n1,a,1,2\n", Format{}, Columns{}},
		"unnamed index":     {",device,ts,value\n0,a,1,2\n", Format{}, Columns{}},
		"none":              {"a,1,2,\n", Format{NoHeader: true}, Columns{Map: []string{"1=device", "2=ts", "3=value"}}},
		"none, in order":    {"a,1,,2\n", Format{NoHeader: true}, Columns{}},
		"semicolons":        {"device;ts;value\na;1;2\n", Format{Delimiter: ';'}, Columns{}},
		"unknown, ignored":  {"device,ts,value,colour\na,1,2,red\n", Format{}, Columns{IgnoreUnknown: true}},
		"constants, mapped": {"when,v\n1,2\n", Format{}, Columns{Map: []string{"when=ts", "v=value"}, Set: []string{"device=a"}}},
	} {
		y := newTry(t, map[string]string{"in.csv": c.text})
		y.options.Format, y.options.Columns = c.format, c.columns
		if _, err := y.run(t.Context(), "in.csv"); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		row := y.stub.rows["a 1"]
		if len(row) != 3 || row["value"] != "\x40\x00\x00\x00\x00\x00\x00\x00" {
			t.Errorf("%s: %q", name, y.stub.rows)
		}
	}
}

func TestDryRunSendsNothing(t *testing.T) {
	y := newTry(t, map[string]string{"in.csv": "device,ts,value,note\na,2024-01-01,1.5,\na,x,1,\n"})
	y.options.DryRun = true
	r := y.mustRun("in.csv")
	if y.stub.batches != 0 || r.Rows != 1 || r.Rejected != 1 || y.read("t.checkpoint") != "(none)" || y.read("t.bad") != "(none)" {
		t.Errorf("%+v, %d batches", r, y.stub.batches)
	}
	if out := y.out.String(); !strings.Contains(out, "2024-01-01 00:00:00.000000+0000") || !strings.Contains(out, "(unset)") {
		t.Errorf("output:\n%s", out)
	}
	if !strings.Contains(y.notes.String(), "in.csv:3: ts: ") {
		t.Errorf("notes: %s", y.notes.String())
	}
}
