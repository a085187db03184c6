package sstable

import (
	"errors"
	"math"
	"testing"

	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
)

// colours is a set of which a member lives, one ends and one was taken away, after all of it was.
var colours = mutation.Complex{
	Deletion: mutation.Deletion{MarkedAt: 8, LocalSec: 30},
	Elements: []mutation.Element{
		{Path: []byte("amber"), Timestamp: 9, ExpiresAt: mutation.Forever, Value: []byte{}},
		{Path: []byte("blue"), Timestamp: 1 << 51, ExpiresAt: 40},
		{Path: []byte("green"), Timestamp: 10, TTL: 20, ExpiresAt: 50, Value: []byte{}},
	},
}

// complexFile has one row, with a cell of the multi-cell column 11.
func complexFile(t *testing.T, cell mutation.Cell) *Reader {
	t.Helper()
	table := testTable(mutation.ByTimestamp, layouts["time"])
	rows := sensorRows(t, table.Clustering, 1)
	rows[0].Cells = append(rows[0].Cells, cell)
	fs := vfs.NewMem()
	write(t, fs, WriterOptions{Table: table, FileID: 7}, []stored{{key: key(1), rows: rows}})
	return open(t, fs, table)
}

// What a file says of itself is of all that lies in a multi-cell column, as a purge asks for the oldest.
func TestFilesSeeIntoMultiCellColumns(t *testing.T) {
	r := complexFile(t, colours.Cell(11, nil))
	if err := r.Verify(); err != nil {
		t.Fatal(err)
	}
	i := r.Info()
	if i.MinTimestamp != 8 || i.MaxTimestamp != 1<<51 || i.MinLocalDeletion != 30 || i.MaxLocalDeletion != 40 ||
		i.MinExpiresAt != 50 || i.MaxExpiresAt != mutation.Forever || !i.HasCellTombstones || !i.HasExpiring {
		t.Errorf("%+v", i)
	}
	if oldest, _, err := r.MinTimestampOf(key(1)); oldest != 8 || err != nil {
		t.Errorf("the oldest of the partition is %d, %v", oldest, err)
	}
	p, err := r.Profile()
	if err != nil || p.Tombstones.Cells != 2 {
		t.Errorf("%+v, %v", p, err)
	}
	if run := partitionOf(t, r, 1).Run(); run.Blocks() != nil {
		t.Error("a block holds what may delete")
	}
}

// Verify looks into every value of a multi-cell column.
func TestVerifyLooksIntoMultiCellColumns(t *testing.T) {
	for name, change := range map[string]func(*mutation.Cell){
		"garbage":             func(c *mutation.Cell) { c.Value = []byte{0xff} },
		"an empty value":      func(c *mutation.Cell) { c.Value = nil },
		"a wrong timestamp":   func(c *mutation.Cell) { c.Timestamp-- },
		"a wrong end":         func(c *mutation.Cell) { c.ExpiresAt = 50 },
		"a TTL of its own":    func(c *mutation.Cell) { c.TTL = 5 },
		"the first timestamp": func(c *mutation.Cell) { c.Timestamp = math.MinInt64 },
	} {
		t.Run(name, func(t *testing.T) {
			cell := colours.Cell(11, nil)
			change(&cell)
			var corrupt *CorruptError
			if err := complexFile(t, cell).Verify(); !errors.As(err, &corrupt) {
				t.Errorf("Verify says %v", err)
			}
		})
	}
}

// A table that calls a column of a file multi-cell, or no longer so, is not the one it was written for.
func TestMultiCellColumnsStayWhatTheyAre(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	fs := vfs.NewMem()
	write(t, fs, WriterOptions{Table: table, FileID: 7}, nil)
	for _, id := range []mutation.ColumnID{3, 11} {
		other := testTable(mutation.ByTimestamp, layouts["time"])
		for i := range other.Columns {
			if c := &other.Columns[i]; c.ID == id {
				c.Complex = !c.Complex
			}
		}
		var corrupt *CorruptError
		if r, err := Open(fs, testPath, other, NewCache(1<<20)); !errors.As(err, &corrupt) {
			t.Errorf("column %d: %v, %v", id, r, err)
		}
	}
}
