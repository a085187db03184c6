package lsm

import (
	"fmt"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// keys returns the keys of all sources of a table, each once.
func (v *View) keys(t *tableVersion, r partition.Range) mutation.KeyIterator {
	m := &keyMerger{}
	for _, memory := range t.memories() {
		m.inputs = append(m.inputs, keyInput{keys: memory.Keys(r, v.sequence)})
	}
	for _, f := range t.files {
		m.inputs = append(m.inputs, keyInput{keys: f.reader.Keys(r)})
	}
	return m
}

// keyMerger merges sorted iterators of keys into one.
type keyMerger struct {
	inputs  []keyInput
	started bool
	current partition.DecoratedKey
}

type keyInput struct {
	keys mutation.KeyIterator
	head *partition.DecoratedKey // nil: the end
}

// Next implements mutation.KeyIterator.
func (m *keyMerger) Next() (*partition.DecoratedKey, error) {
	var first *partition.DecoratedKey
	for i := range m.inputs {
		in := &m.inputs[i]
		// A head that was returned is passed only now, since what was returned lends its bytes.
		if !m.started || in.head != nil && in.head.Compare(m.current) == 0 {
			head, err := in.keys.Next()
			if err != nil {
				return nil, fmt.Errorf("keys: %w", corrupt(err))
			}
			in.head = head
		}
		if in.head != nil && (first == nil || in.head.Compare(*first) < 0) {
			first = in.head
		}
	}
	m.started = true
	if first == nil {
		return nil, nil
	}
	m.current = partition.DecoratedKey{Token: first.Token, Key: append(m.current.Key[:0], first.Key...)}
	return &m.current, nil
}

// Close implements mutation.KeyIterator.
func (m *keyMerger) Close() {
	for _, in := range m.inputs {
		in.keys.Close()
	}
	m.inputs = nil
}
