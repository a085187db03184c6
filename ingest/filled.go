package ingest

import (
	"context"
	"fmt"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
)

// readFilled asks which key column the server fills where a row leaves it out: a bucket column that the table has adopted.
func (t *table) readFilled(ctx context.Context, c *client.Conn) error {
	result, err := c.Query(ctx, "SELECT extensions FROM system_schema.tables WHERE keyspace_name = "+quotedText(t.keyspace)+" AND table_name = "+quotedText(t.name))
	if err != nil {
		return fmt.Errorf("options of %s: %w", t, err)
	}
	t.filled = ""
	for {
		row, err := result.Next(ctx)
		if err != nil {
			return fmt.Errorf("options of %s: %w", t, err)
		}
		if row == nil {
			return nil
		}
		if len(row) > 0 {
			t.filled = filledBy(row[0])
		}
	}
}

// filledBy is the bucket column that extensions name, a map of text and blob; empty without one.
func filledBy(extensions []byte) string {
	entries, err := types.MapOf(types.Text, types.Blob).SplitCollection(extensions)
	if err != nil {
		return ""
	}
	for i := 0; i+1 < len(entries); i += 2 {
		if string(entries[i]) != "esker.time_bucket" {
			continue
		}
		term, err := cql.ParseTerm(string(entries[i+1]))
		option, ok := term.(*cql.MapLiteral)
		if err != nil || !ok {
			return ""
		}
		for _, e := range option.Entries {
			key, isKey := e.Key.(*cql.Literal)
			value, isValue := e.Value.(*cql.Literal)
			if isKey && isValue && key.Text == "as" {
				return value.Text
			}
		}
	}
	return ""
}
