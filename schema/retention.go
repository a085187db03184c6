package schema

import (
	"math"
	"slices"

	"github.com/eskerdb/esker/mutation"
)

// Retention says when rows of a table end, beside their TTL (R37).
type Retention struct {
	By     string `json:",omitempty"` // clustering column of a time that Millis counts from
	Millis int64  `json:",omitempty"` // 0: rows of partitions without a policy do not end by their time
	Column string `json:",omitempty"` // regular timestamp column with the end of its row
	// Policies replace Millis in the partitions that they match; of several the longest counts. Ascending by name.
	Policies []Policy `json:",omitempty"`
	// Floored says that a policy has looked at static columns: what they were before may have ended rows of single partitions.
	Floored bool `json:",omitempty"`
	// Former is what held before, oldest first: what had ended by it stays ended. Changes numbers them.
	Former  []FormerRetention `json:",omitempty"`
	Changes int               `json:",omitempty"` // how many there were, with those that hide nothing any more
	// Fresh is how many there were when the table held nothing the last time: what statics were before then has ended no row.
	Fresh int `json:",omitempty"`
}

// Policy is a CREATE RETENTION POLICY.
type Policy struct {
	Name   string       // unique in the keyspace
	Where  []CopyFilter // on columns of the partition key and static columns; all must hold
	Millis int64        // rows show so long after their time; 0: they do not end by it
}

// FormerRetention is a retention that held until a moment.
type FormerRetention struct {
	Millis      int64    `json:",omitempty"`
	Column      string   `json:",omitempty"`
	Policies    []Policy `json:",omitempty"`
	UntilMillis int64    // milliseconds since 1970
	Number      int      `json:",omitempty"` // from 0, one more with each
}

// IsNone reports whether no row ends by the retention, and none has.
func (r *Retention) IsNone() bool {
	return r == nil || r.Millis == 0 && r.Column == "" && len(r.Policies) == 0 && len(r.Former) == 0 && !r.Floored
}

// Option is the retention as the option of a table; empty where it is none.
func (r *Retention) Option() map[string]string {
	out := map[string]string{}
	switch {
	case r == nil:
		return nil
	case r.Millis > 0:
		out["by"], out["duration"] = r.By, DurationText(r.Millis)
	case len(r.Policies) > 0:
		out["by"], out["duration"] = r.By, "forever"
	}
	if r.Column != "" {
		out["column"] = r.Column
	}
	return out
}

// Known is what is known of a partition whose retention is asked for: the value of a column of the partition key or a static
// one, nil where it is null; known is false where the caller has not read it yet.
type Known func(column *Column) (value []byte, known bool)

// ValuesKnown are the values of a partition key and of the static columns, each in the order of the table; statics that are nil
// as a whole are not known.
func ValuesKnown(key, statics [][]byte, columns []*Column) Known {
	return func(c *Column) ([]byte, bool) {
		if c.Kind == PartitionKey {
			return key[c.Position], true
		}
		if i := slices.Index(columns, c); i >= 0 && statics != nil {
			return statics[i], true
		}
		return nil, false
	}
}

// VisibleFrom is from which time on rows of a partition show at a moment, both in milliseconds since 1970: those with a time
// below it have ended. math.MinInt64: all show. Where it depends on what is not known it is the least it may be. A table
// without a retention, or with one of an expiry column alone, hides nothing by the time of rows.
func (t *Table) VisibleFrom(known Known, nowMillis int64) int64 {
	return t.VisibleSince(known, 0, nowMillis)
}

// VisibleSince is VisibleFrom of a partition whose static columns are what they are since so many changes of the retention: what
// policies that look at them said before is not asked again.
func (t *Table) VisibleSince(known Known, changes int, nowMillis int64) int64 {
	r := t.Retention
	if r == nil {
		return math.MinInt64
	}
	from := endedBy(nowMillis, t.keeps(r.Millis, r.Policies, known))
	for i := range r.Former {
		f := &r.Former[i]
		then := known
		if f.Number < changes {
			then = known.keyAlone
		}
		from = max(from, endedBy(f.UntilMillis, t.keeps(f.Millis, f.Policies, then)))
	}
	return from
}

