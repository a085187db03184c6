package querytable

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// kindsBase is base(k | ts | s static, n static | v, tags, x), whose columns have the numbers 1 to 5 in this order.
func kindsBase() *schema.Table {
	t := &schema.Table{Keyspace: "ks", Name: "base", Kind: schema.Base, Options: schema.DefaultOptions()}
	t.PartitionKey = []*schema.Column{{Name: "k", Kind: schema.PartitionKey, Type: types.Int}}
	t.Clustering = []*schema.Column{{Name: "ts", Kind: schema.ClusteringKey, Type: types.Timestamp}}
	for _, c := range []*schema.Column{
		{Name: "s", Kind: schema.Static, Type: types.Text}, {Name: "n", Kind: schema.Static, Type: types.Int},
		{Name: "v", Kind: schema.Regular, Type: types.Text}, {Name: "tags", Kind: schema.Regular, Type: types.Frozen(types.SetOf(types.Text))},
		{Name: "x", Kind: schema.Regular, Type: types.Int},
	} {
		t.AddColumn(c)
	}
	return t
}

// kind is a definition of a copy with what it means.
type kind struct {
	first                    string // the column before k and ts in the key: s, v, tag or hour
	notNullV, xAtLeast1, sIn bool
	ttl, retainSec           int64
}

func (k *kind) table() *schema.Table {
	t := &schema.Table{Keyspace: "ks", Name: "copy", Kind: schema.QueryTable, Options: schema.DefaultOptions(), Copy: &schema.Copy{Base: "base"}}
	of := types.Text
	switch k.first {
	case "tag":
		t.Copy.Keys = []schema.CopyKey{{Column: "tag", Function: schema.CopyUnnest, From: "tags"}}
	case "hour":
		of = types.Timestamp
		t.Copy.Keys = []schema.CopyKey{{Column: "hour", Function: schema.CopyTimeBucket, From: "ts", Bucket: partition.Bucketing{SizeMillis: 10_000}}}
	}
	t.PartitionKey = []*schema.Column{{Name: k.first, Kind: schema.PartitionKey, Type: of}}
	t.Clustering = []*schema.Column{
		{Name: "ts", Kind: schema.ClusteringKey, Type: types.Timestamp, Desc: true},
		{Name: "k", Kind: schema.ClusteringKey, Position: 1, Type: types.Int},
	}
	t.AddColumn(&schema.Column{Name: "n", Kind: schema.Regular, Type: types.Int})
	t.AddColumn(&schema.Column{Name: "x", Kind: schema.Regular, Type: types.Int})
	t.Copy.Columns = []schema.CopiedColumn{{From: 5, To: 2}, {From: 2, To: 1}}
	if k.notNullV {
		t.Copy.NotNull = []string{"v"}
	}
	if k.xAtLeast1 {
		t.Copy.Filters = append(t.Copy.Filters, schema.CopyFilter{Column: "x", Op: ">=", Values: [][]byte{types.AppendInt(nil, 1)}})
	}
	if k.sIn {
		t.Copy.Filters = append(t.Copy.Filters, schema.CopyFilter{Column: "s", Op: "IN", Values: [][]byte{[]byte("a"), []byte("c")}})
	}
	t.Options.DefaultTTLSec = int32(k.ttl)
	t.Copy.RetentionMillis, t.Copy.RetentionBy = k.retainSec*1000, "ts"
	return t
}

// place is a row of the base: k and the seconds of ts.
type place struct{ k, sec int64 }

