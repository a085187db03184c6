package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/eskerdb/esker/bench"
	"github.com/eskerdb/esker/internal/clock"
)

func newBenchCommand() *cobra.Command {
	c := &cobra.Command{Use: "bench", Short: "Measure esker on this machine"}
	c.AddCommand(newBenchRunCommand())
	return c
}

func newBenchRunCommand() *cobra.Command {
	o := bench.Options{Out: os.Stdout, Clock: clock.System{}}
	var shape, output string
	c := &cobra.Command{
		Use:   "run",
		Short: "Load the standard workload into a store in this process, read it back, print what that cost",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if output != "table" && output != "json" {
				return fmt.Errorf("--output %s: it is table or json", output)
			}
			o.JSON, o.Shape = output == "json", bench.Shape(shape)
			return bench.Run(o)
		},
	}
	c.Flags().StringVar(&o.Dir, "dir", "", "where the store is made and removed (default: the temporary directory)")
	c.Flags().Uint64Var(&o.Seed, "seed", 1, "of the readings")
	c.Flags().StringVar(&shape, "shape", string(bench.Regular), "of the timestamps: regular or jitter")
	c.Flags().IntVar(&o.Devices, "devices", 2000, "how many devices report")
	c.Flags().IntVar(&o.Ticks, "readings", 864, "of each device, every ten seconds")
	c.Flags().IntVar(&o.Group, "group", 500, "rows an atomic write")
	c.Flags().StringVar(&output, "output", "table", "table or json")
	return c
}
