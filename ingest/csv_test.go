package ingest

import (
	"bytes"
	"context"
	"encoding/csv"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// scanAll reads text as records of copied fields.
func scanAll(text []byte) (records [][]string, faults int) {
	s := scanner{delimiter: ','}
	s.reset(text)
	for s.next() {
		var fields []string
		for _, f := range s.fields {
			fields = append(fields, string(f))
		}
		records = append(records, fields)
		if s.fault != "" {
			faults++
		}
	}
	return records, faults
}

// drawText writes random records as CSV in a random style, and returns them.
func drawText(t *rapid.T) (text []byte, records [][]string) {
	field := rapid.StringOfN(rapid.SampledFrom([]rune("ab,\"\n é'")), 0, 6, -1)
	records = rapid.SliceOfN(rapid.SliceOfN(field, 1, 4), 0, 8).Draw(t, "records")
	end := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "line end")
	for r, fields := range records {
		for i, f := range fields {
			if i > 0 {
				text = append(text, ',')
			}
			mustQuote := strings.ContainsAny(f, ",\"\n") || len(fields) == 1 && f == ""
			if mustQuote || rapid.Bool().Draw(t, "quoted") {
				f = `"` + strings.ReplaceAll(f, `"`, `""`) + `"`
			}
			text = append(text, f...)
		}
		if r < len(records)-1 || rapid.Bool().Draw(t, "final line end") {
			text = append(text, end...)
		}
	}
	return text, records
}

func equalRecords(a, b [][]string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if strings.Join(a[i], "\x00") != strings.Join(b[i], "\x00") || len(a[i]) != len(b[i]) {
			return false
		}
	}
	return true
}

func TestScannerReadsWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, records := drawText(t)
		got, faults := scanAll(text)
		if !equalRecords(got, records) || faults > 0 {
			t.Fatalf("text %q\nrecords %q\nread as %q, %d faults", text, records, got, faults)
		}
	})
}

// Whatever encoding/csv accepts is read alike, but that it makes CRLF inside quotes LF.
func TestScannerAgreesWithTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(rapid.StringOfN(rapid.SampledFrom([]rune("ab,,\"\"\"\n\n\r")), 0, 24, -1).Draw(t, "text"))
		checkAgainstLibrary(t, text)
	})
}

type failer interface {
	Fatalf(format string, args ...any)
}

func checkAgainstLibrary(t failer, text []byte) {
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord = -1
	want, err := r.ReadAll()
	got, faults := scanAll(text)
	if err != nil {
		return
	}
	for i := range got {
		for j := range got[i] {
			got[i][j] = strings.ReplaceAll(got[i][j], "\r\n", "\n")
		}
	}
	if faults > 0 || !equalRecords(got, want) {
		t.Fatalf("text %q: read as %q (%d faults), encoding/csv reads %q", text, got, faults, want)
	}
}

func FuzzScanner(f *testing.F) {
	for _, seed := range []string{"", "a,b\n1,2", "\"a\"\"b\",\"x\ny\"\r\n", "\"open", "\"a\"b,c\n", "\n\r\n,", "a\rb,\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		checkAgainstLibrary(t, text)
		s := scanner{delimiter: ','}
		s.reset(text)
		at := 0
		for s.next() {
			if s.from < at || s.at <= s.from || bytes.Count(text[:s.from], newline) != s.recordLine {
				t.Fatalf("text %q: record at %d…%d, line %d, behind %d", text, s.from, s.at, s.recordLine, at)
			}
			at = s.at
		}
		if s.at != len(text) || s.line < bytes.Count(text, newline) {
			t.Fatalf("text %q: ends at byte %d, line %d", text, s.at, s.line)
		}
	})
}

// Where a text is cut never changes its records.
func TestPiecesHaveTheRecordsOfTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, records := drawText(t)
		step := rapid.IntRange(1, 7).Draw(t, "step")
		var got [][]string
		for rest := text; len(rest) > 0; {
			n := min(step, len(rest))
			for n < len(rest) && recordsEnd(rest[:n], ',') == 0 {
				n++
			}
			if end := recordsEnd(rest[:n], ','); n < len(rest) {
				n = end
			}
			piece, _ := scanAll(rest[:n])
			got, rest = append(got, piece...), rest[n:]
		}
		if !equalRecords(got, records) {
			t.Fatalf("text %q in pieces of %d: %q, want %q", text, step, got, records)
		}
	})
}

func TestMalformedRecords(t *testing.T) {
	for text, want := range map[string]string{
		"\"a\"b,c\n1,2\n": faultAfterQuote,
		"1,\"open\n2,3\n": faultOpenQuote,
	} {
		s := scanner{delimiter: ','}
		s.reset([]byte(text))
		if !s.next() || s.fault != want {
			t.Errorf("%q: fault %q, want %q", text, s.fault, want)
		}
	}
}

func TestARecordLongerThanAChunk(t *testing.T) {
	long := `"` + strings.Repeat("x\n", chunkBytes) + `"`
	body := "a,b\n" + long + ",1\nc,d\n"
	x := &text{path: "long", delimiter: ',', decoded: strings.NewReader(body)}
	var got []byte
	for {
		piece, err := x.next(nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(piece) == 0 {
			break
		}
		if records, faults := scanAll(piece); len(records) == 0 || faults > 0 {
			t.Fatalf("a piece of %d bytes has %d records, %d faults", len(piece), len(records), faults)
		}
		got = append(got, piece...)
	}
	if string(got) != body {
		t.Fatalf("%d bytes of %d came through", len(got), len(body))
	}
	x = &text{path: "endless", delimiter: ',', decoded: strings.NewReader(`"` + strings.Repeat("x", 2*recordBytesMax))}
	if _, err := x.next(nil); err == nil || !strings.Contains(err.Error(), "quote") {
		t.Fatalf("an endless record: %v", err)
	}
}

func TestStreamEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	from, to := io.Pipe()
	s := newStream(ctx, from)
	go func() { _, _ = to.Write([]byte("hello")) }()
	b := make([]byte, 3)
	if n, err := io.ReadFull(s, b); err != nil || string(b[:n]) != "hel" {
		t.Fatalf("read %q, %v", b[:n], err)
	}
	cancel()
	if _, err := io.ReadAll(s); err != nil && err != context.Canceled {
		t.Fatal(err)
	}
	_ = to.Close()
}
