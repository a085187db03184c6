package schema

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// FormerRetentionsMax is how many retentions that held before a table remembers, of those that still hide a row.
const FormerRetentionsMax = 64

// Follow is a retention that follows r at a moment that is not known yet (Settle), each nil where there is none: what has ended
// by r stays so.
func (r *Retention) Follow(to *Retention) *Retention {
	if r.IsNone() {
		return to
	}
	next := Retention{By: r.By}
	if to != nil {
		next = *to
	}
	next.Former, next.Changes, next.Fresh, next.Floored = slices.Clip(r.Former), r.Changes, r.Fresh, next.Floored || r.Floored
	if next.By == "" {
		next.By = r.By
	}
	if !r.sameEnds(&next) {
		next.Former = append(next.Former, FormerRetention{Millis: r.Millis, Column: r.Column, Policies: r.Policies, UntilMillis: unsettled, Number: r.Changes})
		next.Changes++
	}
	return &next
}

// Afresh is the retention of a table that holds no rows: nothing has ended by what held before, nor by what statics were.
func (r *Retention) Afresh() *Retention {
	if r.IsNone() {
		return nil
	}
	next := *r
	next.Former = nil
	if next.Floored {
		next.Changes++
		next.Fresh = next.Changes
	}
	if next.IsNone() {
		return nil
	}
	return &next
}

// unsettled is the end of a retention that a change under way ends.
const unsettled = math.MaxInt64

// sameEnds reports whether rows end by two retentions at the same time, whatever held before.
func (r *Retention) sameEnds(o *Retention) bool {
	return r.Millis == o.Millis && r.Column == o.Column && samePolicies(r.Policies, o.Policies)
}

func samePolicies(a, b []Policy) bool {
	return slices.EqualFunc(a, b, func(a, b Policy) bool {
		return a.Millis == b.Millis && slices.EqualFunc(a.Where, b.Where, func(x, y CopyFilter) bool {
			return x.Column == y.Column && x.Op == y.Op && slices.EqualFunc(x.Values, y.Values, slices.Equal)
		})
	})
}

// Settle is the retention of a table that changed at a moment: retentions that were followed ended then, and those that hide no row
// any more that the others do not hide are forgotten. ok is false if more than FormerRetentionsMax are left.
func (r *Retention) Settle(nowMillis int64) (settled *Retention, ok bool) {
	if r == nil {
		return nil, true
	}
	next := *r
	next.Former = slices.Clone(r.Former)
	for i := range next.Former {
		next.Former[i].UntilMillis = min(next.Former[i].UntilMillis, nowMillis)
	}
	present := FormerRetention{Millis: r.Millis, Column: r.Column, Policies: r.Policies, UntilMillis: nowMillis}
	var kept []FormerRetention
	for i := range next.Former {
		f := next.Former[i]
		later := append(slices.Clone(next.Former[i+1:]), present)
		if slices.ContainsFunc(later, func(o FormerRetention) bool { return o.Column == f.Column }) {
			f.Column = ""
		}
		others := append(slices.Clone(kept), later...)
		if slices.ContainsFunc(later, f.repeated) || slices.ContainsFunc(others, f.covered) {
			f.Millis, f.Policies = 0, nil
		}
		if f.Column != "" || f.Millis > 0 || len(f.Policies) > 0 {
			kept = append(kept, f)
		}
	}
	next.Former = kept
	if next.IsNone() {
		return nil, true
	}
	return &next, len(kept) <= FormerRetentionsMax
}

// repeated reports whether o, of a later moment, has the same policies and hides as much elsewhere.
func (f *FormerRetention) repeated(o FormerRetention) bool {
	return samePolicies(o.Policies, f.Policies) && endedBy(o.UntilMillis, o.Millis) >= endedBy(f.UntilMillis, f.Millis)
}

// covered reports whether o hides all that f hides, whatever the partition.
func (f *FormerRetention) covered(o FormerRetention) bool {
	shortest, _ := f.bounds()
	_, longest := o.bounds()
	return endedBy(o.UntilMillis, longest) >= endedBy(f.UntilMillis, shortest)
}

// bounds are the shortest and the longest that a retention keeps rows of a partition; 0 is for ever.
func (f *FormerRetention) bounds() (shortest, longest int64) {
	shortest, longest = f.Millis, f.Millis
	for i := range f.Policies {
		keep := f.Policies[i].Millis
		if shortest == 0 || keep > 0 && keep < shortest {
			shortest = keep
		}
		if longest != 0 && (keep == 0 || keep > longest) {
			longest = keep
		}
	}
	return shortest, longest
}

// checkRetention requires that the columns of a stored retention are there and are what it takes them for.
func (t *Table) checkRetention() error {
	r := t.Retention
	if r == nil {
		return nil
	}
	if by := t.Column(r.By); r.By != "" && (by == nil || by.Kind != ClusteringKey) {
		return fmt.Errorf("retention: %q is not a clustering column", r.By)
	}
	held := slices.Concat(r.Former, []FormerRetention{{Column: r.Column, Policies: r.Policies, Millis: r.Millis}})
	for _, f := range held {
		if end := t.Column(f.Column); f.Column != "" && (end == nil || end.Kind != Regular) {
			return fmt.Errorf("retention: %q is not a regular column", f.Column)
		}
		if r.By == "" && (f.Millis != 0 || len(f.Policies) > 0) || f.Millis < 0 {
			return errors.New("retention: a length without a column that it counts from, or below zero")
		}
		for _, p := range f.Policies {
			for _, c := range p.Where {
				if col := t.Column(c.Column); col == nil || col.Kind != PartitionKey && col.Kind != Static || p.Millis < 0 {
					return fmt.Errorf("retention policy %s: %q is no column of the partition key, and not static", p.Name, c.Column)
				}
			}
		}
	}
	return nil
}
