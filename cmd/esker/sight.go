package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/server/wire"
)

// sight is a command that shows a view of system_views.
type sight struct {
	view    string
	columns []string            // shown, in this order; those that the server does not have are left out
	tables  []string            // columns one of which names the table of a scope; nil: the key of the view has it
	orders  map[string][]string // columns whose sum the rows are sorted by, the largest first, by --by
	by      string
	limit   int
}

// limitDefault is how many rows are shown unless --limit says otherwise.
const limitDefault = 50

// command makes the command; t says where the server is.
func (s sight) command(t *target, use, short, long, example string) *cobra.Command {
	cmd := &cobra.Command{
		Use: use + " [KEYSPACE[.TABLE]]", Short: short, Long: short + ".\n" + long, Example: example, Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return s.run(cmd, t, args) },
	}
	if s.orders != nil {
		cmd.Flags().StringVar(&s.by, "by", s.by, "what to sort by: "+strings.Join(s.orderNames(), ", "))
	}
	cmd.Flags().IntVar(&s.limit, "limit", limitDefault, "how many rows are shown; 0: all")
	return cmd
}

func (s *sight) orderNames() []string {
	var out []string
	for name := range s.orders {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func (s *sight) run(cmd *cobra.Command, t *target, args []string) error {
	if err := t.checkOutput(); err != nil {
		return err
	}
	if s.orders != nil && s.orders[s.by] == nil {
		return fmt.Errorf("--by %s: it is %s", s.by, strings.Join(s.orderNames(), " or "))
	}
	if s.limit < 0 {
		return fmt.Errorf("--limit %d: it is 0 or more", s.limit)
	}
	scope := strings.Join(args, "")
	where, table, err := s.whereOf(scope)
	if err != nil {
		return err
	}
	a, err := t.ask(cmd.Context(), "SELECT * FROM system_views."+s.view+where)
	if err != nil {
		return err
	}
	if len(a.rows) == 0 && scope != "" { // is there such a table at all?
		if _, err := t.ask(cmd.Context(), "ADMIN TABLESTATS "+scope); err != nil {
			return err
		}
	}
	a.keep(s.tables, table)
	s.arrange(a)
	if left := len(a.rows) - s.limit; s.limit > 0 && left > 0 {
		a.rows = a.rows[:s.limit]
		fmt.Fprintf(cmd.ErrOrStderr(), "%d more: --limit 0 shows all\n", left)
	}
	if t.output == "table" {
		a.percent("built")
	}
	return t.write(cmd.OutOrStdout(), a)
}

// whereOf is the WHERE clause of a scope, which is written as CQL writes the name of a table or keyspace, and the table if it does
// not belong there.
func (s *sight) whereOf(scope string) (where, table string, err error) {
	if scope == "" {
		return "", "", nil
	}
	statement, err := cql.Parse("ADMIN FLUSH " + scope)
	named, ok := statement.(*cql.Admin)
	if err != nil || !ok {
		return "", "", fmt.Errorf("%q is neither a keyspace nor a table with its keyspace, like iot.readings", scope)
	}
	where = " WHERE keyspace_name = " + cql.QuoteString(named.Keyspace)
	if s.tables != nil {
		return where, named.Table, nil
	}
	if named.Table != "" {
		where += " AND table_name = " + cql.QuoteString(named.Table)
	}
	return where, "", nil
}

// keep keeps the rows of which one of the columns is a table; without table all.
func (a *answer) keep(columns []string, table string) {
	if table == "" {
		return
	}
	a.rows = slices.DeleteFunc(a.rows, func(row [][]byte) bool {
		for i, c := range a.columns {
			if slices.Contains(columns, c.Name) && string(row[i]) == table {
				return false
			}
		}
		return true
	})
}

// arrange picks the columns that are shown and sorts the rows.
func (s *sight) arrange(a *answer) {
	at := map[string]int{}
	for i, c := range a.columns {
		at[c.Name] = i
	}
	if order := s.orders[s.by]; order != nil {
		sum := func(row [][]byte) (n int64) {
			for _, name := range order {
				if i, ok := at[name]; ok {
					n += types.DecodeInt64(row[i])
				}
			}
			return n
		}
		slices.SortStableFunc(a.rows, func(x, y [][]byte) int { return cmp.Compare(sum(y), sum(x)) })
	} else {
		slices.SortStableFunc(a.rows, func(x, y [][]byte) int { return bytes.Compare(x[0], y[0]) }) // keyspaces come by their tokens
	}
	var columns []wire.Column
	rows := make([][][]byte, len(a.rows))
	for _, name := range s.columns {
		i, ok := at[name]
		if !ok {
			continue
		}
		columns = append(columns, a.columns[i])
		for n, row := range a.rows {
			rows[n] = append(rows[n], row[i])
		}
	}
	a.columns, a.rows = columns, rows
}

// percent shows a column of shares as percent.
func (a *answer) percent(name string) {
	for i := range a.columns {
		if a.columns[i].Name != name || a.columns[i].Type.ID != wire.TypeDouble {
			continue
		}
		a.columns[i].Type = wire.Type{ID: wire.TypeVarchar}
		for _, row := range a.rows {
			if row[i] != nil {
				row[i] = fmt.Appendf(nil, "%.1f %%", 100*types.DecodeFloat64(row[i]))
			}
		}
	}
}

// newSightCommands are the commands that show what the server knows of single tables.
func newSightCommands(t *target) []*cobra.Command {
	names := []string{"keyspace_name", "table_name"}
	return []*cobra.Command{
		sight{
			view: "buckets", columns: append(names, "bucket_start", "bucket_end", "epoch", "partitions", "rows", "bytes"), by: "time",
			orders: map[string][]string{"time": {"bucket_start"}, "rows": {"rows"}, "bytes": {"bytes"}, "partitions": {"partitions"}},
		}.command(t, "buckets", "Show time buckets and what is in them, the newest first",
			`Rows and partitions are counted in each file and in memory; bytes are those of files. The epoch tells which time_bucket of its
table a bucket was made by: 0 the first, one more with each ALTER. A row that begins in the year 1 and has no end counts what
lies in files of no single range: it is split when these are merged.`,
			"  esker admin buckets iot.readings --limit 10\n  esker admin buckets --by bytes"),
		sight{
			view: "large_partitions", columns: append(names, "partition", "rows", "bytes"), by: "bytes",
			orders: map[string][]string{"rows": {"rows"}, "bytes": {"bytes"}},
		}.command(t, "largepartitions", "Show the largest partitions",
			`Rows and bytes are those of files: what is in memory counts when it is flushed. Each table has 100 at most.`,
			"  esker admin largepartitions iot\n  esker admin largepartitions iot.readings --by rows --output csv"),
		sight{
			view: "top_partitions", columns: append(names, "partition", "reads", "writes", "bytes"), by: "touches",
			orders: map[string][]string{"touches": {"reads", "writes"}, "reads": {"reads"}, "writes": {"writes"}, "bytes": {"bytes"}},
		}.command(t, "toppartitions", "Show the partitions that statements read and write most",
			`Of the last five to ten minutes. Under load one touch in N is counted and stands for N, so the numbers are estimates; with
fewer than 2,000 a second they are exact. bytes are those of keys and values read and written; touches are reads and writes.`,
			"  esker admin toppartitions --by writes --limit 5\n  esker admin toppartitions iot.readings --output json"),
		sight{
			view: "query_tables", tables: []string{"base_table_name", "table_name"},
			columns: []string{"keyspace_name", "base_table_name", "table_name", "kind", "state", "built", "rows_written"},
		}.command(t, "querytables", "Show query tables, views and indexes, and how far they are built",
			`A query table that is made of a table with rows is built while both are in use; until it is live no SELECT of
another table is served from it, and one that names it gets a warning.`,
			"  esker admin querytables\n  esker admin querytables iot.readings_by_site"),
		newRollupsCommand(t),
	}
}
