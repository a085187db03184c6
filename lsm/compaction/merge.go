package compaction

import (
	"errors"
	"fmt"
	"math"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/ttl"
)

// ErrOrder means that a source yielded its keys out of order.
var ErrOrder = errors.New("keys out of order")

// Source is one input of a merge: a memtable or a file.
type Source interface {
	// Keys yields the partitions in (token, key) order.
	Keys() (mutation.KeyIterator, error)
	// Partition opens one of them: what lies beside its rows, and its rows in any number of runs. All is
	// valid until the next call of Partition.
	Partition(key *partition.DecoratedKey) (*mutation.Side, []mutation.Run, error)
}

// Sink takes what is left: partitions in order, and the rows of each in clustering order. Nothing it is
// given is valid after it returns.
type Sink interface {
	// Start begins a partition that has side, or rows, or both.
	Start(key *partition.DecoratedKey, side *mutation.Side) error
	// Row takes the next row.
	Row(row *mutation.Row) error
	// Block takes rows [from, to) of a block, one at least.
	Block(b *mutation.Block, from, to int) error
}

// MergeOptions are options of a merge.
type MergeOptions struct {
	// Purge says what may be forgotten of a partition; nil: nothing.
	Purge func(key *partition.DecoratedKey) ttl.Purge
	// Hiding returns what sources outside the merge, that will be there when its result is, delete of a partition. It hides rows of
	// the merge and is no part of the result. nil as a function or a result: nothing.
	Hiding func(key *partition.DecoratedKey) (*mutation.Side, error)
	// Ends says what has ended beside cells by their TTL; nil: nothing. What it takes by time goes also where Purge is nil. Where it keeps
	// all, Purge has to say so.
	Ends *ttl.Ends
	// Alone reports whether no source outside the merge can have a version of a row or a deletion of it. nil: not known.
	Alone func(key *partition.DecoratedKey, row []byte) bool
	// Removed counts the rows that Ends takes; nil: nobody asks.
	Removed *int64
	// NoBlocks makes every row go by itself.
	NoBlocks bool
}

// Merge walks the partitions of all inputs in (token, key) order, merges each by the law of the table, forgets what
// may be forgotten, and hands what is left to sink. Partitions with nothing left are skipped. Flush and
// compaction are this loop.
//
// Rows that no other run lies among and nothing deletes go as blocks, all others one by one. The result is the same.
func Merge(table *mutation.Table, inputs []Source, sink Sink, o MergeOptions) error {
	m := merger{table: table, options: o, sink: sink}
	defer m.close()
	for _, source := range inputs {
		keys, err := source.Keys()
		if err != nil {
			return fmt.Errorf("merge of %s: %w", table.Name, err)
		}
		m.inputs = append(m.inputs, input{source: source, keys: keys})
	}
	for i := range m.inputs {
		if err := m.inputs[i].advance(); err != nil {
			return fmt.Errorf("merge of %s: %w", table.Name, err)
		}
	}
	for {
		key := m.first()
		if key == nil {
			return nil
		}
		if err := m.partition(key); err != nil {
			return fmt.Errorf("merge of %s: partition %x: %w", table.Name, key.Key, err)
		}
	}
}

// input is a source and where it stands.
type input struct {
	source  Source
	keys    mutation.KeyIterator
	head    *partition.DecoratedKey // the next key; nil: the end
	started bool
	last    partition.DecoratedKey // a copy of the key before head
}

// advance moves to the next key and checks the order.
func (in *input) advance() error {
	if in.head != nil {
		in.last = partition.DecoratedKey{Token: in.head.Token, Key: append(in.last.Key[:0], in.head.Key...)}
		in.started = true
	}
	head, err := in.keys.Next()
	if err != nil {
		return err
	}
	if head != nil && in.started && in.last.Compare(*head) >= 0 {
		return fmt.Errorf("key %x after %x: %w", head.Key, in.last.Key, ErrOrder)
	}
	in.head = head
	return nil
}

