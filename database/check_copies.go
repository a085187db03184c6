package database

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/exec"
	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/querytable"
	"github.com/eskerdb/esker/schema"
)

// CheckRowsMax is how many divergences CHECK QUERY TABLE tells one by one. All are counted, and mended if asked for.
const CheckRowsMax = 10_000

const (
	checkRowsMax  = 2048    // rows compared at a time
	checkBytesMax = 1 << 20 // about, of rows compared at a time
)

// Kinds of divergence.
const (
	rowMissing   = "missing"
	rowExtra     = "extra"
	rowDifferent = "different"
)

// divergence is a row of a copy that is not what its base says.
type divergence struct {
	kind   string
	at     place // in the copy
	origin place // of the base row
	detail string
}

// place is where a row stands.
type place struct {
	key        partition.DecoratedKey
	clustering []byte // nil: of no row, but of the static row
}

func (p place) compare(o place) int {
	return cmp.Or(p.key.Compare(o.key), bytes.Compare(p.clustering, o.clustering))
}

// expected is a row that the copy should have.
type expected struct {
	at, origin place
	row        mutation.Row
}

// copyCheck compares a copy with the projection of its base.
type copyCheck struct {
	checkView
	id        mutation.TableID // of the copy
	keyspace  string
	name      string
	repair    bool
	base      *schema.Table
	copied    *schema.Table
	projector *querytable.Projector
	nowSec    int64
	retention *retentionCheck // nil: rows of the base end by their TTL alone

	baseRows, copyRows int64
	found, mended      int64
	answer             exec.Result
}

// checkCopy carries out CHECK QUERY TABLE. Every row is compared with its counterpart in one View, many rows in the same;
// a long check takes a new one from time to time. What diverges is in all of them.
func (d *Database) checkCopy(st *Statement, plan *planner.CheckCopy) (*Result, error) {
	c := &copyCheck{checkView: checkView{d: d}, id: plan.Table.ID, keyspace: plan.Table.Keyspace, name: plan.Table.Name, repair: plan.Repair}
	c.answer.Columns = st.Plan.Result
	if err := c.run(); err != nil {
		return nil, err
	}
	return &Result{Kind: ResultRows, Rows: &c.answer, Warnings: []string{c.summary()}}, nil
}

// run compares the base with the copy, and then the copy with the base.
func (c *copyCheck) run() error {
	c.d.reads <- struct{}{}
	defer func() { <-c.d.reads }()
	defer c.close()
	if err := c.renew(); err != nil {
		return err
	}
	if err := c.pass(func() mutation.TableID { return c.base.ID }, c.compareBase); err != nil {
		return err
	}
	return c.pass(func() mutation.TableID { return c.copied.ID }, c.compareCopy)
}

// renew looks at the schema and takes a View, unless the last one is young enough.
func (c *copyCheck) renew() error {
	taken, err := c.checkView.renew(c.define)
	if taken {
		c.nowSec = c.from.Unix()
		c.retention = newRetentionCheck(c.view, c.base, c.from.UnixMilli())
	}
	return err
}

// define finds the copy and its base in the schema.
func (c *copyCheck) define() error {
	s := c.d.Schema()
	t := s.Table(c.keyspace, c.name)
	if t == nil || t.ID != c.id {
		return &planner.InvalidError{Message: fmt.Sprintf("query table %s.%s was dropped or rebuilt while it was checked; check it again", c.keyspace, c.name)}
	}
	if !t.Live() {
		return &planner.InvalidError{Message: fmt.Sprintf("query table %s is being built: check it when it is live, as system_views.query_tables tells", t.QualifiedName())}
	}
	base := s.Table(c.keyspace, t.Copy.Base)
	projector, err := querytable.New(base, t)
	if err != nil {
		return err
	}
	c.base, c.copied, c.projector = base, t, projector
	return nil
}

// part is what is compared at a time: rows of one of the tables.
type part struct {
	expected []expected // of rows of the base
	found    []expected // rows of the copy, with no origin yet
	rows     int
	bytes    int
}

