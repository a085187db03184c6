package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/server/wire"
)

func newBackupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Make, list, verify and restore backups",
		Long: `A backup is a directory with the table files of one moment, the schema, and everything that was acknowledged before. It
shares its files with the store by hard links where the file system can, so it is made at once and takes little: it protects
from mistakes. To be safe from a lost disk, copy the directory to another one.`,
	}
	cmd.AddCommand(newBackupCreateCommand(), newBackupVerifyCommand(), newBackupRestoreCommand(), newBackupListCommand())
	return cmd
}

func newBackupCreateCommand() *cobra.Command {
	var t target
	var data string
	cmd := &cobra.Command{
		Use:   "create DIR",
		Short: "Make a backup in a new or empty directory, while the server runs or of a stopped one",
		Long: `Makes a backup in DIR, which must not be there or be empty. A running server makes it, in a directory of its
machine, while writes go on. With --data the backup is made of the data directory of a server that is stopped.`,
		Example: `  esker backup create /var/backups/esker/monday
  esker backup create --data ./data ./monday`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := t.checkOutput(); err != nil {
				return err
			}
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			a, err := t.backup(cmd.Context(), data, dir)
			if err != nil {
				return err
			}
			return t.write(cmd.OutOrStdout(), a)
		},
	}
	t.addFlags(cmd)
	cmd.Flags().StringVar(&data, "data", "", "data directory `DIR` of a stopped server")
	return cmd
}

// backup lets the server make a backup, or makes one of a data directory.
func (t *target) backup(ctx context.Context, data, dir string) (*answer, error) {
	if data == "" {
		return t.ask(ctx, "ADMIN BACKUP "+cql.QuoteString(dir))
	}
	if _, err := vfs.OS.Stat(data); err != nil {
		return nil, fmt.Errorf("--data %s: there is no such directory", data)
	}
	store, err := lsm.Open(lsm.Options{FS: vfs.OS, Dir: data, Clock: clock.System{}, Tuning: lsm.Tuning{NoBackground: true}})
	if errors.Is(err, lsm.ErrInUse) {
		return nil, fmt.Errorf("%w; leave out --data and let the server make the backup", err)
	}
	if err != nil {
		return nil, err
	}
	b, err := store.Backup(dir)
	if err = errors.Join(err, store.Close()); err != nil {
		return nil, err
	}
	return backupRows([]lsm.BackupInfo{b}), nil
}

// backupRows shows backups as the server does.
func backupRows(backups []lsm.BackupInfo) *answer {
	columns := []wire.Column{
		{Name: "directory", Type: wire.Type{ID: wire.TypeVarchar}}, {Name: "store", Type: wire.Type{ID: wire.TypeVarchar}},
		{Name: "time", Type: wire.Type{ID: wire.TypeTimestamp}},
	}
	for _, name := range []string{"sequence", "files", "disk_bytes", "rows"} {
		columns = append(columns, wire.Column{Name: name, Type: wire.Type{ID: wire.TypeBigint}})
	}
	a := &answer{columns: columns}
	for _, b := range backups {
		row := [][]byte{[]byte(b.Directory), fmt.Appendf(nil, "%x", b.Store), types.AppendTimestampMillis(nil, b.Time.UnixMilli())}
		for _, n := range []int64{int64(b.Sequence), int64(len(b.Files)), b.Bytes(), b.Rows} {
			row = append(row, types.AppendBigint(nil, n))
		}
		a.rows = append(a.rows, row)
	}
	return a
}

func newBackupVerifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify DIR",
		Short: "Read all of a backup: every checksum, order, index and statistic",
		Long: `Reads all of a backup and compares it with what it says of itself. Each damage is one line.
Exit codes: 0 sound, 1 damaged, 2 it could not be verified, or is no finished backup.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return withCode(2, fmt.Errorf("backup verify: want one directory, got %d arguments", len(args)))
			}
			return verifyBackup(cmd.OutOrStdout(), args[0])
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return withCode(2, err) })
	return cmd
}

func verifyBackup(out io.Writer, dir string) error {
	var failed error
	b, sum, err := lsm.VerifyBackup(lsm.CheckOptions{
		FS: vfs.OS, Dir: dir, Schema: database.CheckSchema,
		Report: func(d lsm.Damage) {
			if failed == nil {
				_, failed = fmt.Fprintln(out, d)
			}
		},
	})
	if err != nil {
		return withCode(2, err)
	}
	verdict := "sound"
	if sum.Damages > 0 {
		verdict = plural(int64(sum.Damages), "damage")
	}
	if failed == nil {
		_, failed = fmt.Fprintf(out, "%s: backup of %s, up to record %d: %s of %s (%s in %s, %s, %s)\n", verdict,
			b.Time.UTC().Format(time.RFC3339), b.Sequence, plural(int64(sum.Files), "table file"), plural(int64(sum.Tables), "table"),
			plural(sum.Rows, "row"), plural(sum.Partitions, "partition"), plural(sum.RowGroups, "row group"), byteText(sum.FileBytes))
	}
	for _, name := range sum.Unknown {
		if failed == nil {
			_, failed = fmt.Fprintf(out, "not of the backup: %s\n", name)
		}
	}
	if failed != nil {
		return withCode(2, failed)
	}
	if sum.Damages > 0 {
		return exitCode(1)
	}
	return nil
}

func newBackupRestoreCommand() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "restore DIR --data NEWDIR",
		Short: "Make a data directory of a backup",
		Long: `Makes a data directory of the backup in DIR. NEWDIR must not be there or be empty; nothing is ever restored over
existing data. The backup is only read, and each of its files compared with its checksum.`,
		Example: `  esker backup restore /var/backups/esker/monday --data ./restored
  esker server --data ./restored`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if data == "" {
				return errors.New("backup restore: --data NEWDIR is missing: the directory to make")
			}
			b, err := lsm.RestoreBackup(vfs.OS, args[0], data)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "restored %s, up to record %d of %s: esker server --data %s\n",
				plural(b.Rows, "row"), b.Sequence, b.Time.UTC().Format(time.RFC3339), data)
			return err
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "data directory `NEWDIR` to make")
	return cmd
}

func newBackupListCommand() *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "list PARENT",
		Short: "List the backups that are directories in PARENT, oldest first",
		Long:  "Lists the backups that are directories in PARENT, oldest first. Those that were not finished are named on stderr.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := t.checkOutput(); err != nil {
				return err
			}
			whole, broken, err := lsm.ListBackups(vfs.OS, args[0])
			if err != nil {
				return err
			}
			for _, b := range broken {
				cmd.PrintErrln("esker:", b)
			}
			return t.write(cmd.OutOrStdout(), backupRows(whole))
		},
	}
	t.addOutput(cmd)
	return cmd
}
