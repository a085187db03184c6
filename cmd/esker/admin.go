package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func newAdminCommand() *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "admin",
		Short: "Look after a running server: flush, compact, and see what its tables hold",
		Long: `Sends ADMIN statements and SELECTs on system_views to a running server over the ordinary port; any client can send the same text.
A scope is a keyspace, or a table with its keyspace, like iot.readings; without one it is everything. create-superuser works on the directory of a stopped server.`,
	}
	t.addFlags(cmd)
	cmd.AddCommand(
		newAdminVerb(&t, "flush [KEYSPACE[.TABLE]]", "Write what memory holds to table files",
			"The rows are safe in the commit log before; a flush makes the log shorter and a start faster.", "ADMIN FLUSH"),
		newAdminVerb(&t, "compact [KEYSPACE[.TABLE]]", "Merge all files of tables, and forget what is deleted and out of its grace",
			"The server compacts by itself; this does all of it at once, and returns when it is done.", "ADMIN COMPACT"),
		newTableStatsCommand(&t),
		newClientsCommand(&t),
		newCreateSuperuserCommand(&t),
	)
	cmd.AddCommand(newSightCommands(&t)...)
	return cmd
}

func newAdminVerb(t *target, use, short, long, statement string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: short + ".\n" + long, Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return t.admin(cmd, statement, args, "") },
	}
}

func newTableStatsCommand(t *target) *cobra.Command {
	var columns, files bool
	cmd := &cobra.Command{
		Use:   "tablestats [KEYSPACE[.TABLE]]",
		Short: "Show what tables take: files, rows, bytes, memory, tombstones, write times",
		Long: `Shows what tables take. Counts of rows and partitions are those of files: one in several files counts several times,
until a compaction has merged them. bytes_per_row is disk_bytes by rows.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case columns && files:
				return errors.New("--columns and --files exclude each other")
			case columns:
				return t.admin(cmd, "ADMIN TABLESTATS", args, " WITH COLUMNS")
			case files:
				return t.admin(cmd, "ADMIN TABLESTATS", args, " WITH FILES")
			}
			return t.admin(cmd, "ADMIN TABLESTATS", args, "")
		},
	}
	cmd.Flags().BoolVar(&columns, "columns", false, "a row for each column and encoding, with its bytes; reads all files")
	cmd.Flags().BoolVar(&files, "files", false, "a row for each table file")
	return cmd
}

// clientColumns are shown of system_views.clients; the other columns repeat them or are long.
const clientColumns = "address, port, username, connection_stage, driver_name, driver_version, protocol_version, ssl_enabled, keyspace_name, request_count"

func newClientsCommand(t *target) *cobra.Command {
	return &cobra.Command{
		Use: "clients", Short: "Show who is connected", Args: cobra.NoArgs,
		Long: `Shows who is connected: where from, as whom, with which driver, and how many requests each connection has sent.
It is a SELECT on system_views.clients, which has more columns.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := t.checkOutput(); err != nil {
				return err
			}
			a, err := t.ask(cmd.Context(), "SELECT "+clientColumns+" FROM system_views.clients")
			if err != nil {
				return err
			}
			return t.write(cmd.OutOrStdout(), a)
		},
	}
}

// admin sends a statement with its scope and shows the answer.
func (t *target) admin(cmd *cobra.Command, statement string, args []string, rest string) error {
	if err := t.checkOutput(); err != nil {
		return err
	}
	for _, scope := range args {
		statement += " " + scope
	}
	a, err := t.ask(cmd.Context(), statement+rest)
	if err != nil {
		return err
	}
	return t.write(cmd.OutOrStdout(), a)
}
