package querytable

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// unnestedTables are base(k | c) with a collection that is not frozen, and a copy of it by what a function makes of its elements.
func unnestedTables(of *types.Type, function schema.CopyFunction) (base, copy *schema.Table) {
	base = &schema.Table{Keyspace: "ks", Name: "base", Kind: schema.Base, Options: schema.DefaultOptions()}
	base.PartitionKey = []*schema.Column{{Name: "k", Kind: schema.PartitionKey, Type: types.Int}}
	base.AddColumn(&schema.Column{Name: "c", Kind: schema.Regular, Type: of})
	copy = &schema.Table{Keyspace: "ks", Name: "copy", Kind: schema.QueryTable, Options: schema.DefaultOptions(), Copy: &schema.Copy{Base: "base"}}
	copy.Copy.Keys = []schema.CopyKey{{Column: "e", Function: function, From: "c"}}
	key := of.Elems()[0]
	if function == schema.CopyValue {
		key = of.Elems()[1]
	}
	copy.PartitionKey = []*schema.Column{{Name: "e", Kind: schema.PartitionKey, Type: key}}
	copy.Clustering = []*schema.Column{{Name: "k", Kind: schema.ClusteringKey, Type: types.Int}}
	copy.AddColumn(&schema.Column{Name: "c", Kind: schema.Regular, Type: of})
	copy.Copy.Columns = []schema.CopiedColumn{{From: 1, To: 1}}
	return base, copy
}

// drawParts draws a version of a multi-cell column: a few elements by few paths, some that end, some deleted, and sometimes a deletion.
func drawParts(t *rapid.T, of *types.Type, now int64) mutation.Complex {
	var c mutation.Complex
	if rapid.IntRange(0, 3).Draw(t, "overwrites") == 0 {
		c.Deletion = mutation.Deletion{MarkedAt: rapid.Int64Range(1, 8).Draw(t, "deleted at"), LocalSec: now}
	}
	for path := range int32(4) {
		if rapid.Bool().Draw(t, "absent") {
			continue
		}
		e := mutation.Element{Path: of.Elems()[0].AppendSortable(nil, types.AppendInt(nil, path)), Timestamp: rapid.Int64Range(1, 9).Draw(t, "timestamp"), ExpiresAt: mutation.Forever}
		e.Value = []byte{}
		if of.Kind() != types.KindSet {
			e.Value = types.AppendInt(nil, rapid.Int32Range(0, 2).Draw(t, "value"))
		}
		switch rapid.IntRange(0, 3).Draw(t, "life") {
		case 0:
			e.ExpiresAt, e.Value = now, nil
		case 1:
			e.TTL = rapid.Int32Range(1, 20).Draw(t, "ttl")
			e.ExpiresAt = now + int64(e.TTL)
		}
		if !c.Deletion.Deletes(e.Timestamp) {
			c.Elements = append(c.Elements, e)
		}
	}
	return c
}

// TestUnnestedElementsEndByThemselves: whatever is written to a collection that is not frozen, and however late the copy is read, it shows a
// row for each element that lives then, with the elements that live then, and nobody writes when one ends.
func TestUnnestedElementsEndByThemselves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		of, function := types.SetOf(types.Int), schema.CopyUnnest
		switch rapid.IntRange(0, 3).Draw(t, "what") {
		case 0:
			of = types.ListOf(types.Int)
		case 1:
			of = types.MapOf(types.Int, types.Int)
		case 2:
			of, function = types.MapOf(types.Int, types.Int), schema.CopyValue
		}
		base, copy := unnestedTables(of, function)
		p, err := New(base, copy)
		if err != nil {
			t.Fatal(err)
		}
		key := partition.Decorate(types.AppendInt(nil, 7))
		now, shown, row := int64(100), map[string]mutation.Row{}, (*mutation.Row)(nil)
		for range rapid.IntRange(1, 6).Draw(t, "writes") {
			parts := drawParts(t, of, now)
			if parts.IsEmpty() {
				continue
			}
			after := &mutation.Row{Clustering: []byte{}, Cells: []mutation.Cell{parts.Cell(1, nil)}}
			if row != nil {
				after = row.Clone()
				mutation.MergeRow(mutation.ByTimestamp, after, &mutation.Row{Clustering: []byte{}, Cells: []mutation.Cell{parts.Cell(1, nil)}})
			}
			changes, err := p.Difference(key, Base{Row: row}, Base{Row: after}, now)
			if err != nil {
				t.Fatal(err)
			}
			for i := range changes {
				for _, r := range changes[i].Rows {
					delete(shown, string(changes[i].Key.Key))
					if r.Deletion.IsNone() {
						shown[string(changes[i].Key.Key)] = *r.Clone()
					}
				}
			}
			row = after
			now += rapid.Int64Range(0, 12).Draw(t, "passes")
			if got, want := seenInCopy(t, shown, now), seenInBase(t, row, of, function, now); got != want {
				t.Fatalf("%s at %d\n got %s\nwant %s", of, now, got, want)
			}
		}
	})
}

// seenInCopy tells what a reader of the copy sees: elements, each with what lives of the collection.
func seenInCopy(t *rapid.T, shown map[string]mutation.Row, now int64) string {
	out := ""
	for _, e := range slices.Sorted(maps.Keys(shown)) {
		if row := shown[e]; row.Live.ExpiresAt > now {
			out += fmt.Sprintf("%x: %x; ", e, living(t, &row, now))
		}
	}
	return out
}

// seenInBase tells the same of the base.
func seenInBase(t *rapid.T, row *mutation.Row, of *types.Type, function schema.CopyFunction, now int64) string {
	if row == nil || len(row.Cells) == 0 {
		return ""
	}
	var c mutation.Complex
	value := living(t, row, now)
	if err := c.Decode(value); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range c.Elements {
		member := e.Value
		if of.Kind() != types.KindList && function == schema.CopyUnnest {
			member, _, _ = of.Elems()[0].DecodeSortable(e.Path)
		}
		seen[string(member)] = true
	}
	out := ""
	for _, e := range slices.Sorted(maps.Keys(seen)) {
		out += fmt.Sprintf("%x: %x; ", e, value)
	}
	return out
}

// living is the encoding of what lives in the one cell of a row.
func living(t *rapid.T, row *mutation.Row, now int64) []byte {
	cell, err := Living(row.Cells[0], now)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(cell.Value)
}
