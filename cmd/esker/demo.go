package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/eskerdb/esker/cmd/esker/demo"
	"github.com/eskerdb/esker/internal/clock"
)

func newDemoCommand() *cobra.Command {
	o := demo.Options{Out: os.Stdout, Err: os.Stderr, Clock: clock.System{}}
	c := &cobra.Command{
		Use:   "demo",
		Short: "See real sensor readings go in through the loader and come out through CQL, checked",
		Long: `Starts a server as a child process on a free port, makes a schema, loads real readings, runs the queries a
time-series user runs, kills the server in the middle of a load and starts it again, makes a backup and restores it, and serves over TLS with a password.
Every answer is checked against values computed from the CSV files; a wrong one ends the demo with exit code 1. At the
end it keeps serving if you sit at a terminal, so that you can look around.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			program, err := os.Executable()
			if err != nil {
				return err
			}
			o.Program = program
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			return demo.Run(ctx, o)
		},
	}
	c.Flags().StringVar(&o.Data, "data", "", "data directory (default: a temporary one, removed at the end)")
	c.Flags().StringVar(&o.Readings, "readings", "testdata/readings", "directory with the CSV files")
	c.Flags().BoolVar(&o.Exit, "exit", false, "end when all is shown, also at a terminal")
	return c
}
