package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eskerdb/esker/bench"
	"github.com/eskerdb/esker/internal/clock"
)

func newBenchCommand() *cobra.Command {
	c := &cobra.Command{Use: "bench", Short: "Measure esker on this machine"}
	c.AddCommand(newBenchRunCommand(), newBenchCompareCommand())
	return c
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

func newBenchRunCommand() *cobra.Command {
	o := bench.Options{Clock: clock.System{}, Version: buildVersion() + " " + buildCommit()}
	var shapes, output, size string
	var quick, tcpToo, only bool
	var tcp bench.TCPOptions
	c := &cobra.Command{
		Use:   "run",
		Short: "Load the standard workload, read it back, print what that cost",
		Long: `Loads the standard workload into a store in this process, reads it back and prints what that cost: speed, bytes,
processor time, memory. With --tcp it is then loaded, in its first shape, through CQL into a server of its own process, or into
one that runs already (--server HOST:PORT), where the keyspace ` + bench.Keyspace + ` is lost.

A speed counts only when a sample of what was loaded reads back right; else the command fails.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkFormat(output); err != nil {
				return err
			}
			for _, name := range strings.Split(shapes, ",") {
				o.Shapes = append(o.Shapes, bench.Shape(name))
			}
			if shapes == "all" {
				o.Shapes = bench.Shapes
			}
			if quick {
				o.Ticks, tcp.Singles, tcp.Literals = quickTicks, quickSingles, quickLiterals
			}
			var err error
			if o.Memory, err = parseMemory(size); err != nil {
				return err
			}
			report, err := runBench(c.Context(), o, tcp, tcpToo || only || tcp.Addr != "", !only)
			if err != nil {
				return err
			}
			return report.Write(os.Stdout, output)
		},
	}
	f := c.Flags()
	f.StringVar(&shapes, "shape", string(bench.Regular), "of the readings: regular, jitter, sparse, wide, some of them with commas between, or all")
	f.BoolVar(&quick, "quick", false, "a tenth of a day instead of a day")
	f.IntVar(&o.Devices, "devices", 2000, "how many devices report")
	f.IntVar(&o.Ticks, "readings", bench.DayTicks, "of each device, every ten seconds")
	f.IntVar(&o.Group, "group", 500, "rows an atomic write")
	f.IntVar(&o.Writers, "writers", 2, "goroutines that write")
	f.IntVar(&o.Reads, "reads", 2000, "reads a measurement")
	f.BoolVar(&o.RowTimestamps, "row-timestamps", false, "a write timestamp of its own for every row instead of one for an atomic write")
	f.StringVar(&size, "memory", "256MiB", "what the store may take, as `SIZE`")
	f.BoolVar(&tcpToo, "tcp", false, "then through CQL into a server that is started for it")
	f.BoolVar(&only, "tcp-only", false, "only that")
	f.StringVar(&tcp.Addr, "server", "", "`HOST:PORT` of a server that runs, for --tcp")
	f.IntVar(&tcp.PID, "server-pid", 0, "process `ID` of that server, to tell its processor time")
	f.Uint64Var(&o.Seed, "seed", 1, "of the readings")
	f.StringVar(&o.Dir, "dir", "", "where stores are made and removed (default: the temporary directory)")
	formatFlag(c, &output)
	f.SortFlags = false
	return c
}

// runBench measures in process, over TCP, or both, into one report.
func runBench(ctx context.Context, o bench.Options, tcp bench.TCPOptions, overTCP, inProcess bool) (*bench.Report, error) {
	var report *bench.Report
	var err error
	if inProcess {
		if report, err = bench.Run(o); err != nil || !overTCP {
			return report, err
		}
	}
	if tcp.Program, err = os.Executable(); err != nil {
		return nil, err
	}
	over, err := bench.RunTCP(ctx, o, tcp)
	if err != nil || report == nil {
		return over, err
	}
	report.Sections = append(report.Sections, over.Sections...)
	return report, nil
}

func formatFlag(c *cobra.Command, output *string) {
	c.Flags().StringVar(output, "output", bench.Formats[0], strings.Join(bench.Formats, ", "))
}

func checkFormat(output string) error {
	if !slices.Contains(bench.Formats, output) {
		return fmt.Errorf("--output %s: it is one of %s", output, strings.Join(bench.Formats, ", "))
	}
	return nil
}
