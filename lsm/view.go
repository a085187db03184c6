package lsm

import (
	"cmp"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// View is the store at one sequence: it holds every record up to it, of all tables, and
// nothing later (R44). It keeps its memtables and files until it is closed, so it should not
// live long. Its methods may be called from several goroutines; readers and iterators must be
// closed before it.
type View struct {
	store    *Store
	version  *version
	sequence uint64
	closed   atomic.Bool
}

// View returns the store as users may see it: everything acknowledged, nothing that a crash
// could take back.
func (s *Store) View() *View {
	s.versionMu.Lock()
	defer s.versionMu.Unlock()
	v, sequence := s.acquireLocked()
	s.views.open(sequence)
	return &View{store: s, version: v, sequence: sequence}
}

// LatestView returns the newest applied state, for a read before a write by someone who holds a
// latch on the partitions he reads: only there is it sure to hold whole records. Whatever is
// answered from it must wait for WaitDurable(Sequence()).
func (s *Store) LatestView() *View {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.versionMu.Lock()
	defer s.versionMu.Unlock()
	v, _ := s.acquireLocked()
	s.views.open(s.lastSequence)
	return &View{store: s, version: v, sequence: s.lastSequence}
}

// openViews counts the Views by sequence. Mostly they are opened and closed at the newest one.
type openViews struct {
	sequences []sequenceCount // ascending; no count is 0
}

type sequenceCount struct {
	sequence uint64
	views    int
}

func (o *openViews) find(sequence uint64) (int, bool) {
	if n := len(o.sequences); n == 0 || o.sequences[n-1].sequence < sequence {
		return n, false
	}
	return slices.BinarySearchFunc(o.sequences, sequence, func(c sequenceCount, s uint64) int { return cmp.Compare(c.sequence, s) })
}

func (o *openViews) open(sequence uint64) {
	i, found := o.find(sequence)
	if !found {
		o.sequences = slices.Insert(o.sequences, i, sequenceCount{sequence: sequence})
	}
	o.sequences[i].views++
}

func (o *openViews) close(sequence uint64) {
	i, _ := o.find(sequence)
	if o.sequences[i].views--; o.sequences[i].views == 0 {
		o.sequences = slices.Delete(o.sequences, i, i+1)
	}
}

// oldestRead returns the smallest sequence that a View is at, or may be opened at.
func (s *Store) oldestRead() uint64 {
	s.versionMu.Lock()
	defer s.versionMu.Unlock()
	oldest := s.pipeline.visibleSequence()
	if len(s.views.sequences) > 0 {
		oldest = min(oldest, s.views.sequences[0].sequence)
	}
	return oldest
}

// Sequence returns the sequence the View is at.
func (v *View) Sequence() uint64 { return v.sequence }

// Close lets go of what the View keeps. A second call does nothing.
func (v *View) Close() {
	if !v.closed.Swap(true) {
		v.store.versionMu.Lock()
		v.store.views.close(v.sequence)
		v.store.versionMu.Unlock()
		v.version.unref()
	}
}

func (v *View) table(id mutation.TableID) (*tableVersion, error) {
	if v.store.jobs.closed() {
		return nil, ErrClosed
	}
	t, found := v.version.tables[id]
	if !found {
		return nil, fmt.Errorf("%w: %x", ErrUnknownTable, id)
	}
	return t, nil
}

// Keys returns the keys of the partitions of a table in a range of tokens.
func (v *View) Keys(table mutation.TableID, r partition.Range) (mutation.KeyIterator, error) {
	t, err := v.table(table)
	if err != nil {
		return nil, err
	}
	return v.keys(t, r), nil
}
