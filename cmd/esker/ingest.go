package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/eskerdb/esker/ingest"
	"github.com/eskerdb/esker/internal/clock"
)

// Exit codes of ingest, as dsbulk's.
const (
	exitSomeRejected  = 1
	exitTooManyErrors = 2
	exitFatal         = 3
	exitInterrupted   = 4
)

const ingestLong = `Loads CSV files into a table that exists. Types are the table's; fields go to the column of their name in the header,
or where --map says. Names ending in .gz or .zst are decompressed; - is the standard input.

Empty fields change nothing (--null-is-delete: they delete). Rows that cannot be loaded go unchanged to TABLE.bad, with
file, line, column and reason in TABLE.err.

All rows have one write timestamp, the time when the load began. Two rows of the same key are therefore resolved as
Cassandra does for equal timestamps: column by column the larger value wins, whatever the order they come in. (With
--ttl the one that ends later wins.)

A load that was interrupted goes on where it was when it is started again with the same files and options: TABLE.checkpoint
in the working directory says where, and what is sent twice is stored once.

Exit codes: 0 all rows loaded, 1 some rejected, 2 given up because too many were, 3 fatal, 4 interrupted.`

const ingestExample = `  esker ingest iot.readings readings.csv
  esker ingest --device-from-filename device --map 'timestamp=ts' iot.readings 'sensors/*.csv.gz'
  zcat dump.gz | esker ingest --header=false --time-format unix --time-unit s iot.readings -`

func newIngestCommand() *cobra.Command {
	var o ingest.Options
	var reach access
	var delimiter string
	header := true
	c := &cobra.Command{
		Use:     "ingest [flags] KEYSPACE.TABLE FILE… | -",
		Short:   "Load CSV files into a table",
		Long:    ingestLong,
		Example: ingestExample,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return fatal(errors.New("ingest: want KEYSPACE.TABLE and at least one FILE, or - for the standard input"))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if o.Server, err = reach.options(); err != nil {
				return fatal(err)
			}
			o.Target, o.Files = args[0], args[1:]
			o.Format.NoHeader = !header
			if o.Format.Delimiter, err = delimiterOf(delimiter); err != nil {
				return fatal(err)
			}
			return runIngest(c.Context(), o)
		},
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fatal(err) })
	f := c.Flags()
	reach.addFlags(c)
	f.StringVar(&delimiter, "delimiter", ",", `character between fields; \t or tab for a tabulator`)
	f.BoolVar(&header, "header", true, "the first line names the fields; without, they are the table's columns in their order")
	f.StringVar(&o.Format.TimeFormat, "time-format", "iso", "timestamps: iso (and Cassandra's formats), unix, a Go layout, or a strftime pattern")
	f.StringVar(&o.Format.TimeUnit, "time-unit", "ms", "unit of timestamps that are numbers: s, ms, us, ns")
	f.StringVar(&o.Format.Zone, "tz", "UTC", "time zone of timestamps that name none")
	f.BoolVar(&o.Format.NullIsDelete, "null-is-delete", false, "an empty field deletes what is stored")
	f.StringSliceVar(&o.Columns.Map, "map", nil, "`FIELD=COLUMN,…`: where fields go; without a header fields are numbers from 1")
	f.StringArrayVar(&o.Columns.Set, "set", nil, "`COLUMN=VALUE` for every row; may be repeated")
	f.StringVar(&o.Columns.DeviceFromFilename, "device-from-filename", "", "`COLUMN` that gets the file's name without folder and extension")
	f.BoolVar(&o.Columns.IgnoreUnknown, "ignore-unknown", false, "leave out fields that are no column")
	f.IntVar(&o.Sending.Connections, "connections", 2, "connections to the server")
	f.IntVar(&o.Sending.InFlight, "in-flight", 8, "batches under way on each connection")
	f.IntVar(&o.Sending.BatchRows, "batch-rows", 200, "most rows of a batch")
	f.Int64Var(&o.Sending.Timestamp, "timestamp", 0, "write timestamp of all rows in `MICROSECONDS` (default now)")
	f.IntVar(&o.Sending.TTL, "ttl", 0, "`SECONDS` after which the rows expire (default the table's)")
	f.StringVar(&o.Errors.Max, "max-errors", "100", "give up after so many rejected rows, a number or a share like 1%")
	f.StringVar(&o.Errors.Dir, "bad-dir", "", "`FOLDER` of TABLE.bad and TABLE.err (default the working directory)")
	f.StringVar(&o.Checkpoint, "checkpoint", "", "`FILE` from which an interrupted load goes on (default TABLE.checkpoint)")
	f.BoolVar(&o.DryRun, "dry-run", false, "print the first rows as they would be stored, and send nothing")
	f.SortFlags = false
	return c
}

func delimiterOf(text string) (byte, error) {
	switch {
	case text == `\t` || text == "tab":
		return '\t', nil
	case len(text) != 1:
		return 0, fmt.Errorf("--delimiter %q: must be one ASCII character", text)
	}
	return text[0], nil
}

// runIngest loads until done or told to stop. A second signal ends the program at once.
func runIngest(ctx context.Context, o ingest.Options) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	o.Clock = clock.System{}
	report, err := ingest.Run(ctx, o)
	if !o.DryRun && report.Files > 0 {
		fmt.Fprintln(os.Stderr, report)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "esker:", err)
	}
	if code := ingestExit(report, err); code != 0 {
		return exitCode(code)
	}
	return nil
}

func ingestExit(report ingest.Report, err error) int {
	switch {
	case errors.Is(err, ingest.ErrInterrupted):
		return exitInterrupted
	case errors.Is(err, ingest.ErrTooManyErrors):
		return exitTooManyErrors
	case err != nil:
		return exitFatal
	case report.Rejected > 0:
		return exitSomeRejected
	}
	return 0
}

// fatal says why and ends ingest with the code of what cannot go on.
func fatal(err error) error {
	fmt.Fprintln(os.Stderr, "esker:", err)
	return exitCode(exitFatal)
}
