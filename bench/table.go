package bench

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// layout is the clustering of the workload's table: one timestamp.
var layout = clustering.Layout{{Type: types.Timestamp}}

// tableID is the identity of the workload's table in process.
var tableID = mutation.TableID{1}

// dayMillis is how much event time the files of the workload's table hold.
const dayMillis = 86_400_000

// CQLType is the name of the kind in CQL.
func (k Kind) CQLType() string {
	return map[Kind]string{Double: "double", Float: "float", Int: "int", Text: "text", Bool: "boolean"}[k]
}

// physical is how a vector holds the kind, with the bytes of a value.
func (k Kind) physical() (mutation.Physical, int) {
	switch k {
	case Double:
		return mutation.PhysicalDouble, 8
	case Float:
		return mutation.PhysicalFloat, 4
	case Int:
		return mutation.PhysicalInt, 4
	case Bool:
		return mutation.PhysicalInt, 1
	}
	return mutation.PhysicalBytes, 0
}

// columnID numbers the columns of the table from 1.
func columnID(column int) mutation.ColumnID { return mutation.ColumnID(column + 1) }

// table is the workload's table as the store sees it: ((device), ts).
func (w *Workload) table() mutation.Table {
	t := mutation.Table{
		ID: tableID, Name: "bench.readings", Law: mutation.ByTimestamp, Clustering: layout, GCGraceSec: 864000,
		Bucket: partition.Bucketing{SizeMillis: dayMillis},
	}
	for i, c := range w.Columns {
		physical, width := c.Kind.physical()
		t.Columns = append(t.Columns, mutation.Column{ID: columnID(i), Physical: physical, Width: width})
	}
	return t
}

// CreateTable is the statement that makes the workload's table; options, if any, follow WITH.
func (w *Workload) CreateTable(name, options string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE %s (device text, ts timestamp", name)
	for _, c := range w.Columns {
		fmt.Fprintf(&b, ", %s %s", c.Name, c.Kind.CQLType())
	}
	b.WriteString(", PRIMARY KEY ((device), ts))")
	if options != "" {
		b.WriteString(" WITH " + options)
	}
	return b.String()
}

// Insert is the statement that writes a reading, with a bind marker for each column.
func (w *Workload) Insert(table string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s (device, ts", table)
	for _, c := range w.Columns {
		b.WriteString(", " + c.Name)
	}
	b.WriteString(") VALUES (?, ?" + strings.Repeat(", ?", len(w.Columns)) + ")")
	return b.String()
}

// appendValue appends the serialized value of a column, as it goes over the wire.
func appendValue(dst []byte, kind Kind, word uint64) []byte {
	switch kind {
	case Double:
		return binary.BigEndian.AppendUint64(dst, word)
	case Float, Int:
		return binary.BigEndian.AppendUint32(dst, uint32(word))
	case Bool:
		return append(dst, byte(word))
	}
	return append(dst, Statuses[word]...)
}

// appendLiteral appends the value of a column as CQL writes it.
func appendLiteral(dst []byte, kind Kind, word uint64) []byte {
	switch kind {
	case Double:
		return strconv.AppendFloat(dst, math.Float64frombits(word), 'g', -1, 64)
	case Float:
		return strconv.AppendFloat(dst, float64(math.Float32frombits(uint32(word))), 'g', -1, 32)
	case Int:
		return strconv.AppendInt(dst, int64(int32(word)), 10)
	case Bool:
		return strconv.AppendBool(dst, word != 0)
	}
	return append(append(append(dst, '\''), Statuses[word]...), '\'')
}

// appendInsert appends an INSERT of a reading with its values as literals.
func (w *Workload) appendInsert(dst []byte, table string, device int, r *Reading) []byte {
	dst = append(append(append(dst, "INSERT INTO "...), table...), " (device, ts"...)
	for i, c := range w.Columns {
		if r.Has(i) {
			dst = append(append(dst, ", "...), c.Name...)
		}
	}
	dst = append(append(append(dst, ") VALUES ('"...), w.Names[device]...), "', "...)
	dst = strconv.AppendInt(dst, r.Millis, 10)
	for i, c := range w.Columns {
		if r.Has(i) {
			dst = appendLiteral(append(dst, ", "...), c.Kind, r.Words[i])
		}
	}
	return append(dst, ')')
}

// bound is the position before a time.
func bound(millis int64) clustering.Bound {
	return clustering.Before(layout[0].Append(nil, types.AppendTimestampMillis(nil, millis)))
}

// between is the slice of the times from start to before end.
func between(start, end int64) clustering.Slices {
	return clustering.MakeSlices([]clustering.Slice{{Start: bound(start), End: bound(end)}})
}