// pass walks one of the tables and compares its rows part by part.
func (c *copyCheck) pass(table func() mutation.TableID, compare func(jobs.Place) (jobs.Place, bool, []divergence, int64, error)) error {
	at := jobs.Place{}
	for {
		if err := c.renew(); err != nil {
			return err
		}
		to, done, found, rows, err := compare(at)
		if err != nil {
			return err
		}
		if c.outdated() {
			continue // compared by a definition that may not have been that of the View
		}
		if err := c.report(found); err != nil {
			return err
		}
		at = to
		if table() == c.base.ID {
			c.baseRows += rows
		} else {
			c.copyRows += rows
		}
		if done {
			return nil
		}
	}
}

// compareBase projects rows of the base and looks for what the copy should have.
func (c *copyCheck) compareBase(from jobs.Place) (to jobs.Place, done bool, found []divergence, rows int64, err error) {
	var p part
	to, done, err = jobs.Walk(c.view, c.base.ID, from, func(key *partition.DecoratedKey, side *mutation.Side, row *mutation.Row) (jobs.Next, error) {
		if (row == nil) != c.projector.PerPartition() {
			return jobs.NextRow, nil
		}
		p.rows++
		if row != nil {
			at := place{*key, row.Clustering}
			if ended, err := c.retention.ended(at, c.base, at, row); err != nil || ended {
				return c.next(&p), err
			}
		}
		projected, err := c.projector.Project(*key, querytable.Base{Static: side.Static, Row: row}, c.nowSec)
		if err != nil {
			return jobs.Stop, err
		}
		for i := range projected {
			e := expected{row: *projected[i].Row.Clone()}
			e.at = place{projected[i].Key, append([]byte{}, e.row.Clustering...)}
			e.origin.key = partition.DecoratedKey{Token: key.Token, Key: bytes.Clone(key.Key)}
			if row != nil {
				e.origin.clustering = append([]byte{}, row.Clustering...)
			}
			p.expected = append(p.expected, e)
			p.bytes += e.row.Bytes()
		}
		return c.next(&p), nil
	})
	if err != nil {
		return to, done, nil, 0, err
	}
	found, err = c.missing(p.expected)
	return to, done, found, int64(p.rows), err
}

func (c *copyCheck) full(p *part) bool {
	return p.rows >= c.d.checkRowsMax || p.bytes >= checkBytesMax
}

// nextOf says how a walk over the copy goes on.
func (c *copyCheck) nextOf(p *part) jobs.Next {
	if c.full(p) {
		return jobs.Stop
	}
	return jobs.NextRow
}

// next says how a walk over the base goes on.
func (c *copyCheck) next(p *part) jobs.Next {
	switch {
	case c.full(p):
		return jobs.Stop
	case c.projector.PerPartition():
		return jobs.NextPartition
	}
	return jobs.NextRow
}

// missing are the rows expected that the copy does not have, or not so.
func (c *copyCheck) missing(want []expected) ([]divergence, error) {
	slices.SortFunc(want, func(a, b expected) int { return a.at.compare(b.at) })
	var out []divergence
	err := c.each(c.copied.ID, want, func(e *expected) place { return e.at }, func(same []expected, _ *mutation.Side, rows map[string]*mutation.Row) error {
		for i := range same {
			e := &same[i]
			has := rows[string(e.at.clustering)]
			if !c.shows(has) {
				out = append(out, divergence{kind: rowMissing, at: e.at, origin: e.origin, detail: "the base has it"})
			} else if detail := c.difference(has, &e.row); detail != "" {
				out = append(out, divergence{kind: rowDifferent, at: e.at, origin: e.origin, detail: detail})
			}
		}
		return nil
	})
	return out, err
}

