package compaction

import (
	"errors"
	"fmt"

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
	// Partition opens one of them: what lies beside its rows, and its rows in clustering
	// order. Both are valid until the next call of Partition.
	Partition(key *partition.DecoratedKey) (*mutation.Side, mutation.RowSource, error)
}

// Sink takes one partition of the result. It reads rows to the end; nothing it is given is
// valid after it returns.
type Sink func(key *partition.DecoratedKey, side *mutation.Side, rows mutation.RowSource) error

// Merge walks the partitions of all inputs in (token, key) order, merges each by the law of
// the table, forgets what purge allows for it (nil: nothing), and hands what is left to
// sink. Partitions with nothing left are skipped. Flush and compaction are this loop.
func Merge(table *mutation.Table, inputs []Source, purge func(key *partition.DecoratedKey) ttl.Purge, sink Sink) error {
	m := merger{table: table, purge: purge, sink: sink}
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
	table  *mutation.Table
	inputs []input
	purge  func(key *partition.DecoratedKey) ttl.Purge
	sink   Sink
	taken  []int // inputs that have the current key
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
	sides := make([]*mutation.Side, len(m.taken))
	sources := make([]mutation.RowSource, len(m.taken))
	for n, i := range m.taken {
		side, rows, err := m.inputs[i].source.Partition(key)
		if err != nil {
			return err
		}
		sides[n], sources[n] = side, mutation.Validate(rows, false)
	}
	side := mutation.MergeSides(m.table.Law, sides...)
	rows := &purged{rows: mutation.MergeRows(m.table.Law, sources, &side, false)}
	kept := side
	if m.purge != nil {
		rows.purge = m.purge(key)
		kept = rows.purge.Side(&side) // what it forgets still hides rows of this merge
	}
	if err := rows.peek(); err != nil {
		return err
	}
	if rows.first != nil || !kept.IsEmpty() {
		if err := m.sink(key, &kept, rows); err != nil {
			return err
		}
	}
	for _, i := range m.taken {
		if err := m.inputs[i].advance(); err != nil {
			return err
		}
	}
	return nil
}

// purged forgets what may be forgotten of each row, and skips rows with nothing left.
type purged struct {
	rows  mutation.RowSource
	purge ttl.Purge
	first *mutation.Row // read ahead, to be yielded next
	row   mutation.Row
}

func (p *purged) peek() error {
	first, err := p.Next()
	p.first = first
	return err
}

// Next implements mutation.RowSource.
func (p *purged) Next() (*mutation.Row, error) {
	if p.first != nil {
		first := p.first
		p.first = nil
		return first, nil
	}
	for {
		row, err := p.rows.Next()
		if row == nil || err != nil {
			return nil, err
		}
		p.row = *row
		if p.purge.Row(&p.row) {
			return &p.row, nil
		}
	}
}
