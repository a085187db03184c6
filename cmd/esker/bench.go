package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eskerdb/esker/bench"
	"github.com/eskerdb/esker/internal/clock"
)

func newBenchCommand() *cobra.Command {
	c := &cobra.Command{Use: "bench", Short: "Measure esker on this machine"}
	c.AddCommand(newBenchRunCommand())
	for i := range embeddedBenches {
		c.AddCommand(embeddedBenches[i].command())
	}
	c.AddCommand(newBenchStoreCommand(), newBenchCompareCommand())
	return c
}

func newBenchStoreCommand() *cobra.Command {
	o := bench.Options{Clock: clock.System{}, Version: buildVersion() + " " + buildCommit()}
	var output, into string
	c := &cobra.Command{
		Use:   "store",
		Short: "Measure single operations of the store: encodings, memtable, merge, commit log",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := checkFormat(output); err != nil {
				return err
			}
			report, err := bench.RunStore(o)
			if err != nil {
				return err
			}
			return writeReport(report, output, into, "store")
		},
	}
	f := c.Flags()
	f.Uint64Var(&o.Seed, "seed", 1, "of the readings")
	f.StringVar(&o.Dir, "dir", "", "where the log is made and removed (default: the temporary directory)")
	outputFlags(c, &output, &into, "store")
	f.SortFlags = false
	return c
}

// outputFlags say where a report goes and in which form; place is its name in documents.
func outputFlags(c *cobra.Command, output, into *string, place string) {
	f := c.Flags()
	f.StringVar(output, "output", bench.Formats[0], strings.Join(bench.Formats, ", "))
	f.StringVar(into, "into", "", "`FILE` that gets the report as markdown, between <!-- begin "+place+" --> and <!-- end "+place+" -->")
}

func newBenchCompareCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "compare BEFORE.json AFTER.json",
		Short: "Print the ratios of two runs written with --output json, marking what differs by more than a tenth",
		Args:  cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, names []string) error {
			var reports [2]*bench.Report
			for i, name := range names {
				var err error
				if reports[i], err = readReport(name); err != nil {
					return err
				}
			}
			changes := bench.Compare(reports[0], reports[1])
			if len(changes) == 0 {
				return fmt.Errorf("%s and %s have nothing of one name and size in common", names[0], names[1])
			}
			return bench.WriteChanges(os.Stdout, changes)
		},
	}
}

func readReport(name string) (*bench.Report, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := bench.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// What --quick makes of the sizes.
const (
	quickTicks    = bench.DayTicks / 10 // readings of each device
	quickSingles  = 200_000             // rows written one by one
	quickLiterals = 50_000              // rows written as texts
)

const benchRunLong = `Loads the standard workload into a store in this process, reads it back and prints what that cost: speed, bytes,
processor time, memory. With --over tcp it is loaded, in its first shape, through CQL into a server of its own process, or into
one that runs already (--server HOST:PORT), where the keyspace ` + bench.Keyspace + ` is lost; with --over both, one after the other.
That server may be a Cassandra (--peer NAME): the same client and the same rows, for a comparison.

A speed counts only when a sample of what was loaded reads back right; else the command fails.`

// benchRun are the flags of `esker bench run`.
type benchRun struct {
	options bench.Options
	tcp     bench.TCPOptions
	reach   access // to a server that runs
	shapes  string
	memory  string
	quick   bool
	over    string
	peer    string
	output  string
	into    string
	profile string
}

// overWays are the ways in which the workload gets into a store.
var overWays = []string{"process", "tcp", "both"}

func newBenchRunCommand() *cobra.Command {
	b := &benchRun{options: bench.Options{Clock: clock.System{}, Version: buildVersion() + " " + buildCommit()}}
	c := &cobra.Command{
		Use:   "run",
		Short: "Load the standard workload, read it back, print what that cost",
		Long:  benchRunLong,
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return b.run(c.Context()) },
	}
	o, f := &b.options, c.Flags()
	f.StringVar(&b.shapes, "shape", string(bench.Regular), "of the readings: regular, jitter, sparse, wide, some of them with commas between, or all")
	f.BoolVar(&b.quick, "quick", false, "a tenth of a day instead of a day")
	f.IntVar(&o.Devices, "devices", 2000, "how many devices report")
	f.IntVar(&o.Ticks, "readings", bench.DayTicks, "of each device, every ten seconds")
	f.IntVar(&o.Group, "group", 500, "rows an atomic write")
	f.IntVar(&o.Writers, "writers", 2, "goroutines that write")
	f.IntVar(&o.Reads, "reads", 2000, "reads a measurement")
	f.BoolVar(&o.RowTimestamps, "row-timestamps", false, "a write timestamp of its own for every row instead of one for an atomic write")
	f.StringVar(&b.memory, "memory", "256MiB", "what the store may take, as `SIZE`")
	f.StringVar(&b.over, "over", overWays[0], strings.Join(overWays, ", ")+": into a store in this process, through CQL into a server, one after the other")
	f.StringVar(&b.tcp.Addr, "server", "", "`HOST:PORT` of a server that runs, for --over tcp; default: one is started")
	f.StringVar(&b.peer, "peer", "", "`NAME` of the store that the server is, if it is not esker: what only esker has is left out")
	f.IntVar(&b.tcp.PID, "server-pid", 0, "process `ID` of that server, to tell its processor time")
	f.Uint64Var(&o.Seed, "seed", 1, "of the readings")
	f.StringVar(&o.Dir, "dir", "", "where stores are made and removed (default: the temporary directory)")
	b.reach.addSecurityFlags(c)
	outputFlags(c, &b.output, &b.into, "run")
	f.StringVar(&b.profile, "cpu-profile", "", "`FILE` that gets a profile of this process, for go tool pprof")
	f.SortFlags = false
	return c
}

