package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/eskerdb/esker/bench"
	"github.com/eskerdb/esker/internal/clock"
)

// embeddedBench is a benchmark of statements in this process, and its flags.
type embeddedBench struct {
	name        string
	short, long string
	run         func(bench.Options) (*bench.Report, error)
	devices     int // default of --devices
	ticks       int // default of --readings; 0: there is no such flag
	days        int // default of --days; 0: there is no such flag
}

var embeddedBenches = []embeddedBench{{
	name: "tables", run: bench.RunTables, devices: 500, ticks: bench.DayTicks / 6,
	short: "Measure what query tables cost a write, and time buckets a read",
	long: `Loads readings through INSERT statements in this process, into a table without and with query tables, in order and over rows
that are there; then reads the newest row of tables with ever more time buckets, and one day out of ten years.

What was loaded is counted in every query table; if a row is missing the command fails.`,
}, {
	name: "rollups", run: bench.RunRollups, devices: 2000, ticks: bench.DayTicks,
	short: "Measure what rollups cost a write, how fast they are computed, and what they save a read",
	long: `Loads readings through INSERT statements in this process into a table without rollups, with one level and with three, in turn,
with a clock that follows the readings; then declares an hourly rollup over readings that are there, and asks the base table
for hourly values without and with it.

Every level is checked against the rows it stands for; if a window differs the command fails.`,
}, {
	name: "rolling", run: bench.RunRolling, devices: 100, days: 120,
	short: "Simulate days of readings kept in ever coarser levels, and show what the disk holds",
	long: `Simulates days of devices that report every ten seconds to a table that keeps readings for 24 hours, minutes for 7 days, hours
for 90 days and days for ever. What each level holds on disk is shown day by day.

At the end every level is checked, and one SELECT over all days is compared with the readings made again.`,
}}

func (b *embeddedBench) command() *cobra.Command {
	o := bench.Options{Clock: clock.System{}, Version: buildVersion() + " " + buildCommit()}
	var output, into, memoryText, profile string
	c := &cobra.Command{
		Use: b.name, Short: b.short, Long: b.long, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) (err error) {
			if err := checkFormat(output); err != nil {
				return err
			}
			if o.Memory, err = parseMemory(memoryText); err != nil {
				return err
			}
			stop, err := startProfile(profile)
			if err != nil {
				return err
			}
			report, err := b.run(o)
			if err = errors.Join(err, stop()); err != nil {
				return err
			}
			return writeReport(report, output, into, b.name)
		},
	}
	f := c.Flags()
	f.IntVar(&o.Devices, "devices", b.devices, "how many devices report, every ten seconds")
	if b.ticks > 0 {
		f.IntVar(&o.Ticks, "readings", b.ticks, "of each device")
	}
	if b.days > 0 {
		f.IntVar(&o.Days, "days", b.days, "that are simulated")
	}
	f.IntVar(&o.Group, "group", 500, "rows an atomic write")
	f.IntVar(&o.Writers, "writers", 2, "goroutines that write")
	f.IntVar(&o.Reads, "reads", 2000, "reads a measurement")
	f.StringVar(&memoryText, "memory", "256MiB", "what the store may take, as `SIZE`")
	f.Uint64Var(&o.Seed, "seed", 1, "of the readings")
	f.StringVar(&o.Dir, "dir", "", "where stores are made and removed (default: the temporary directory)")
	outputFlags(c, &output, &into, b.name)
	f.StringVar(&profile, "cpu-profile", "", "`FILE` that gets a profile of this process, for go tool pprof")
	f.SortFlags = false
	return c
}
