package exec

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// drawVector is a column of a batch, of any kind, with or without gaps.
func drawVector(t *rapid.T, of *types.Type, rows int) (v mutation.Vector) {
	physical, width := mutation.PhysicalOf(of)
	v.Reset(physical, width)
	gaps, odd := rapid.Bool().Draw(t, "gaps"), rapid.IntRange(0, 9).Draw(t, "odd") == 0
	for range rows {
		switch {
		case gaps && rapid.Bool().Draw(t, "absent"):
			v.AppendAbsent()
		case width == 0:
			v.Append(rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "bytes"))
		case odd && rapid.IntRange(0, 4).Draw(t, "empty") == 0:
			v.Append(nil) // the empty value: the vector holds bytes from now on
		default:
			v.Append(rapid.SliceOfN(rapid.Byte(), width, width).Draw(t, "value"))
		}
	}
	return v
}

// Rows that are made column by column are those made value by value, as many as have room.
func TestVectorsAreEncodedAsValues(t *testing.T) {
	kinds := []*types.Type{types.Tinyint, types.Smallint, types.Int, types.Bigint, types.Float, types.Double, types.Text, types.Timestamp}
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(1, 200).Draw(t, "rows")
		batch := &mutation.Batch{Rows: rows}
		table := &schema.Table{}
		r := &row{table: table, batch: batch, key: [][]byte{[]byte("key")}, statics: []*mutation.Cell{{Value: []byte("static")}, nil, {}}}
		var outputs []planner.Output
		add := func(e planner.Expr) { outputs = append(outputs, planner.Output{Expr: e}) }
		for range rapid.IntRange(1, 6).Draw(t, "columns") {
			kind := rapid.SampledFrom(kinds).Draw(t, "type")
			switch rapid.IntRange(0, 6).Draw(t, "column") {
			case 0:
				add(&planner.ColumnExpr{Column: &schema.Column{Kind: schema.PartitionKey, Type: types.Text}})
			case 1:
				add(&planner.ColumnExpr{Column: &schema.Column{Kind: schema.Static, Type: types.Text}, Slot: rapid.IntRange(0, 2).Draw(t, "static")})
			case 2:
				add(&planner.ConstExpr{Value: []byte("constant")})
			case 3:
				batch.Clustering = append(batch.Clustering, drawVector(t, kind, rows))
				add(&planner.ColumnExpr{Column: &schema.Column{Kind: schema.ClusteringKey, Type: kind}, Slot: len(batch.Clustering) - 1})
			default:
				batch.Columns = append(batch.Columns, drawVector(t, kind, rows))
				add(&planner.ColumnExpr{Column: &schema.Column{Kind: schema.Regular, Type: kind}, Slot: len(batch.Columns) - 1})
			}
		}
		e := encoder{outputs: outputs, sources: make([]cells, len(outputs))}
		e.begin(r)
		for range 3 {
			from := rapid.IntRange(0, rows-1).Draw(t, "from")
			s := span{from, rapid.IntRange(from+1, rows).Draw(t, "to")}
			room := rapid.SampledFrom([]int{1 << 40, 5000, 100, 30, 1}).Draw(t, "room")
			first := rapid.Bool().Draw(t, "first")
			want, n := []byte("before"), 0
			for r.i = s.from; r.i < s.to; r.i++ {
				longer := bytes.Clone(want)
				for i := range outputs {
					var err error
					if longer, err = r.appendExpr(longer, outputs[i].Expr); err != nil {
						t.Fatal(err)
					}
				}
				if len(longer)-len("before") > room && (n > 0 || !first) {
					break
				}
				want = longer
				n++
			}
			got, encoded := e.append([]byte("before"), s, room, first)
			if encoded != n || !bytes.Equal(got, want) {
				t.Fatalf("rows %v, room for %d bytes: %d rows %q\nwant %d rows %q", s, room, encoded, got, n, want)
			}
		}
	})
}

// A long answer grows by about a chunk at a time, however long its rows are.
func TestEncodedInChunks(t *testing.T) {
	for _, size := range []int{10, chunkBytes / 8, 2 * chunkBytes} {
		batch := &mutation.Batch{Rows: 20, Columns: make([]mutation.Vector, 1)}
		batch.Columns[0].Reset(mutation.PhysicalBytes, 0)
		for range batch.Rows {
			batch.Columns[0].Append(make([]byte, size))
		}
		e := encoder{outputs: []planner.Output{{Expr: &planner.ColumnExpr{Column: &schema.Column{Kind: schema.Regular, Type: types.Blob}}}}, sources: make([]cells, 1)}
		e.begin(&row{batch: batch})
		for at := 0; at < batch.Rows; {
			out, n := e.append(nil, span{at, batch.Rows}, 1<<40, false)
			if n == 0 || len(out) > max(chunkBytes, size+cellHead) {
				t.Fatalf("%d rows of %d bytes make %d at once", n, size, len(out))
			}
			at += n
		}
	}
}

// What a page allocates does not grow with its rows.
func TestRowsAreNotAllocated(t *testing.T) {
	table := readings()
	p := plan(t, table, "SELECT k, ts, d, v, s FROM t WHERE k = 1")
	allocations := func(rounds int) float64 {
		src := &repeated{batch: fullBatch(false)}
		buffer := make([]byte, 0, 1<<20)
		return testing.AllocsPerRun(5, func() {
			src.rounds = rounds
			if _, err := Run(src, p, Options{NowSec: nowSec, Buffer: buffer}); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := allocations(1), allocations(8); many > few+4 {
		t.Errorf("%v allocations for 1,024 rows, %v for eight times as many", few, many)
	}
}