func (b *benchRun) run(ctx context.Context) error {
	if err := checkFormat(b.output); err != nil {
		return err
	}
	switch {
	case !slices.Contains(overWays, b.over):
		return fmt.Errorf("--over %s: it is one of %s", b.over, strings.Join(overWays, ", "))
	case b.over == "process" && b.tcp.Addr != "":
		return errors.New("--server is for --over tcp")
	case b.peer != "" && b.tcp.Addr == "":
		return errors.New("--peer needs --server HOST:PORT, where it listens")
	case b.peer != "":
		b.tcp.Peer = &bench.Peer{Name: b.peer}
	}
	for _, name := range strings.Split(b.shapes, ",") {
		b.options.Shapes = append(b.options.Shapes, bench.Shape(name))
	}
	if b.shapes == "all" {
		b.options.Shapes = bench.Shapes
	}
	if b.quick {
		b.options.Ticks, b.tcp.Singles, b.tcp.Literals = quickTicks, quickSingles, quickLiterals
	}
	var err error
	if b.options.Memory, err = parseMemory(b.memory); err != nil {
		return err
	}
	stop, err := startProfile(b.profile)
	if err != nil {
		return err
	}
	report, err := b.measure(ctx)
	if err = errors.Join(err, stop()); err != nil {
		return err
	}
	return writeReport(report, b.output, b.into, "run")
}

// startProfile begins to write a profile of the processor to a file, if one is named; stop ends it.
func startProfile(name string) (stop func() error, err error) {
	if name == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

// measure measures in process, over TCP, or both, into one report.
func (b *benchRun) measure(ctx context.Context) (report *bench.Report, err error) {
	if b.over != "tcp" {
		if report, err = bench.Run(b.options); err != nil || b.over == "process" {
			return report, err
		}
	}
	if b.tcp.Addr != "" {
		if b.tcp.Client, err = b.reach.optionsOf(b.tcp.Addr); err != nil {
			return nil, err
		}
	}
	if b.tcp.Program, err = os.Executable(); err != nil {
		return nil, err
	}
	over, err := bench.RunTCP(ctx, b.options, b.tcp)
	if err != nil || report == nil {
		return over, err
	}
	report.Sections = append(report.Sections, over.Sections...)
	return report, nil
}

// writeReport prints a report, or puts it into its place of a document.
func writeReport(report *bench.Report, output, into, place string) error {
	if into == "" {
		return report.Write(os.Stdout, output)
	}
	var text strings.Builder
	if err := report.Write(&text, "markdown"); err != nil {
		return err
	}
	return bench.Replace(into, place, text.String())
}

func checkFormat(output string) error {
	if !slices.Contains(bench.Formats, output) {
		return fmt.Errorf("--output %s: it is one of %s", output, strings.Join(bench.Formats, ", "))
	}
	return nil
}