// each reads the rows that a sorted list names, a partition at a time.
func (c *copyCheck) each(table mutation.TableID, list []expected, at func(*expected) place, do func([]expected, *mutation.Side, map[string]*mutation.Row) error) error {
	for len(list) > 0 {
		key := at(&list[0]).key
		n := 1
		for n < len(list) && at(&list[n]).key.Equal(key) {
			n++
		}
		var wanted []clustering.Slice
		for i := range n {
			wanted = c.want(wanted, at(&list[i]))
		}
		side, rows, err := rowsAt(c.view, table, key, wanted)
		if err != nil {
			return err
		}
		if err := do(list[:n], side, rows); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// want adds the slice of a row to those that are read. A base row of a PerPartition copy is none: what lies beside rows is enough.
func (c *copyCheck) want(wanted []clustering.Slice, at place) []clustering.Slice {
	if at.clustering == nil {
		return wanted
	}
	return append(wanted, clustering.RowSlice(at.clustering))
}

// rowsAt reads rows of a partition by their clustering.
func rowsAt(view View, table mutation.TableID, key partition.DecoratedKey, wanted []clustering.Slice) (*mutation.Side, map[string]*mutation.Row, error) {
	side, rows, err := view.Rows(table, key, clustering.MakeSlices(wanted))
	if err != nil {
		return nil, nil, err
	}
	out := make(map[string]*mutation.Row, len(wanted))
	for {
		row, err := rows.Next()
		if err != nil || row == nil {
			return side, out, err
		}
		out[string(row.Clustering)] = row.Clone()
	}
}

// compareCopy walks rows of the copy and looks for the base rows that they come from.
func (c *copyCheck) compareCopy(from jobs.Place) (to jobs.Place, done bool, found []divergence, rows int64, err error) {
	var p part
	to, done, err = jobs.Walk(c.view, c.copied.ID, from, func(key *partition.DecoratedKey, _ *mutation.Side, row *mutation.Row) (jobs.Next, error) {
		if row == nil {
			return jobs.NextRow, nil
		}
		p.rows++
		if c.shows(row) {
			rows++
			e := expected{at: place{partition.DecoratedKey{Token: key.Token, Key: bytes.Clone(key.Key)}, append([]byte{}, row.Clustering...)}}
			var err error
			if e.origin.key, e.origin.clustering, err = c.projector.Origin(e.at.key, e.at.clustering); err != nil {
				return jobs.Stop, err
			}
			if ended, err := c.retention.ended(e.origin, c.copied, e.at, row); err != nil || ended {
				return c.nextOf(&p), err
			}
			p.found = append(p.found, e)
			p.bytes += len(key.Key) + 2*len(row.Clustering)
		}
		return c.nextOf(&p), nil
	})
	if err != nil {
		return to, done, nil, 0, err
	}
	found, err = c.extra(p.found)
	return to, done, found, rows, err
}

// extra are the rows of the copy that no base row gives.
func (c *copyCheck) extra(has []expected) ([]divergence, error) {
	slices.SortFunc(has, func(a, b expected) int { return a.origin.compare(b.origin) })
	var out []divergence
	err := c.each(c.base.ID, has, func(e *expected) place { return e.origin }, func(same []expected, side *mutation.Side, rows map[string]*mutation.Row) error {
		for i := range same {
			e := &same[i]
			projected, err := c.project(e.origin, side, rows)
			if err != nil {
				return err
			}
			if find(projected, e.at) == nil {
				out = append(out, divergence{kind: rowExtra, at: e.at, origin: e.origin, detail: "the base does not have it"})
			}
		}
		return nil
	})
	return out, err
}

// project are the rows of the copy that the base row at a place gives.
func (c *copyCheck) project(origin place, side *mutation.Side, rows map[string]*mutation.Row) ([]querytable.Row, error) {
	base := querytable.Base{Static: side.Static}
	if !c.projector.PerPartition() {
		if base.Row = rows[string(origin.clustering)]; base.Row == nil {
			return nil, nil
		}
	}
	return c.projector.Project(origin.key, base, c.nowSec)
}

// find is the row at a place; nil: there is none.
func find(projected []querytable.Row, at place) *mutation.Row {
	for i := range projected {
		if projected[i].Key.Equal(at.key) && bytes.Equal(projected[i].Row.Clustering, at.clustering) {
			return &projected[i].Row
		}
	}
	return nil
}

// shows reports whether a row of the copy can be seen.
func (c *copyCheck) shows(row *mutation.Row) bool {
	return row != nil && row.Deletion.IsNone() && row.Live.ExpiresAt > c.nowSec
}

// report answers with what was found, mended if that was asked for.
func (c *copyCheck) report(found []divergence) error {
	slices.SortFunc(found, func(a, b divergence) int { return a.at.compare(b.at) })
	if c.repair {
		if err := c.mend(found); err != nil {
			return err
		}
	}
	for i := range found {
		c.found++
		if c.answer.RowCount < CheckRowsMax {
			c.add(&found[i])
		}
	}
	return nil
}

func (c *copyCheck) add(f *divergence) {
	for _, cell := range []string{c.copied.QualifiedName(), f.kind, c.copied.PartitionText(f.at.key.Key), c.copied.ClusteringText(f.at.clustering), f.detail} {
		c.answer.Rows = exec.AppendCell(c.answer.Rows, []byte(cell))
	}
	c.answer.RowCount++
}

// summary is the warning that says how much was compared.
func (c *copyCheck) summary() string {
	out := fmt.Sprintf("query table %s: %d rows of %s and %d rows of the copy compared, %d divergences", c.copied.QualifiedName(), c.baseRows, c.base.QualifiedName(), c.copyRows, c.found)
	if c.repair {
		out += fmt.Sprintf(", %d mended", c.mended)
	}
	if c.found > int64(c.answer.RowCount) {
		out += fmt.Sprintf("; the first %d are told", c.answer.RowCount)
	}
	return out
}

// difference says how a row of the copy differs from what it should be; empty: it does not. What has ended does not count, since
// files may have forgotten it.
func (c *copyCheck) difference(has, want *mutation.Row) string {
	var out []byte
	if has.Live.ExpiresAt != want.Live.ExpiresAt {
		out = fmt.Appendf(out, "it ends %s, in the base %s", endText(has.Live.ExpiresAt), endText(want.Live.ExpiresAt))
	}
	for _, col := range c.copied.Regulars {
		a, b := c.cell(has, col.ID), c.cell(want, col.ID)
		if sameCell(a, b) {
			continue
		}
		if len(out) > 0 {
			out = append(out, "; "...)
		}
		out = fmt.Appendf(out, "%s is %s, in the base %s", col.Name, cellText(col.Type, a), cellText(col.Type, b))
	}
	return string(out)
}

func (c *copyCheck) cell(row *mutation.Row, id mutation.ColumnID) *mutation.Cell {
	for i := range row.Cells {
		x := &row.Cells[i]
		if x.Column != id || x.IsTombstone() || x.ExpiresAt <= c.nowSec {
			continue
		}
		if x.Complex {
			if living, err := querytable.Living(*x, c.nowSec); err == nil {
				return &living
			}
		}
		return x
	}
	return nil
}

func sameCell(a, b *mutation.Cell) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Timestamp == b.Timestamp && a.TTL == b.TTL && a.ExpiresAt == b.ExpiresAt && bytes.Equal(a.Value, b.Value)
}

// cellText is a cell with what belongs to it.
func cellText(of *types.Type, c *mutation.Cell) string {
	if c == nil {
		return "null"
	}
	if c.Complex {
		return elementsText(c)
	}
	out := string(of.AppendLiteral(nil, c.Value)) + fmt.Sprintf(" (written %d", c.Timestamp)
	if c.TTL != 0 {
		out += fmt.Sprintf(", TTL %d, ends %s", c.TTL, endText(c.ExpiresAt))
	}
	return out + ")"
}

// elementsText says of a multi-cell column how much it has: what differs may be in any element.
func elementsText(c *mutation.Cell) string {
	var parts mutation.Complex
	if err := parts.Decode(c.Value); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d elements (the last written %d)", len(parts.Elements), c.Timestamp)
}

func endText(sec int64) string {
	if sec == mutation.Forever {
		return "never"
	}
	return time.Unix(sec, 0).UTC().Format(time.RFC3339)
}
