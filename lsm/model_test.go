package lsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/mutationtest"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

const (
	columnInt    mutation.ColumnID = 1
	columnText   mutation.ColumnID = 2
	columnStatic mutation.ColumnID = 3
	columnDouble mutation.ColumnID = 4
	columnMap    mutation.ColumnID = 5 // multi-cell
	columnTags   mutation.ColumnID = 6 // multi-cell and static
)

const bucketMillis = 10_000

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func testTable(n byte) mutation.Table {
	t := mutation.Table{
		ID: mutation.TableID{n}, Name: fmt.Sprintf("test.t%d", n), Law: mutation.ByTimestamp,
		Clustering: clustering.Layout{{Type: types.ByName("timestamp")}},
		GCGraceSec: 864000,
		Columns: []mutation.Column{
			{ID: columnInt, Physical: mutation.PhysicalInt, Width: 4},
			{ID: columnText, Physical: mutation.PhysicalBytes},
			{ID: columnStatic, Physical: mutation.PhysicalBytes, Static: true},
			{ID: columnDouble, Physical: mutation.PhysicalDouble, Width: 8},
			{ID: columnMap, Physical: mutation.PhysicalBytes, Complex: true},
			{ID: columnTags, Physical: mutation.PhysicalBytes, Static: true, Complex: true},
		},
	}
	switch n {
	case 2:
		t.Bucket = partition.Bucketing{SizeMillis: bucketMillis}
		t.Clustering[0].Desc = true
	case 3:
		t.Law = mutation.BySequence
	case 4:
		t.GCGraceSec = 0
	case 5:
		t.Clustering = nil // a row a partition
	}
	return t
}

func testTables() []mutation.Table {
	return []mutation.Table{testTable(1), testTable(2), testTable(3), testTable(4), testTable(5)}
}

func testOptions(fs vfs.FS, clk clock.Clock) Options {
	return Options{
		FS: fs, Dir: "data", Clock: clk, MemtableBytes: 1 << 20,
		Tuning: Tuning{NoBackground: true, LogSegmentBytes: 16 << 10},
	}
}