// shown are the rows that a reader of the copy must see, by the definition and the base alone.
func (k *kind) shown(rows map[place]*mutation.Row, statics map[int64]*mutation.Row, now int64) []string {
	var out []string
	for at, row := range rows {
		if row == nil || k.retainSec > 0 && now >= at.sec+k.retainSec {
			continue
		}
		young := func(micros, end int64) bool { return now < end && (k.ttl == 0 || now < micros/1_000_000+k.ttl) }
		shows := young(row.Live.Timestamp, row.Live.ExpiresAt)
		values := map[mutation.ColumnID]string{}
		cells := row.Cells
		for _, c := range cells {
			shows = shows || !c.IsTombstone() && young(c.Timestamp, c.ExpiresAt)
		}
		if s := statics[at.k]; s != nil {
			cells = append(slices.Clone(s.Cells), cells...)
		}
		for _, c := range cells {
			if !c.IsTombstone() && now < c.ExpiresAt {
				values[c.Column] = string(c.Value) + fmt.Sprintf(" @%d", c.Timestamp)
			}
		}
		value := func(id mutation.ColumnID) (string, bool) {
			v, has := values[id]
			return strings.SplitN(v, " @", 2)[0], has
		}
		_, hasV := value(3)
		x, hasX := value(5)
		s, hasS := value(1)
		if !shows || k.notNullV && !hasV || k.xAtLeast1 && (!hasX || x < string(types.AppendInt(nil, 1))) || k.sIn && (!hasS || s != "a" && s != "c") {
			continue
		}
		line := func(first string) {
			out = append(out, fmt.Sprintf("%q %d %d n=%q x=%q", first, at.sec, at.k, values[2], values[5]))
		}
		tags, hasTags := value(4)
		switch {
		case k.first == "s" && hasS && s != "":
			line(s)
		case k.first == "v" && hasV:
			v, _ := value(3)
			line(v)
		case k.first == "hour":
			line(fmt.Sprint(at.sec - at.sec%10))
		case k.first == "tag" && hasTags:
			for _, tag := range []string{"p", "q", "r"} {
				if strings.Contains(tags, tag) {
					line(tag)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// read is what a reader of the copy sees.
func (k *kind) read(r *rapid.T, copies map[string]mutation.Row, now int64) []string {
	var out []string
	for at, row := range copies {
		if !row.Deletion.IsNone() || now >= row.Live.ExpiresAt {
			continue
		}
		first, encoded, _ := strings.Cut(at, "\xff\xff")
		if k.first == "hour" {
			first = fmt.Sprint(types.DecodeInt64([]byte(first)) / 1000)
		}
		key, err := k.table().ClusteringLayout().Decode([]byte(encoded))
		if err != nil {
			r.Fatal(err)
		}
		values := map[mutation.ColumnID]string{}
		for i, c := range row.Cells {
			if i > 0 && row.Cells[i-1].Column >= c.Column {
				r.Fatalf("cells out of order: %+v", row.Cells)
			}
			if now < c.ExpiresAt {
				values[c.Column] = string(c.Value) + fmt.Sprintf(" @%d", c.Timestamp)
			}
		}
		out = append(out, fmt.Sprintf("%q %d %d n=%q x=%q", first, types.DecodeInt64(key[0])/1000, types.DecodeInt64(key[1]), values[1], values[2]))
	}
	slices.Sort(out)
	return out
}

// genCells draws cells of some columns, as a merged row has them.
func genCells(r *rapid.T, columns map[mutation.ColumnID]func() string) []mutation.Cell {
	var out []mutation.Cell
	for _, id := range slices.Sorted(maps.Keys(columns)) {
		c := mutation.Cell{Column: id, Timestamp: rapid.Int64Range(0, 20).Draw(r, "written") * 1_000_000, ExpiresAt: forever}
		switch rapid.IntRange(0, 5).Draw(r, "cell") {
		case 0:
			continue
		case 1:
			c.ExpiresAt = 5 // a tombstone
		case 2:
			c.TTL, c.ExpiresAt, c.Value = 7, rapid.SampledFrom([]int64{10, 20, 30}).Draw(r, "until"), []byte(columns[id]())
		default:
			c.Value = []byte(columns[id]())
		}
		out = append(out, c)
	}
	return out
}

// touchedAgain is a static row with the same values as another, one of them written anew.
func touchedAgain(r *rapid.T, row *mutation.Row) *mutation.Row {
	out := &mutation.Row{Cells: slices.Clone(row.Cells)}
	c := &out.Cells[rapid.IntRange(0, len(out.Cells)-1).Draw(r, "which")]
	c.Timestamp += 1_000_000
	if c.TTL > 0 {
		c.ExpiresAt += 10
	} else if !c.IsTombstone() && rapid.Bool().Draw(r, "to end") {
		c.TTL, c.ExpiresAt = 7, 20
	}
	return out
}

// history is a base under change with a copy that follows it.
type history struct {
	*rapid.T
	p       *Projector
	rows    map[place]*mutation.Row
	statics map[int64]*mutation.Row
	copies  map[string]mutation.Row
	now     int64
}

// apply writes what a change makes of the copy.
func (h *history) apply(at place, before, after Base) {
	ms, err := h.p.Difference(partition.Decorate(types.AppendInt(nil, int32(at.k))), before, after, h.now)
	if err != nil {
		h.Fatal(err)
	}
	for _, m := range ms {
		for _, row := range m.Rows {
			h.copies[string(m.Key.Key)+"\xff\xff"+string(row.Clustering)] = row
		}
	}
}

func (h *history) number() string {
	return string(types.AppendInt(nil, rapid.Int32Range(0, 2).Draw(h.T, "number")))
}

func (h *history) text() string {
	return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(h.T, "text")
}

func (h *history) tags() string {
	some := rapid.SampledFrom([][][]byte{{}, {[]byte("p")}, {[]byte("p"), []byte("q")}, {[]byte("q"), []byte("r")}}).Draw(h.T, "tags")
	return string(types.SetOf(types.Text).AppendCollection(nil, some))
}

// changeStatic gives a partition another static row.
func (h *history) changeStatic(k int64) {
	before, after := h.statics[k], &mutation.Row{Cells: genCells(h.T, map[mutation.ColumnID]func() string{1: h.text, 2: h.number})}
	if before != nil && len(before.Cells) > 0 && rapid.Bool().Draw(h.T, "again") {
		after = touchedAgain(h.T, before)
	}
	if h.p.StaticsDiffer(before, after) {
		for at, row := range h.rows {
			if at.k == k {
				h.apply(at, Base{before, row}, Base{after, row})
			}
		}
	}
	h.statics[k] = after
}

// changeRow gives a place another row, or none.
func (h *history) changeRow(at place) {
	after := &mutation.Row{Cells: genCells(h.T, map[mutation.ColumnID]func() string{3: h.text, 4: h.tags, 5: h.number})}
	var err error
	if after.Clustering, err = h.p.base.ClusteringLayout().Encode([][]byte{types.AppendTimestampMillis(nil, at.sec*1000)}); err != nil {
		h.Fatal(err)
	}
	if rapid.Bool().Draw(h.T, "live") {
		after.Live = mutation.Liveness{Timestamp: rapid.Int64Range(0, 20).Draw(h.T, "live since") * 1_000_000, ExpiresAt: rapid.SampledFrom([]int64{25, forever}).Draw(h.T, "live until")}
	}
	if rapid.IntRange(0, 6).Draw(h.T, "gone") == 0 {
		after = nil
	}
	h.apply(at, Base{h.statics[at.k], h.rows[at]}, Base{h.statics[at.k], after})
	h.rows[at] = after
}

// TestEveryKindEqualsItsProjection: the differences keep copies of every kind equal to their projection at every
// moment from the last write on, whatever happens to rows and static rows (R39, R39a).
func TestEveryKindEqualsItsProjection(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		k := &kind{
			first: rapid.SampledFrom([]string{"s", "v", "tag", "hour"}).Draw(r, "first"), notNullV: rapid.Bool().Draw(r, "v"), xAtLeast1: rapid.Bool().Draw(r, "x"),
			sIn: rapid.Bool().Draw(r, "s"), ttl: rapid.SampledFrom([]int64{0, 15}).Draw(r, "ttl"), retainSec: rapid.SampledFrom([]int64{0, 12}).Draw(r, "retention"),
		}
		p, err := New(kindsBase(), k.table())
		if err != nil {
			r.Fatal(err)
		}
		h := &history{r, p, map[place]*mutation.Row{}, map[int64]*mutation.Row{}, map[string]mutation.Row{}, 0}
		for range rapid.IntRange(1, 10).Draw(r, "writes") {
			h.now += rapid.Int64Range(0, 6).Draw(r, "passes")
			at := place{rapid.Int64Range(0, 1).Draw(r, "k"), rapid.SampledFrom([]int64{3, 9, 14}).Draw(r, "sec")}
			if rapid.IntRange(0, 3).Draw(r, "static") == 0 {
				h.changeStatic(at.k)
			} else {
				h.changeRow(at)
			}
			for _, later := range []int64{0, 1, 5, 9, 20, 100} {
				if got, want := k.read(r, h.copies, h.now+later), k.shown(h.rows, h.statics, h.now+later); !slices.Equal(got, want) {
					r.Fatalf("at %d\n got %v\nwant %v", h.now+later, got, want)
				}
			}
		}
	})
}
