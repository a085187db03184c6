package main

import (
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
	c.AddCommand(newBenchRunCommand())
	return c
}

// quickTicks is how many readings each device makes with --quick: a tenth of a day.
const quickTicks = bench.DayTicks / 10

func newBenchRunCommand() *cobra.Command {
	o := bench.Options{Clock: clock.System{}, Version: buildVersion() + " " + buildCommit()}
	var shapes, output, size string
	var quick bool
	c := &cobra.Command{
		Use:   "run",
		Short: "Load the standard workload into a store in this process, read it back, print what that cost",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
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
				o.Ticks = quickTicks
			}
			var err error
			if o.Memory, err = parseMemory(size); err != nil {
				return err
			}
			report, err := bench.Run(o)
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
	f.Uint64Var(&o.Seed, "seed", 1, "of the readings")
	f.StringVar(&o.Dir, "dir", "", "where stores are made and removed (default: the temporary directory)")
	formatFlag(c, &output)
	f.SortFlags = false
	return c
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