func mustOpen(t testing.TB, opts Options) *Store {
	t.Helper()
	s, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustNot(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func keyOf(n int) partition.DecoratedKey { return partition.Decorate(fmt.Appendf(nil, "key%d", n)) }

func rowKey(t *mutation.Table, millis int64) []byte {
	if len(t.Clustering) == 0 {
		return []byte{}
	}
	enc, err := t.Clustering.Encode([][]byte{binary.BigEndian.AppendUint64(nil, uint64(millis))})
	if err != nil {
		panic(err)
	}
	return enc
}

// generator makes mutations. Write timestamps grow, so that none falls under a purged deletion (R45).
type generator struct {
	rng    *rand.Rand
	clock  *clock.Manual
	tick   int64
	tables []mutation.Table
}

func (g *generator) group() []mutation.Mutation {
	out := make([]mutation.Mutation, 1+g.rng.IntN(3))
	for i := range out {
		out[i] = g.mutation(&g.tables[g.rng.IntN(len(g.tables))])
	}
	return out
}

func (g *generator) mutation(t *mutation.Table) mutation.Mutation {
	g.tick += 1 + int64(g.rng.IntN(3))
	now := g.clock.Now().Unix()
	m := mutation.Mutation{Table: t.ID, Key: keyOf(g.rng.IntN(5))}
	deletion := mutation.Deletion{MarkedAt: g.tick, LocalSec: now}
	if t.Law == mutation.BySequence {
		deletion.MarkedAt = 0
	}
	switch g.rng.IntN(20) {
	case 0:
		m.Deletion = deletion
	case 1:
		a, b := g.millis(), g.millis()
		bounds := clustering.Slice{Start: clustering.Before(rowKey(t, a)), End: clustering.After(rowKey(t, b))}
		m.Ranges = []mutation.RangeTombstone{{Slice: bounds, Deletion: deletion}}
	case 2, 3:
		if t.Law == mutation.ByTimestamp {
			m.Static = &mutation.Row{Cells: []mutation.Cell{g.cell(columnStatic, 0)}}
			if g.rng.IntN(2) == 0 {
				m.Static.Cells = append(m.Static.Cells, g.complex(columnTags))
			}
			return m
		}
		fallthrough
	default:
		for range 1 + g.rng.IntN(6) {
			m.Rows = append(m.Rows, g.row(t, deletion))
		}
	}
	return m
}

func (g *generator) millis() int64 { return g.clock.Now().UnixMilli() + int64(g.rng.IntN(60))*1000 }

func (g *generator) row(t *mutation.Table, deletion mutation.Deletion) mutation.Row {
	r := mutation.Row{Clustering: rowKey(t, g.millis())}
	if g.rng.IntN(8) == 0 {
		r.Deletion = deletion
		if t.Law == mutation.BySequence {
			r.Deletion.MarkedAt = g.tick
		}
		return r
	}
	ttl := int32(0)
	if g.rng.IntN(4) == 0 {
		ttl = int32(1 + g.rng.IntN(100))
	}
	if t.Law == mutation.BySequence || g.rng.IntN(3) > 0 {
		r.Live = mutation.Liveness{Timestamp: g.tick, TTL: ttl, ExpiresAt: g.end(ttl)}
	}
	for _, id := range []mutation.ColumnID{columnInt, columnText, columnDouble} {
		if g.rng.IntN(3) > 0 {
			r.Cells = append(r.Cells, g.cell(id, ttl))
		}
	}
	if g.rng.IntN(3) == 0 {
		r.Cells = append(r.Cells, g.complex(columnMap))
	}
	return r
}

// complex makes a cell of a multi-cell column. Its timestamps are not below those of the generator, which go on above them.
func (g *generator) complex(id mutation.ColumnID) mutation.Cell {
	g.tick += 2 // a deletion is one before its elements
	c := mutationtest.Complex(g.rng.IntN, g.tick, g.clock.Now().Unix())
	g.tick += 4
	return c.Cell(id, nil)
}

func (g *generator) end(ttl int32) int64 {
	if ttl == 0 {
		return mutation.Forever
	}
	return g.clock.Now().Unix() + int64(ttl)
}

func (g *generator) cell(id mutation.ColumnID, ttl int32) mutation.Cell {
	c := mutation.Cell{Column: id, Timestamp: g.tick, TTL: ttl, ExpiresAt: g.end(ttl)}
	if g.rng.IntN(8) == 0 {
		c.TTL, c.ExpiresAt = 0, g.clock.Now().Unix()
		return c
	}
	switch id {
	case columnInt:
		c.Value = binary.BigEndian.AppendUint32(nil, g.rng.Uint32N(9))
	case columnDouble:
		c.Value = binary.BigEndian.AppendUint64(nil, g.rng.Uint64())
	default:
		c.Value = fmt.Appendf(nil, "v%d", g.rng.IntN(5))
	}
	return c
}

// model keeps every group and answers by merging them all, one by one.
type model struct {
	tables map[mutation.TableID]*mutation.Table
	groups []modelGroup
}

type modelGroup struct {
	sequence  uint64
	mutations []mutation.Mutation
}

func newModel(tables []mutation.Table) *model {
	m := &model{tables: make(map[mutation.TableID]*mutation.Table)}
	for _, t := range tables {
		m.tables[t.ID] = &t
	}
	return m
}

func (m *model) add(sequence uint64, ms []mutation.Mutation) {
	m.groups = append(m.groups, modelGroup{sequence, ms})
}

func (m *model) truncate(id mutation.TableID) {
	for i := range m.groups {
		g := &m.groups[i]
		g.mutations = slices.DeleteFunc(slices.Clone(g.mutations), func(mu mutation.Mutation) bool { return mu.Table == id })
	}
}

// modelPartition is one partition, merged.
type modelPartition struct {
	side mutation.Side
	rows map[string]mutation.Row
}

func (m *model) partition(t *mutation.Table, key partition.DecoratedKey, upTo uint64) modelPartition {
	p := modelPartition{rows: make(map[string]mutation.Row)}
	for _, g := range m.groups {
		for _, mu := range g.mutations {
			if mu.Table == t.ID && mu.Key.Equal(key) && g.sequence <= upTo {
				p.add(t, &mu, g.sequence)
			}
		}
	}
	return p
}

func (p *modelPartition) add(t *mutation.Table, mu *mutation.Mutation, sequence uint64) {
	stamp := func(d mutation.Deletion) mutation.Deletion {
		if t.Law == mutation.BySequence && !d.IsNone() && d.MarkedAt == 0 {
			d.MarkedAt = int64(sequence)
		}
		return d
	}
	side := mutation.Side{Deletion: stamp(mu.Deletion), Static: mu.Static}
	for _, r := range mu.Ranges {
		side.Ranges = append(side.Ranges, mutation.RangeTombstone{Slice: r.Slice, Deletion: stamp(r.Deletion)})
	}
	p.side = mutation.MergeSides(t.Law, &p.side, &side)
	for _, r := range mu.Rows {
		if t.Law == mutation.BySequence && r.Sequence == 0 {
			r.Sequence = sequence
		}
		old, found := p.rows[string(r.Clustering)]
		if found {
			mutation.MergeRow(t.Law, &old, &r)
		} else {
			old = r
			mutation.Normalize(t.Law, &old)
		}
		p.rows[string(r.Clustering)] = old
	}
}

// text renders what a read of req at now shows.
func (p *modelPartition) text(t *mutation.Table, req *mutation.ReadRequest, now int64) string {
	var out strings.Builder
	writeStatic(&out, p.side.Static, now)
	keys := slices.Sorted(maps.Keys(p.rows))
	if req.Reverse {
		slices.Reverse(keys)
	}
	b := mutation.NewBatchBuilder(t, req)
	for _, k := range keys {
		if !req.Slices.Contains([]byte(k)) {
			continue
		}
		row := p.rows[k]
		mutation.ApplyDeletion(t.Law, &row, p.side.Covering(row.Clustering))
		b.Reset()
		if err := b.Append(&row); err != nil {
			panic(err)
		}
		if batch := b.Batch(); batch != nil {
			writeBatch(&out, batch, req.Columns, now)
		}
	}
	return out.String()
}

func writeStatic(out *strings.Builder, static *mutation.Row, now int64) {
	if static == nil {
		return
	}
	for _, c := range static.Cells {
		if c.Complex {
			if living := mutationtest.Living(c.Value, now); living != "" {
				fmt.Fprintf(out, "static %d=%s\n", c.Column, living)
			}
		} else if !c.IsTombstone() && now < c.ExpiresAt {
			fmt.Fprintf(out, "static %d=%q@%d/%d\n", c.Column, c.Value, c.Timestamp, c.TTL)
		}
	}
}

// writeBatch renders the rows of a batch of columns that show at now.
func writeBatch(out *strings.Builder, b *mutation.Batch, columns []mutation.ColumnID, now int64) {
	for i := range b.Rows {
		until := mutation.Forever
		if b.AliveUntil != nil {
			until = b.AliveUntil[i]
		}
		if now >= until {
			continue
		}
		for k := range b.Clustering {
			fmt.Fprintf(out, "%x ", b.Clustering[k].AppendValue(nil, i))
		}
		fmt.Fprintf(out, "until %d:", until)
		for k := range b.Columns {
			v := &b.Columns[k]
			if !v.Has(i) || v.ExpiresAt != nil && now >= v.ExpiresAt[i] {
				continue
			}
			if columns[k] == columnMap { // what it says of itself counts what deletes, too
				if living := mutationtest.Living(v.AppendValue(nil, i), now); living != "" {
					fmt.Fprintf(out, " %d=%s", k, living)
				}
				continue
			}
			fmt.Fprintf(out, " %d=%x", k, v.AppendValue(nil, i))
			if v.Timestamps != nil {
				fmt.Fprintf(out, "@%d", v.Timestamps[i])
			}
			if v.TTLs != nil && v.TTLs[i] != 0 {
				fmt.Fprintf(out, "/%d", v.TTLs[i])
			}
		}
		out.WriteByte('\n')
	}
}

func allOf(t *mutation.Table, key partition.DecoratedKey) mutation.ReadRequest {
	req := mutation.ReadRequest{Key: key, Slices: clustering.All(), Metadata: true}
	for _, c := range t.Columns {
		if !c.Static {
			req.Columns = append(req.Columns, c.ID)
		}
	}
	return req
}

// readText reads req and renders it.
func readText(v *View, t *mutation.Table, req mutation.ReadRequest, now int64) (string, error) {
	r, err := v.Read(t.ID, req)
	if err != nil {
		return "", err
	}
	defer r.Close()
	var out strings.Builder
	writeStatic(&out, r.Side().Static, now)
	for {
		b, err := r.Next()
		if err != nil {
			return "", err
		}
		if b == nil {
			return out.String(), nil
		}
		writeBatch(&out, b, req.Columns, now)
	}
}

// rowsText renders the rows of View.Rows as Read would show them.
func rowsText(v *View, t *mutation.Table, req *mutation.ReadRequest, now int64) (string, error) {
	side, rows, err := v.Rows(t.ID, req.Key, req.Slices)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	writeStatic(&out, side.Static, now)
	b := mutation.NewBatchBuilder(t, req)
	for row, err := rows.Next(); row != nil || err != nil; row, err = rows.Next() {
		if err != nil {
			return "", err
		}
		b.Reset()
		if err := b.Append(row); err != nil {
			return "", err
		}
		if batch := b.Batch(); batch != nil {
			writeBatch(&out, batch, req.Columns, now)
		}
	}
	return out.String(), nil
}

// check compares everything a View shows with the model, in both lanes.
func (m *model) check(v *View, rng *rand.Rand, now int64) error {
	for _, noFast := range []bool{false, true} {
		v.store.opts.Tuning.NoFastLane = noFast
		for _, t := range m.tables {
			if err := m.checkKeys(v, t, now); err != nil {
				return fmt.Errorf("table %s: %w", t.Name, err)
			}
			for n := range 5 {
				if err := m.checkPartition(v, t, keyOf(n), rng, now); err != nil {
					return fmt.Errorf("slow lane %v: table %s: key %d: %w", noFast, t.Name, n, err)
				}
			}
		}
	}
	v.store.opts.Tuning.NoFastLane = false
	return nil
}

func (m *model) checkPartition(v *View, t *mutation.Table, key partition.DecoratedKey, rng *rand.Rand, now int64) error {
	p := m.partition(t, key, v.Sequence())
	all := allOf(t, key)
	some := allOf(t, key)
	some.Reverse, some.RowsMax, some.Columns = rng.IntN(2) == 0, rng.IntN(5), some.Columns[rng.IntN(2):]
	var in []clustering.Slice
	for range rng.IntN(4) {
		a := start.UnixMilli() + int64(rng.IntN(150))*1000
		in = append(in, clustering.Slice{Start: clustering.Before(rowKey(t, a)), End: clustering.After(rowKey(t, a+int64(rng.IntN(20)-10)*1000))})
	}
	some.Slices = clustering.MakeSlices(in)
	for _, req := range []mutation.ReadRequest{all, some} {
		got, err := readText(v, t, req, now)
		if err != nil {
			return err
		}
		merged, err := rowsText(v, t, &req, now)
		if err != nil {
			return err
		}
		if !req.Reverse && merged != got {
			return fmt.Errorf("at %d, slices %s: Rows gives\n%sRead gives\n%s", v.Sequence(), req.Slices, merged, got)
		}
		if err := summariesRight(v, t, req, now); err != nil {
			return err
		}
		if want := p.text(t, &req, now); got != want {
			return fmt.Errorf("at %d, slices %s, reverse %v: got\n%swant\n%s", v.Sequence(), req.Slices, req.Reverse, got, want)
		}
	}
	return nil
}

// summariesRight reads with summaries and compares each with the rows that it stands for.
func summariesRight(v *View, t *mutation.Table, req mutation.ReadRequest, now int64) error {
	req.Summaries, req.NowSec = true, now
	req.Columns = slices.DeleteFunc(slices.Clone(req.Columns), func(id mutation.ColumnID) bool { return id == columnText || id == columnMap })
	r, err := v.Read(t.ID, req)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		b, err := r.Next()
		if err != nil || b == nil {
			return err
		}
		if b.Summary == nil {
			continue
		}
		rows, columns := b.Rows, slices.Clone(b.Summary.Columns)
		first, last := int64(0), int64(0)
		if len(b.Clustering) > 0 {
			first, last = b.Clustering[0].Int(0), b.Clustering[0].Int(1)
		}
		r.(mutation.Expander).Expand()
		got := make([]mutation.ColumnSummary, len(columns))
		for seen := 0; seen < rows; {
			if b, err = r.Next(); err != nil || b == nil || b.Summary != nil {
				return fmt.Errorf("a summary of %d rows expands to %v after %d, %v", rows, b, seen, err)
			}
			if len(b.Clustering) > 0 && (seen == 0 && b.Clustering[0].Int(0) != first || seen+b.Rows == rows && b.Clustering[0].Int(b.Rows-1) != last) {
				return fmt.Errorf("a summary from %d to %d has rows from %d to %d", first, last, b.Clustering[0].Int(0), b.Clustering[0].Int(b.Rows-1))
			}
			seen += b.Rows
			for k := range b.Columns {
				countColumn(&got[k], &b.Columns[k], b.Rows)
			}
		}
		for k := range columns {
			want := columns[k]
			if got[k].Count != want.Count || want.Count > 0 && (got[k].First != want.First || got[k].Last != want.Last || got[k].SumLow != want.SumLow) {
				return fmt.Errorf("column %d: the summary says %+v, the rows %+v", k, want, got[k])
			}
		}
	}
}

// countColumn adds what a vector has to a summary.
func countColumn(s *mutation.ColumnSummary, v *mutation.Vector, rows int) {
	for i := range rows {
		if !v.Has(i) {
			continue
		}
		if s.Count++; s.Count == 1 {
			s.First = v.Words[i]
		}
		s.Last = v.Words[i]
		if v.Physical == mutation.PhysicalInt {
			s.SumLow += v.Words[i]
		}
	}
}

func (m *model) checkKeys(v *View, t *mutation.Table, now int64) error {
	it, err := v.Keys(t.ID, partition.Range{})
	if err != nil {
		return err
	}
	defer it.Close()
	seen := make(map[string]bool)
	var last *partition.DecoratedKey
	for {
		k, err := it.Next()
		if err != nil {
			return err
		}
		if k == nil {
			break
		}
		if last != nil && last.Compare(*k) >= 0 {
			return errors.New("keys are out of order")
		}
		last = &partition.DecoratedKey{Token: k.Token, Key: slices.Clone(k.Key)}
		seen[string(k.Key)] = true
	}
	for n := range 5 {
		key := keyOf(n)
		p := m.partition(t, key, v.Sequence())
		req := allOf(t, key)
		if p.text(t, &req, now) != "" && !seen[string(key.Key)] {
			return fmt.Errorf("key %d is missing", n)
		}
	}
	return nil
}