type merger struct {
	table   *mutation.Table
	inputs  []input
	options MergeOptions
	sink    Sink
	taken   []int // inputs that have the current key

	// Of the current partition.
	key     *partition.DecoratedKey
	sides   []*mutation.Side
	runs    []placedRun
	side    mutation.Side // hides rows
	kept    mutation.Side // goes to the sink
	purge   ttl.Purge
	cut     int64 // rows with a time in the first column below go
	other   int64 // rows with a time in the other column of Ends below go
	fate    fate  // of the rows at hand
	byTime  bool  // they differ in it
	times   BlockTimes
	started bool // the sink has it
	rows    rowBuilder
}

func (m *merger) close() {
	for i := range m.inputs {
		m.inputs[i].keys.Close()
	}
}

// first finds the smallest key and the inputs that have it. It is nil at the end.
func (m *merger) first() *partition.DecoratedKey {
	var key *partition.DecoratedKey
	m.taken = m.taken[:0]
	for i := range m.inputs {
		head := m.inputs[i].head
		if head == nil {
			continue
		}
		order := -1
		if key != nil {
			order = head.Compare(*key)
		}
		if order > 0 {
			continue
		}
		if order < 0 {
			key, m.taken = head, m.taken[:0]
		}
		m.taken = append(m.taken, i)
	}
	return key
}

// partition merges the current partition and moves its inputs on.
func (m *merger) partition(key *partition.DecoratedKey) error {
	if err := m.open(key); err != nil {
		return err
	}
	if !m.kept.IsEmpty() {
		if err := m.start(); err != nil {
			return err
		}
	}
	if err := m.mergeRuns(); err != nil {
		return err
	}
	for _, i := range m.taken {
		if err := m.inputs[i].advance(); err != nil {
			return err
		}
	}
	return nil
}

// open collects sides and runs of the current partition.
func (m *merger) open(key *partition.DecoratedKey) error {
	m.key, m.started = key, false
	m.sides, m.runs = m.sides[:0], m.runs[:0]
	for _, i := range m.taken {
		side, runs, err := m.inputs[i].source.Partition(key)
		if err != nil {
			return err
		}
		m.sides = append(m.sides, side)
		for _, r := range runs {
			first, last := r.Bounds()
			m.runs = append(m.runs, placedRun{r, first, last})
		}
	}
	m.side = mutation.MergeSides(m.table.Law, m.sides...)
	m.kept = m.side
	m.purge = ttl.Purge{}
	if m.options.Purge != nil {
		m.purge = m.options.Purge(key)
		m.kept = m.purge.Side(&m.side) // what it forgets still hides rows of this merge
	}
	if m.cut, m.other = math.MinInt64, math.MinInt64; m.options.Ends != nil {
		m.cut, m.other = m.options.Ends.Of(*key), m.options.Ends.OfOther(*key)
	}
	if m.options.Hiding == nil {
		return nil
	}
	hiding, err := m.options.Hiding(key)
	if err != nil || hiding == nil {
		return err
	}
	m.side = mutation.MergeSides(m.table.Law, &m.side, &mutation.Side{Deletion: hiding.Deletion, Ranges: hiding.Ranges})
	return nil
}

// start begins the partition at the sink, once.
func (m *merger) start() error {
	if m.started {
		return nil
	}
	m.started = true
	return m.sink.Start(m.key, &m.kept)
}

// row hands on what may not be forgotten of a row.
func (m *merger) row(row *mutation.Row) error {
	if m.byTime {
		m.fate, _, _ = m.fateAt(m.table.EventTime(row.Clustering))
	}
	purge := m.purge
	switch m.fate {
	case gone:
		m.removed(1)
		return nil
	case stay:
		purge.KeepExpired = true
	}
	if m.endedByOther(row) {
		m.removed(1)
		return nil
	}
	if m.hasColumns() && m.endedByColumn(row) {
		m.removed(1)
		if m.table.Law == mutation.BySequence {
			return nil // the row is its newest version, and hides no other
		}
		endRow(row)
	}
	if !purge.Row(row) {
		return nil
	}
	if err := m.start(); err != nil {
		return err
	}
	return m.sink.Row(row)
}