// keyAlone is what is known without the static columns.
func (k Known) keyAlone(c *Column) ([]byte, bool) {
	if c.Kind == Static {
		return nil, false
	}
	return k(c)
}

// LeastVisibleFrom is VisibleFrom of the partition that keeps its rows longest.
func (t *Table) LeastVisibleFrom(nowMillis int64) int64 {
	return t.VisibleFrom(func(*Column) ([]byte, bool) { return nil, false }, nowMillis)
}

// endedBy is the least time of rows that are kept so long and have not ended at a moment (R37); a keep of 0 is for ever.
func endedBy(moment, keep int64) int64 {
	if keep == 0 || moment < math.MinInt64+keep {
		return math.MinInt64
	}
	return moment - keep + 1
}

// keeps is how long rows of a partition are kept: 0 for ever. It is the longest it may be where what is known does not decide it.
func (t *Table) keeps(millis int64, policies []Policy, known Known) (longest int64) {
	any, sure := false, false
	longer := func(keep int64) {
		if !any || longest != 0 && (keep == 0 || keep > longest) {
			longest = keep
		}
		any = true
	}
	for i := range policies {
		p := &policies[i]
		matches, decided := t.matches(p, known)
		if matches || !decided {
			longer(p.Millis)
		}
		sure = sure || matches && decided
	}
	if !sure {
		longer(millis)
	}
	return longest
}

// matches reports whether a policy is one of the partition; decided is false where that depends on what is not known.
func (t *Table) matches(p *Policy, known Known) (matches, decided bool) {
	decided = true
	for i := range p.Where {
		f := &p.Where[i]
		col := t.Column(f.Column)
		value, isKnown := known(col)
		switch {
		case !isKnown:
			decided = false
		case value == nil || !f.Holds(col.Type, value):
			return false, true
		}
	}
	return decided, decided
}

// RetentionStatics are the static columns that the retention of the table depends on, now or by what held before.
func (t *Table) RetentionStatics() []*Column {
	var out []*Column
	for _, c := range t.RetentionReads() {
		if c.Kind == Static {
			out = append(out, c)
		}
	}
	return out
}

// RetentionReads are the columns of the partition key and the static columns that policies look at, now or before.
func (t *Table) RetentionReads() []*Column {
	if t.Retention == nil {
		return nil
	}
	var out []*Column
	read := func(policies []Policy) {
		for i := range policies {
			for _, f := range policies[i].Where {
				if c := t.Column(f.Column); c != nil && !slices.Contains(out, c) {
					out = append(out, c)
				}
			}
		}
	}
	read(t.Retention.Policies)
	for i := range t.Retention.Former {
		read(t.Retention.Former[i].Policies)
	}
	return out
}

// EndColumn is a column that holds the end of its row, for rows whose end lies at or before UntilMillis.
type EndColumn struct {
	Column      mutation.ColumnID
	Name        string
	UntilMillis int64
}

// EndColumns are the expiry columns that count at a moment: that of the present retention, and those before it for what had
// ended by them.
func (t *Table) EndColumns(nowMillis int64) []EndColumn {
	if t.Retention == nil {
		return nil
	}
	var out []EndColumn
	add := func(name string, until int64) {
		col := t.Column(name)
		if col == nil {
			return
		}
		for i := range out {
			if out[i].Column == col.ID {
				out[i].UntilMillis = max(out[i].UntilMillis, until)
				return
			}
		}
		out = append(out, EndColumn{col.ID, name, until})
	}
	add(t.Retention.Column, nowMillis)
	for i := range t.Retention.Former {
		add(t.Retention.Former[i].Column, t.Retention.Former[i].UntilMillis)
	}
	return out
}

// Copied is the column of a copy that holds one of its base; nil: it has none.
func Copied(t *Table, c *Column) *Column {
	for _, m := range t.Copy.Columns {
		if m.From == c.ID && c.ID != 0 {
			return t.ColumnByID(m.To)
		}
	}
	if key := t.Column(c.Name); key != nil && key.Kind != Regular {
		return key
	}
	return nil
}
