package ingest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cql/types"
)

// column is a column of the table that is loaded.
type column struct {
	name     string
	kind     string // as system_schema.columns says: partition_key, clustering, static or regular
	position int    // among the key columns of its kind
	typeText string
	typ      *types.Type // nil if the type's text is not known to CQL's scalars and collections
}

const (
	kindPartition  = "partition_key"
	kindClustering = "clustering"
)

func (c column) isKey() bool { return c.kind == kindPartition || c.kind == kindClustering }

// rank orders columns as SELECT * does: the key, statics, the rest.
func (c column) rank() int {
	return slices.Index([]string{kindPartition, kindClustering, "static", "regular"}, c.kind)
}

// table is the table that is loaded.
type table struct {
	keyspace, name string
	columns        []column // in the order of SELECT *
	filled         string   // the key column that rows may leave out; empty: there is none
}

// parseTarget reads keyspace.table.
func parseTarget(text string) (table, error) {
	keyspace, rest, ok1 := cutName(text)
	rest, dot := strings.CutPrefix(rest, ".")
	name, rest, ok2 := cutName(rest)
	if !ok1 || !ok2 || !dot || rest != "" {
		return table{}, fmt.Errorf("table %q: must be KEYSPACE.TABLE", text)
	}
	return table{keyspace: keyspace, name: name}, nil
}

// cutName cuts a name from the front of text: in double quotes as it stands, else in lower case.
func cutName(text string) (name, rest string, ok bool) {
	if strings.HasPrefix(text, `"`) {
		end, _ := closingQuote([]byte(text), 0)
		if end < 0 {
			return "", text, false
		}
		return strings.ReplaceAll(text[1:end], `""`, `"`), text[end+1:], end > 1
	}
	end := 0
	for end < len(text) && (text[end] == '_' || text[end] >= '0' && text[end] <= '9' || text[end]|0x20 >= 'a' && text[end]|0x20 <= 'z') {
		end++
	}
	return strings.ToLower(text[:end]), text[end:], end > 0
}

func (t table) String() string { return t.keyspace + "." + t.name }

// quotedName and quotedText write a name and a string as CQL does.
func quotedName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
func quotedText(text string) string { return `'` + strings.ReplaceAll(text, `'`, `''`) + `'` }

// readColumns asks the server for the table's columns.
func (t *table) readColumns(ctx context.Context, c *client.Conn) error {
	result, err := c.Query(ctx, "SELECT column_name, kind, position, type FROM system_schema.columns WHERE keyspace_name = "+
		quotedText(t.keyspace)+" AND table_name = "+quotedText(t.name))
	if err != nil {
		return fmt.Errorf("columns of %s: %w", t, err)
	}
	t.columns = nil
	for {
		row, err := result.Next(ctx)
		if err != nil {
			return fmt.Errorf("columns of %s: %w", t, err)
		}
		if row == nil {
			break
		}
		if len(row) != 4 {
			return fmt.Errorf("columns of %s: server answered %d columns instead of 4", t, len(row))
		}
		col := column{name: string(row[0]), kind: string(row[1]), position: int(types.DecodeInt64(row[2])), typeText: string(row[3])}
		col.typ, _ = types.Parse(col.typeText)
		t.columns = append(t.columns, col)
	}
	if len(t.columns) == 0 {
		return t.missing(ctx, c)
	}
	slices.SortFunc(t.columns, func(a, b column) int {
		if d := a.rank() - b.rank(); d != 0 {
			return d
		}
		if d := a.position - b.position; d != 0 && a.isKey() {
			return d
		}
		return strings.Compare(a.name, b.name)
	})
	return t.readFilled(ctx, c)
}

// missing says what is not there: the keyspace or the table.
func (t *table) missing(ctx context.Context, c *client.Conn) error {
	result, err := c.Query(ctx, "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = "+quotedText(t.keyspace))
	if err != nil {
		return fmt.Errorf("keyspace %s: %w", t.keyspace, err)
	}
	row, err := result.Next(ctx)
	if err != nil {
		return fmt.Errorf("keyspace %s: %w", t.keyspace, err)
	}
	if row == nil {
		return fmt.Errorf("keyspace %s does not exist", t.keyspace)
	}
	return fmt.Errorf("table %s does not exist", t)
}

// find returns the index of the column of that name: as it stands, else in any case; -1 if there is none.
func (t *table) find(name string) int {
	if i := slices.IndexFunc(t.columns, func(c column) bool { return c.name == name }); i >= 0 {
		return i
	}
	return slices.IndexFunc(t.columns, func(c column) bool { return strings.EqualFold(c.name, name) })
}
