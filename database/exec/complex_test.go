package exec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/schema"
)

var place = types.UDTOf("ks", "place", []string{"street", "number", "floor"}, []*types.Type{types.Text, types.Int, types.Int})

// notes is ks.t(k int | c int | sm map static, l list, s set, m map, u place).
func notes() *schema.Table {
	t := &schema.Table{Keyspace: "ks", Name: "t", Kind: schema.Base, Options: schema.DefaultOptions()}
	t.PartitionKey = []*schema.Column{{Name: "k", Kind: schema.PartitionKey, Type: types.Int}}
	t.Clustering = []*schema.Column{{Name: "c", Kind: schema.ClusteringKey, Type: types.Int}}
	t.AddColumn(&schema.Column{Name: "sm", Kind: schema.Static, Type: types.MapOf(types.Text, types.Int)})
	for _, c := range []struct {
		name string
		of   *types.Type
	}{{"l", types.ListOf(types.Int)}, {"s", types.SetOf(types.Text)}, {"m", types.MapOf(types.Text, types.Int)}, {"u", place}} {
		t.AddColumn(&schema.Column{Name: c.name, Kind: schema.Regular, Type: c.of})
	}
	return t
}

// drawComplex draws a multi-cell value, and what of it shows at nowSec; nil: nothing.
func drawComplex(t *rapid.T, of *types.Type) (c *mutation.Complex, shown []byte) {
	c = &mutation.Complex{}
	var parts [][]byte
	fields := make([][]byte, len(of.Elems()))
	for i := range len(place.Elems()) {
		if !rapid.Bool().Draw(t, "there") {
			continue
		}
		e := mutation.Element{Timestamp: 7, ExpiresAt: rapid.SampledFrom(ends).Draw(t, "end")}
		key, value := []byte{'a' + byte(i)}, types.AppendInt(nil, int32(i))
		switch of.Kind() {
		case types.KindUDT:
			e.Path = binary.BigEndian.AppendUint16(nil, uint16(i))
			if i == 0 {
				value = key
			}
		case types.KindList:
			e.Path = types.TimeUUID.AppendSortable(nil, types.AppendTimeUUID(nil, int64(i), 0, 0))
		default:
			e.Path = types.Text.AppendSortable(nil, key)
		}
		if of.Kind() == types.KindSet {
			value = []byte{}
		}
		switch {
		case e.ExpiresAt == mutation.Forever:
		case rapid.Bool().Draw(t, "deleted"):
			value = nil
		default:
			e.TTL = 9
		}
		e.Value = value
		c.Elements = append(c.Elements, e)
		if value == nil || e.ExpiresAt <= nowSec {
			continue
		}
		switch of.Kind() {
		case types.KindUDT:
			fields[i], parts = value, append(parts, value)
		case types.KindSet:
			parts = append(parts, key)
		case types.KindMap:
			parts = append(parts, key, value)
		default:
			parts = append(parts, value)
		}
	}
	if len(parts) == 0 {
		return c, nil
	}
	if of.Kind() == types.KindUDT {
		parts = fields
	}
	return c, of.AppendCollection(nil, parts)
}

// Whoever selects a multi-cell column sees the elements that live, in their order, and null if none does.
func TestMultiCellColumnsShowWhatLives(t *testing.T) {
	table := notes()
	read := plan(t, table, "SELECT c, sm, l, m, s, u FROM t")
	rapid.Check(t, func(t *rapid.T) {
		static, shown := drawComplex(t, table.Statics[0].Type)
		p := memoryPartition{key: keyOf(1)}
		if cell := static.Cell(table.Statics[0].ID, nil); rapid.Bool().Draw(t, "static") {
			p.static = &mutation.Row{Cells: []mutation.Cell{cell}}
		} else {
			shown = nil
		}
		var want []byte
		for c := range int32(3) {
			row := mutation.Row{Clustering: types.Int.AppendSortable(nil, encode(c)), Live: mutation.Liveness{Timestamp: 1, ExpiresAt: mutation.Forever}}
			cells := [][]byte{encode(c), shown}
			for _, col := range table.Regulars {
				complex, value := drawComplex(t, col.Type)
				if len(complex.Elements) > 0 {
					row.Cells = append(row.Cells, complex.Cell(col.ID, nil))
				}
				cells = append(cells, value)
			}
			slices.SortFunc(row.Cells, func(a, b mutation.Cell) int { return int(a.Column) - int(b.Column) })
			p.rows = append(p.rows, row)
			for _, v := range cells {
				want = AppendCell(want, v)
			}
		}
		src := &memorySource{partitions: []memoryPartition{p}, batchRows: 2}
		got, _, err := pages(src, read, 0, 0)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%q, %v; want %q", got, err, want)
		}
	})
}

// What is no multi-cell value is an error, not a wrong answer.
func TestBrokenMultiCellColumns(t *testing.T) {
	table := notes()
	read := plan(t, table, "SELECT m, s, u FROM t")
	for _, c := range []struct {
		column string
		value  []byte
	}{
		{"m", []byte{9}},
		{"s", mutation.AppendComplex(nil, &mutation.Complex{Elements: []mutation.Element{{Path: []byte{1, 2, 3}, ExpiresAt: mutation.Forever}}})},
		{"u", mutation.AppendComplex(nil, &mutation.Complex{Elements: []mutation.Element{{Path: []byte{1}, ExpiresAt: mutation.Forever}}})},
		{"sm", []byte{9}},
	} {
		p := memoryPartition{key: keyOf(1)}
		row := mutation.Row{Clustering: types.Int.AppendSortable(nil, encode(int32(1)))}
		cell := mutation.Cell{Column: table.Column(c.column).ID, Complex: true, ExpiresAt: mutation.Forever, Value: c.value}
		if row.Cells = []mutation.Cell{cell}; c.column == "sm" {
			p.static = &mutation.Row{Cells: row.Cells}
		} else {
			p.rows = []mutation.Row{row}
		}
		_, _, err := pages(&memorySource{partitions: []memoryPartition{p}, batchRows: 2}, read, 0, 0)
		if !errors.Is(err, mutation.ErrCorrupt) && !errors.Is(err, types.ErrCorrupt) {
			t.Errorf("%s: %v", c.column, err)
		}
	}
}
