// Package ingest loads files of rows into a table of a running server. It knows CSV, how texts become values of the
// table's columns, which rows were refused, and where an interrupted load goes on. It speaks to the server as any other
// client: it does not know the store, and it makes no table.
package ingest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/internal/clock"
)

var (
	// ErrTooManyErrors ends a load that rejected more rows than Options.MaxErrors allows.
	ErrTooManyErrors = errors.New("too many errors")
	// ErrInterrupted ends a load whose context was cancelled; started again, it goes on.
	ErrInterrupted = errors.New("interrupted")
)

const (
	connectionsDefault = 2
	connectionsMax     = 64
	inFlightDefault    = 8
	inFlightMax        = 1024
	batchRowsDefault   = 200
	batchRowsMax       = 5000
	batchBytesMax      = 64 << 10 // of values; a row that is longer goes alone
	errorsDefault      = "100"
	ttlSecondsMax      = 630_720_000 // 20 years, as Cassandra
)

// Options say what to load, from where, and how. Server, Target and Files are needed.
type Options struct {
	// Server is where to load into, and how to reach it; InFlight is that of Sending.
	Server client.Options
	// Target is keyspace.table. Names are in lower case unless they stand in double quotes.
	Target string
	// Files are paths, patterns, or "-" for Stdin. Names ending in .gz and .zst are compressed.
	Files []string
	// Format says how the text is read.
	Format Format
	// Columns says which field goes where.
	Columns Columns
	// Sending says how rows travel.
	Sending Sending
	// Errors says what becomes of rows that cannot be loaded.
	Errors Errors
	// Checkpoint is the file from which an interrupted load goes on. Default <table>.checkpoint in the working directory.
	Checkpoint string
	// DryRun prints the first rows as they would be stored, and sends nothing.
	DryRun bool
	// Streams are where texts come from and go to.
	Streams Streams
	// Clock is the time of day. Default the machine's.
	Clock clock.Clock
}

// Format says how the text is read.
type Format struct {
	// Delimiter stands between fields. Default a comma.
	Delimiter byte
	// NoHeader tells that the first line is a row already. Fields are then the table's columns in their order, or
	// what Columns.Map says of their numbers, from 1.
	NoHeader bool
	// TimeFormat of timestamp columns: "iso" (also Cassandra's formats and numbers), "unix" (numbers), a layout of
	// Go, or a strftime pattern. Default iso.
	TimeFormat string
	// TimeUnit of timestamps that are numbers: s, ms, us or ns. Default ms.
	TimeUnit string
	// Zone is the time zone of timestamps that name none. Default UTC.
	Zone string
	// NullIsDelete makes an empty field null, which deletes. Default is unset, which changes nothing.
	NullIsDelete bool
}

// Columns says which field goes where.
type Columns struct {
	// Map has entries "field=column". Fields it does not name go to the column of their name in the header.
	Map []string
	// Set has entries "column=value": the same for every row.
	Set []string
	// DeviceFromFilename is the column that gets the file's name without folder and extension. Default none.
	DeviceFromFilename string
	// IgnoreUnknown leaves out fields that are no column. Default is an error.
	IgnoreUnknown bool
}

// Sending says how rows travel.
type Sending struct {
	// Connections to the server. Default 2.
	Connections int
	// InFlight is how many batches a connection has under way. Default 8.
	InFlight int
	// BatchRows is the most rows of a batch. Default 200.
	BatchRows int
	// Timestamp is the write timestamp of all rows in microseconds. Default the time when the load began, which 0 means.
	Timestamp int64
	// TTL of all rows in seconds. Default, and 0, is the table's.
	TTL int
}

// Errors says what becomes of rows that cannot be loaded.
type Errors struct {
	// Max is how many rows may be rejected, as a number or as a share like "1%". Default 100.
	Max string
	// Dir is where <table>.bad and <table>.err are written. Default the working directory.
	Dir string
}

// Streams are where texts come from and go to. They default to the process's own.
type Streams struct {
	In  io.Reader // what "-" reads
	Out io.Writer // rows of a dry run
	Err io.Writer // notes and progress
}

// Report is what a load did.
type Report struct {
	Rows     int64 // acknowledged, those of earlier runs of the load included
	Resumed  int64 // of them, acknowledged in earlier runs
	Rejected int64 // those of earlier runs included
	Files    int
	Elapsed  time.Duration // of this run
}

// RowsPerSecond is the speed of this run.
func (r Report) RowsPerSecond() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Rows-r.Resumed) / r.Elapsed.Seconds()
}

// String is the last line of a load.
func (r Report) String() string {
	return fmt.Sprintf("loaded %d rows (%d rejected) from %d %s in %.1f s, %.0f rows/s",
		r.Rows, r.Rejected, r.Files, plural(r.Files, "file"), r.Elapsed.Seconds(), r.RowsPerSecond())
}

func plural(n int, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

func (o Options) withDefaults() (Options, error) {
	if o.Format.Delimiter == 0 {
		o.Format.Delimiter = ','
	}
	if c := o.Format.Delimiter; c == '"' || c == '\n' || c == '\r' || c >= 0x80 {
		return o, fmt.Errorf("delimiter %q: must be one ASCII character that is no quote and no line end", string(rune(c)))
	}
	for _, n := range []struct {
		name               string
		value              *int
		otherwise, largest int
	}{
		{"connections", &o.Sending.Connections, connectionsDefault, connectionsMax},
		{"batches in flight", &o.Sending.InFlight, inFlightDefault, inFlightMax},
		{"rows a batch", &o.Sending.BatchRows, batchRowsDefault, batchRowsMax},
	} {
		if *n.value == 0 {
			*n.value = n.otherwise
		}
		if *n.value < 1 || *n.value > n.largest {
			return o, fmt.Errorf("%d %s: must be between 1 and %d", *n.value, n.name, n.largest)
		}
	}
	if o.Sending.TTL < 0 || o.Sending.TTL > ttlSecondsMax {
		return o, fmt.Errorf("TTL of %d s: must be between 0 and %d", o.Sending.TTL, ttlSecondsMax)
	}
	if len(o.Files) == 0 {
		return o, errors.New("no files to load")
	}
	o.Streams = o.Streams.withDefaults()
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	return o, nil
}

func (s Streams) withDefaults() Streams {
	if s.In == nil {
		s.In = os.Stdin
	}
	if s.Out == nil {
		s.Out = os.Stdout
	}
	if s.Err == nil {
		s.Err = os.Stderr
	}
	return s
}

// percentRowsMin is how many rows must be known before a share of them can end a load.
const percentRowsMin = 10_000

// limit is how many rows may be rejected.
type limit struct {
	count   int64
	percent float64 // counts if isShare
	isShare bool
}

func parseLimit(text string) (limit, error) {
	if text == "" {
		text = errorsDefault
	}
	if share, ok := strings.CutSuffix(text, "%"); ok {
		p, err := strconv.ParseFloat(share, 64)
		if err != nil || !(p >= 0 && p <= 100) {
			return limit{}, fmt.Errorf("maximum of errors %q: a share is between 0%% and 100%%", text)
		}
		return limit{percent: p, isShare: true}, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return limit{}, fmt.Errorf("maximum of errors %q: must be a number like 100 or a share like 1%%", text)
	}
	return limit{count: n}, nil
}

// exceeded tells whether rejected of seen rows are too many. atEnd is true when all rows are known.
func (l limit) exceeded(rejected, seen int64, atEnd bool) bool {
	if !l.isShare {
		return rejected > l.count
	}
	return (atEnd || seen >= percentRowsMin) && float64(rejected)*100 > l.percent*float64(seen)
}
