package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/server/wire"
	"github.com/eskerdb/esker/shell"
)

// target is the server that a command talks to, and how the command shows the answer.
type target struct {
	access
	output string
}

func (t *target) addFlags(cmd *cobra.Command) {
	t.access.addFlags(cmd)
	t.addOutput(cmd)
}

func (t *target) addOutput(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&t.output, "output", "table", "table, json or csv")
}

// checkOutput refuses a format that there is not.
func (t *target) checkOutput() error {
	switch t.output {
	case "table", "json", "csv":
		return nil
	}
	return fmt.Errorf("--output %s: it is table, json or csv", t.output)
}

// answer is the rows of a statement.
type answer struct {
	columns []wire.Column
	rows    [][][]byte
}

// ask runs a statement on the server.
func (t *target) ask(ctx context.Context, text string) (*answer, error) {
	o, err := t.options()
	if err != nil {
		return nil, err
	}
	conn, err := client.Dial(ctx, o)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	result, err := conn.Query(ctx, text)
	if err != nil {
		return nil, err
	}
	out := &answer{columns: result.Columns}
	for {
		cells, err := result.Next(ctx)
		if err != nil || cells == nil {
			return out, err
		}
		out.rows = append(out.rows, append([][]byte{}, cells...))
	}
}

// write shows rows as --output says; an answer without rows shows nothing.
func (t *target) write(out io.Writer, a *answer) error {
	if a.columns == nil {
		return nil
	}
	if t.output == "table" {
		text, err := shell.FormatTable(a.columns, a.rows)
		if err == nil {
			_, err = io.WriteString(out, text)
		}
		return err
	}
	kinds := make([]*types.Type, len(a.columns))
	for i, c := range a.columns {
		var err error
		if kinds[i], err = client.TypeOf(c.Type); err != nil {
			return fmt.Errorf("column %s: %w", c.Name, err)
		}
	}
	if t.output == "csv" {
		return a.writeCSV(out, kinds)
	}
	return a.writeJSON(out, kinds)
}

// writeCSV writes the names of columns and a line for each row; null is empty.
func (a *answer) writeCSV(out io.Writer, kinds []*types.Type) error {
	w := csv.NewWriter(out)
	line := make([]string, len(a.columns))
	for i, c := range a.columns {
		line[i] = c.Name
	}
	err := w.Write(line)
	for _, row := range a.rows {
		for i, cell := range row {
			line[i] = ""
			if cell != nil {
				line[i] = string(kinds[i].AppendText(nil, cell, types.TextOptions{}))
			}
		}
		if err == nil {
			err = w.Write(line)
		}
	}
	w.Flush()
	if err == nil {
		err = w.Error()
	}
	return err
}

// writeJSON writes a list with an object for each row, its fields in the order of the columns.
func (a *answer) writeJSON(out io.Writer, kinds []*types.Type) error {
	var b bytes.Buffer
	b.WriteByte('[')
	for n, row := range a.rows {
		if n > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n  {")
		for i, cell := range row {
			if i > 0 {
				b.WriteString(", ")
			}
			value, err := jsonOf(kinds[i], cell)
			if err != nil {
				return fmt.Errorf("column %s: %w", a.columns[i].Name, err)
			}
			fmt.Fprintf(&b, "%q: %s", a.columns[i].Name, value)
		}
		b.WriteByte('}')
	}
	b.WriteString("\n]\n")
	_, err := b.WriteTo(out)
	return err
}

// jsonOf is a value in JSON: numbers and booleans as such, all else as text.
func jsonOf(of *types.Type, cell []byte) ([]byte, error) {
	if cell == nil {
		return []byte("null"), nil
	}
	text := of.AppendText(nil, cell, types.TextOptions{})
	switch of {
	case types.Bigint, types.Int, types.Double, types.Boolean:
		if text = bytes.ToLower(text); json.Valid(text) {
			return text, nil
		}
	}
	return json.Marshal(string(text))
}
