package ingest

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/server/wire"
)

// dryRowsMax is how many rows of a file a dry run shows.
const dryRowsMax = 10

// dryRun prints the first rows of each file as they would be stored.
func (l *load) dryRun(ctx context.Context) (Report, error) {
	report := Report{Files: len(l.inputs)}
	for i, in := range l.inputs {
		if in.layout == nil {
			continue
		}
		c, err := l.firstChunk(ctx, in)
		if err != nil {
			return report, interrupted(ctx, err)
		}
		if i > 0 {
			fmt.Fprintln(l.options.Streams.Out)
		}
		shown := min(len(c.rows), dryRowsMax)
		if err := l.printRows(c, shown); err != nil {
			return report, err
		}
		report.Rows += int64(shown)
		for _, r := range c.rejects {
			if shown == dryRowsMax && r.line > c.begin.Lines+int(c.rows[shown-1].line)+1 {
				break // behind the rows that are shown
			}
			fmt.Fprintf(l.options.Streams.Err, "%s:%d: %s: %s\n", in.path, r.line, r.column, r.reason)
			report.Rejected++
		}
	}
	return report, nil
}

func (l *load) firstChunk(ctx context.Context, in *input) (*chunk, error) {
	t := in.kept
	if t == nil {
		var err error
		if t, err = in.open(ctx, l.options.Streams.In, l.options.Format.Delimiter); err != nil {
			return nil, err
		}
		defer t.close()
		if err := t.skip(in.body.Bytes); err != nil {
			return nil, err
		}
	}
	text, err := t.next(nil)
	if err != nil {
		return nil, err
	}
	c := &chunk{file: in, begin: in.body, text: text}
	c.parse(l.options.Format.Delimiter)
	return c, nil
}

func (l *load) printRows(c *chunk, n int) error {
	fmt.Fprintf(l.options.Streams.Out, "%s → %s\n", c.file.path, l.table)
	w := tabwriter.NewWriter(l.options.Streams.Out, 0, 8, 2, ' ', 0)
	var titles []string
	for _, col := range c.file.layout.columns {
		titles = append(titles, col.name+" "+col.typeText)
	}
	fmt.Fprintln(w, strings.Join(titles, "\t"))
	for i := range n {
		var cells []string
		for at, v := range c.row(int32(i)) {
			cells = append(cells, shownValue(c.file.layout.columns[at].typ, v))
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

func shownValue(t *types.Type, v wire.Value) string {
	switch v.State {
	case wire.ValueUnset:
		return "(unset)"
	case wire.ValueNull:
		return "null"
	}
	return strings.NewReplacer("\t", `\t`, "\n", `\n`).Replace(string(t.AppendText(nil, v.Bytes, types.TextOptions{})))
}
