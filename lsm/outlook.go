package lsm

import (
	"fmt"
	"math"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// Outlook is what a read would look into, told from what is known of files without reading rows. A read that
// stops early looks into less.
type Outlook struct {
	Buckets, AllBuckets     int // ranges of event time that have files
	Files, AllFiles         int
	RowGroups, AllRowGroups int64 // of those files, partition by partition
	Memtables               int   // that hold a partition
	Rows                    int64 // about: versions in several places count several times
}

// outlookKeysMax is how many partitions an Outlook looks at; the others are taken to be like them.
const outlookKeysMax = 16

// Outlook tells what a read of slices of partitions would look into: of the keys, or of all partitions in the range if
// keys is nil.
func (v *View) Outlook(table mutation.TableID, keys []partition.DecoratedKey, in partition.Range, rows clustering.Slices) (Outlook, error) {
	t, err := v.table(table)
	if err != nil {
		return Outlook{}, err
	}
	o := outlooker{table: t.table, slices: rows, sequence: v.sequence, seen: map[window]bool{}}
	o.out.AllFiles = len(t.files)
	all := map[window]bool{}
	for _, f := range t.files {
		if w := f.window(); w != (window{}) {
			all[w] = true
		}
	}
	o.out.AllBuckets = len(all)
	if len(rows) == 0 || keys != nil && len(keys) == 0 {
		return o.out, nil
	}
	if keys == nil {
		o.scan(t, in)
		return o.finish(1), nil
	}
	some := keys[:min(len(keys), outlookKeysMax)]
	if err := o.keys(t, some); err != nil {
		return Outlook{}, fmt.Errorf("outlook of %s: %w", t.table.Name, corrupt(err))
	}
	return o.finish(float64(len(keys)) / float64(len(some))), nil
}

// outlooker makes an Outlook.
type outlooker struct {
	table    *mutation.Table
	slices   clustering.Slices
	sequence uint64
	seen     map[window]bool
	rows     float64
	out      Outlook
}

// finish returns the Outlook of as many times what was looked at.
func (o *outlooker) finish(times float64) Outlook {
	o.out.Rows = int64(math.Ceil(o.rows * times))
	o.out.RowGroups = int64(float64(o.out.RowGroups) * times)
	o.out.AllRowGroups = int64(float64(o.out.AllRowGroups) * times)
	return o.out
}

func (o *outlooker) lookInto(f *file) {
	o.out.Files++
	if w := f.window(); w != (window{}) && !o.seen[w] {
		o.seen[w] = true
		o.out.Buckets++
	}
}

// inTime are the files that a read looks into if they have the partition.
func (o *outlooker) inTime(t *tableVersion) []*file {
	order := t.fileOrder()
	out := order.all[:len(order.all):len(order.all)]
	var w waiting
	w.open(order, t.table, &mutation.ReadRequest{Slices: o.slices}, isNewestFirst(t.table, false))
	for f := w.peek(); f != nil; f = w.peek() {
		out = append(out, f)
		w.pop()
	}
	return out
}

// scan looks at all partitions of a range of tokens.
func (o *outlooker) scan(t *tableVersion, in partition.Range) {
	low, high := timesOf(t.table, o.slices)
	share := shareOfTokens(in)
	for _, f := range o.inTime(t) {
		if f.info.Partitions == 0 || in.IsEmpty() || in.Before(f.info.LastKey.Token) || in.After(f.info.FirstKey.Token) {
			continue
		}
		o.lookInto(f)
		inTime := 1.0
		if w := f.window(); w != (window{}) {
			inTime = shareOfTimes(w.start, w.end-1, low, high)
		}
		groups := float64(f.reader.RowGroups())
		o.rows += float64(f.info.Rows) * share * inTime
		o.out.AllRowGroups += int64(math.Ceil(groups * share))
		o.out.RowGroups += int64(math.Ceil(groups * share * inTime))
	}
	for _, m := range t.memories() {
		if rows := m.Rows(); rows > 0 {
			o.out.Memtables++
			o.rows += float64(rows) * share
		}
	}
}

// keys looks at some partitions.
func (o *outlooker) keys(t *tableVersion, keys []partition.DecoratedKey) error {
	for _, f := range o.inTime(t) {
		looked := false
		for _, key := range keys {
			if f.info.Partitions == 0 || key.Compare(f.info.FirstKey) < 0 || key.Compare(f.info.LastKey) > 0 {
				continue
			}
			if !looked {
				looked = true
				o.lookInto(f)
			}
			if err := o.partition(f, key); err != nil {
				return err
			}
		}
	}
	for _, m := range t.memories() {
		held := false
		for _, key := range keys {
			if p := m.Partition(key, o.sequence); p != nil {
				held = true
				runs := p.Runs()
				for _, run := range runs {
					first, last := run.Bounds()
					o.rows += float64(m.Rows()) / float64(m.Partitions()) / float64(len(runs)) * o.share(first, last)
				}
			}
		}
		if held {
			o.out.Memtables++
		}
	}
	return nil
}

// partition looks at a partition in a file.
func (o *outlooker) partition(f *file, key partition.DecoratedKey) error {
	p, err := f.reader.Partition(key)
	if p == nil || err != nil {
		return err
	}
	all, more, err := p.Spans(o.slices, func(rows int, first, last []byte) {
		o.out.RowGroups++
		o.rows += float64(rows) * o.share(first, last)
	})
	o.out.AllRowGroups += int64(all)
	o.out.RowGroups += int64(more)
	o.rows += float64(more) * mutation.BatchRowsMax
	return err
}

// share is about how many of the rows between two clusterings lie in the slices, where a time says it; else all or none.
func (o *outlooker) share(first, last []byte) float64 {
	from, ok := o.table.EventTime(first)
	to, also := o.table.EventTime(last)
	if from > to {
		from, to = to, from
	}
	share := 0.0
	for i := range o.slices {
		s := &o.slices[i]
		if s.Start.CompareKey(last) > 0 || s.End.CompareKey(first) < 0 {
			continue
		}
		if !ok || !also || s.Start.CompareKey(first) < 0 && s.End.CompareKey(last) > 0 {
			return 1
		}
		low, high := timesOf(o.table, o.slices[i:i+1])
		share += shareOfTimes(from, to, low, high)
	}
	return min(share, 1)
}

// shareOfTimes is the part of from to to that lies in low to high; all bounds are included.
func shareOfTimes(from, to, low, high int64) float64 {
	a, b := max(from, low), min(to, high)
	if a > b {
		return 0
	}
	return (float64(b) - float64(a) + 1) / (float64(to) - float64(from) + 1)
}

// shareOfTokens is the part of all tokens that a range has.
func shareOfTokens(in partition.Range) float64 {
	low, high := float64(math.MinInt64), float64(math.MaxInt64)
	if in.HasStart {
		low = float64(in.Start)
	}
	if in.HasEnd {
		high = float64(in.End)
	}
	return max(high-low, 0) / math.MaxUint64
}
