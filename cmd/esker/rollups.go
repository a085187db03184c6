package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// newRollupsCommand shows what the server knows of rollups.
func newRollupsCommand(t *target) *cobra.Command {
	names := []string{"keyspace_name", "rollup_name"}
	lag := sight{
		view: "rollups", tables: []string{"rollup_name", "source"},
		columns: append(names, "source", "step", "final_until", "dirty_windows", "lag_seconds", "last_error"),
	}
	progress := sight{
		view: "rollup_progress", tables: []string{"rollup_name"},
		columns: append(names, "state", "built", "built_from", "eta_seconds", "refreshed", "sealed_until", "marks_waiting", "marks_written",
			"rows_computed", "windows_backfilled", "late_rows", "late_sealed", "late_expired"),
	}
	windows := sight{view: "rollup_windows", tables: []string{"rollup_name"}, columns: append(names, "window_start", "partition", "state")}
	var ofProgress, ofWindows bool
	var limit int
	cmd := &cobra.Command{
		Use:   "rollups [KEYSPACE[.TABLE]]",
		Short: "Show rollups, how far behind they are, and how far they are computed",
		Long: `Shows rollups, how far behind they are, and how far they are computed.
Windows that end at or before final_until are final in every partition. dirty_windows are over and wait to be computed;
lag_seconds is for how long the earliest of them has been over. With --progress: how far a rollup of a table that had rows
is built, downwards to built_from, until when windows are sealed, and what came late since the server started. With
--windows: the newest windows of each partition, 10,000 of a rollup at most.`,
		Example: "  esker admin rollups\n  esker admin rollups iot.readings\n  esker admin rollups iot.readings_1h --windows --limit 20\n  esker admin rollups --progress --output json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			view := lag
			switch {
			case ofProgress && ofWindows:
				return errors.New("--progress and --windows exclude each other")
			case ofProgress:
				view = progress
			case ofWindows:
				view = windows
			}
			view.limit = limit
			return view.run(cmd, t, args)
		},
	}
	cmd.Flags().BoolVar(&ofProgress, "progress", false, "how far rollups are built and sealed, and what came late")
	cmd.Flags().BoolVar(&ofWindows, "windows", false, "single windows: open, dirty, final or sealed")
	cmd.Flags().IntVar(&limit, "limit", limitDefault, "how many rows are shown; 0: all")
	return cmd
}
