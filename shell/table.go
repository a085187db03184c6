package shell

import (
	"context"
	"fmt"
	"strings"

	"github.com/mattn/go-runewidth"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/server/wire"
)

// table formats rows as cqlsh does.
type table struct {
	names  []string
	types  []*types.Type
	rows   [][]string
	widths []int
}

func newTable(columns []wire.Column) (*table, error) {
	t := &table{}
	for _, c := range columns {
		of, err := client.TypeOf(c.Type)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
		t.names = append(t.names, c.Name)
		t.types = append(t.types, of)
	}
	t.reset()
	return t, nil
}

func (t *table) reset() {
	t.rows, t.widths = nil, make([]int, len(t.names))
	for i, name := range t.names {
		t.widths[i] = runewidth.StringWidth(name)
	}
}

// add formats a row; its cells need not outlive the call.
func (t *table) add(cells [][]byte) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = oneLine(string(t.types[i].AppendText(nil, c, types.TextOptions{})))
		t.widths[i] = max(t.widths[i], runewidth.StringWidth(row[i]))
	}
	t.rows = append(t.rows, row)
}

// oneLine keeps a value from breaking the table.
func oneLine(s string) string {
	return strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`, "\x1b", `\x1b`).Replace(s)
}

// String is the table: header, rule, rows aligned to the right.
func (t *table) String() string {
	var b strings.Builder
	header := make([]string, len(t.names))
	rule := make([]string, len(t.names))
	for i, name := range t.names {
		header[i] = name + pad(t.widths[i], name)
		rule[i] = strings.Repeat("-", t.widths[i])
	}
	b.WriteString(strings.TrimRight(" "+strings.Join(header, " | "), " ") + "\n")
	b.WriteString("-" + strings.Join(rule, "-+-") + "-\n")
	for _, row := range t.rows {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = pad(t.widths[i], c) + c
		}
		b.WriteString(" " + strings.Join(cells, " | ") + "\n")
	}
	return b.String()
}

func pad(width int, s string) string {
	return strings.Repeat(" ", max(0, width-runewidth.StringWidth(s)))
}

// printTable prints an answer page by page; on a terminal it asks before the next one.
func (s *Shell) printTable(ctx context.Context, result *client.Result, t *table) error {
	total := 0
	for {
		n, err := takePage(result, t)
		if err != nil {
			return err
		}
		total += n
		fmt.Fprintf(s.opts.Out, "\n%s", t)
		if result.PagingState() == nil {
			break
		}
		if s.opts.Terminal && !s.more() {
			break
		}
		if ok, err := result.NextPage(ctx); err != nil || !ok {
			if err != nil {
				return err
			}
			break
		}
		t.reset()
	}
	fmt.Fprintf(s.opts.Out, "\n(%d rows)\n", total)
	return nil
}

// takePage adds the rows of the page that is there.
func takePage(result *client.Result, t *table) (n int, err error) {
	for {
		cells, err := result.NextInPage()
		if err != nil {
			return n, err
		}
		if cells == nil {
			return n, nil
		}
		t.add(cells)
		n++
	}
}

// more asks whether to go on. What is not a plain return ends the answer.
func (s *Shell) more() bool {
	fmt.Fprint(s.opts.Out, "\n---MORE---")
	var b [64]byte
	n, err := s.opts.In.Read(b[:])
	return err == nil && strings.TrimSpace(string(b[:n])) == ""
}

// printExpanded prints each row as lines of name and value.
func (s *Shell) printExpanded(ctx context.Context, result *client.Result, t *table) error {
	width := 0
	for _, name := range t.names {
		width = max(width, runewidth.StringWidth(name))
	}
	total := 0
	for {
		cells, err := result.Next(ctx)
		if err != nil {
			return err
		}
		if cells == nil {
			break
		}
		total++
		fmt.Fprintf(s.opts.Out, "\n@ Row %d\n%s\n", total, strings.Repeat("-", width+2))
		t.reset()
		t.add(cells)
		for i, name := range t.names {
			fmt.Fprintf(s.opts.Out, " %s%s | %s\n", name, pad(width, name), t.rows[0][i])
		}
	}
	fmt.Fprintf(s.opts.Out, "\n(%d rows)\n", total)
	return nil
}

// printDescribe prints the CREATE texts of DESCRIBE, or the names of a listing by keyspace.
func (s *Shell) printDescribe(ctx context.Context, result *client.Result, t *table) error {
	create, keyspace, name := -1, -1, -1
	for i, n := range t.names {
		switch n {
		case "create_statement":
			create = i
		case "keyspace_name":
			keyspace = i
		case "name":
			name = i
		}
	}
	if create < 0 && name < 0 {
		return s.printExpanded(ctx, result, t)
	}
	last := ""
	for {
		cells, err := result.Next(ctx)
		if err != nil || cells == nil {
			if err == nil {
				fmt.Fprintln(s.opts.Out)
			}
			return err
		}
		if create >= 0 {
			fmt.Fprintf(s.opts.Out, "\n%s\n", cells[create])
			continue
		}
		if k := string(cells[keyspace]); k != last {
			fmt.Fprintf(s.opts.Out, "\n\nKeyspace %s\n%s\n", k, strings.Repeat("-", len("Keyspace ")+len(k)))
			last = k
		}
		fmt.Fprintf(s.opts.Out, "%s  ", cells[name])
	}
}
