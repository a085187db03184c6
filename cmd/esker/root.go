package main

import "github.com/spf13/cobra"

// newRoot is the command `esker` with all commands below it.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "esker",
		Short:         "A wide-column time-series store that speaks CQL",
		SilenceErrors: true, // main prints them, once
		SilenceUsage:  true, // an error of the work is not one of the flags
	}
	root.AddCommand(
		newServerCommand(),
		newShellCommand(),
		newIngestCommand(),
		newAdminCommand(),
		newBackupCommand(),
		newCheckCommand(),
		newDemoCommand(),
		newBenchCommand(),
		newConfigCommand(),
		newVersionCommand(),
	)
	return root
}
