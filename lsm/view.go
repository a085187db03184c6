package lsm

import (
	"fmt"
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
	v, sequence := s.acquire()
	return &View{store: s, version: v, sequence: sequence}
}

// LatestView returns the newest applied state, for a read before a write by someone who holds a
// latch on the partitions he reads: only there is it sure to hold whole records. Whatever is
// answered from it must wait for WaitDurable(Sequence()).
func (s *Store) LatestView() *View {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, _ := s.acquire()
	return &View{store: s, version: v, sequence: s.lastSequence}
}

// Sequence returns the sequence the View is at.
func (v *View) Sequence() uint64 { return v.sequence }

// Close lets go of what the View keeps. A second call does nothing.
func (v *View) Close() {
	if !v.closed.Swap(true) {
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
