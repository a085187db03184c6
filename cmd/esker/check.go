package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm"
)

func newCheckCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "check DIR",
		Short: "Verify every file of a data directory while no server has it open",
		Long: `Reads everything in a data directory whose server is stopped: every checksum, the order of keys and rows,
indexes and statistics of table files, the manifest and the commit log. Changes nothing.

Each damage is one line, FILE: offset N: WHAT, and the check goes on behind it. What a crash leaves is no damage.
Exit codes: 0 sound, 1 damaged, 2 it could not be checked.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runCheck(cmd.OutOrStdout(), args, output)
		},
	}
	cmd.Flags().StringVar(&output, "output", "table", "table or json")
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return withCode(2, err) })
	return cmd
}

func runCheck(out io.Writer, args []string, output string) error {
	if len(args) != 1 {
		return withCode(2, fmt.Errorf("check: want one data directory, got %d arguments", len(args)))
	}
	if output != "table" && output != "json" {
		return withCode(2, fmt.Errorf("--output %s: it is table or json", output))
	}
	damages := []lsm.Damage{}
	var failed error
	sum, err := lsm.Check(lsm.CheckOptions{
		FS: vfs.OS, Dir: args[0], Schema: database.CheckSchema,
		Report: func(d lsm.Damage) {
			damages = append(damages, d)
			if output == "table" && failed == nil {
				_, failed = fmt.Fprintln(out, d)
			}
		},
	})
	if err != nil {
		return withCode(2, err)
	}
	if output == "json" {
		failed = writeCheckJSON(out, sum, damages)
	} else if failed == nil {
		_, failed = io.WriteString(out, checkText(sum))
	}
	if failed != nil {
		return withCode(2, failed)
	}
	if sum.Damages > 0 {
		return exitCode(1)
	}
	return nil
}

// checkText says what was checked, in a few lines.
func checkText(sum lsm.CheckSummary) string {
	verdict := "sound"
	if sum.Damages > 0 {
		verdict = plural(int64(sum.Damages), "damage")
	}
	text := fmt.Sprintf("%s: %s of %s (%s in %s, %s, %s), %s, %s in %s of log (%s)\n", verdict,
		plural(int64(sum.Files), "table file"), plural(int64(sum.Tables), "table"),
		plural(sum.Rows, "row"), plural(sum.Partitions, "partition"), plural(sum.RowGroups, "row group"), byteText(sum.FileBytes),
		plural(int64(sum.ManifestEdits), "manifest edit"), plural(sum.LogRecords, "record"),
		plural(int64(sum.LogSegments), "segment"), byteText(sum.LogBytes))
	for _, name := range sum.Orphans {
		text += fmt.Sprintf("left over, harmless, deleted at the next start: %s\n", name)
	}
	for _, name := range sum.Unknown {
		text += fmt.Sprintf("not a file of a store, left alone: %s\n", name)
	}
	return text
}

// checkJSON is the output of --output json.
type checkJSON struct {
	Sound         bool         `json:"sound"`
	Damages       []damageJSON `json:"damages"`
	Store         string       `json:"store"`
	Tables        int          `json:"tables"`
	Files         int          `json:"files"`
	FileBytes     int64        `json:"file_bytes"`
	RowGroups     int64        `json:"row_groups"`
	Partitions    int64        `json:"partitions"`
	Rows          int64        `json:"rows"`
	ManifestEdits int          `json:"manifest_edits"`
	LogSegments   int          `json:"log_segments"`
	LogRecords    int64        `json:"log_records"`
	LogBytes      int64        `json:"log_bytes"`
	LeftOver      []string     `json:"left_over"`
	Unknown       []string     `json:"unknown"`
}

type damageJSON struct {
	File   string `json:"file"`
	Offset *int64 `json:"offset"` // null: the file as a whole
	What   string `json:"what"`
}

func writeCheckJSON(out io.Writer, sum lsm.CheckSummary, damages []lsm.Damage) error {
	v := checkJSON{
		Sound: sum.Damages == 0, Damages: []damageJSON{}, Store: hex.EncodeToString(sum.Store[:]), Tables: sum.Tables, Files: sum.Files,
		FileBytes: sum.FileBytes, RowGroups: sum.RowGroups, Partitions: sum.Partitions, Rows: sum.Rows, ManifestEdits: sum.ManifestEdits,
		LogSegments: sum.LogSegments, LogRecords: sum.LogRecords, LogBytes: sum.LogBytes,
		LeftOver: append([]string{}, sum.Orphans...), Unknown: append([]string{}, sum.Unknown...),
	}
	for _, d := range damages {
		j := damageJSON{File: d.File, What: d.What}
		if d.Offset >= 0 {
			j.Offset = &d.Offset
		}
		v.Damages = append(v.Damages, j)
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// plural is a count with its noun.
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// byteText is a number of bytes for people, with a digit behind the point from KiB on.
func byteText(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, name := float64(n)/unit, "KiB"
	for _, next := range []string{"MiB", "GiB", "TiB"} {
		if value < unit {
			break
		}
		value, name = value/unit, next
	}
	return fmt.Sprintf("%.1f %s", value, name)
}
