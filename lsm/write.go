package lsm

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/eskerdb/esker/lsm/commitlog"
	"github.com/eskerdb/esker/mutation"
)

// Apply writes ms as one record: after a crash all of it is there or nothing. It returns the
// record's sequence when the record is durable by the mode of the log and visible to new
// Views. ErrOverloaded, ErrDiskFull, ErrTooLarge and ErrUnknownTable say that nothing was
// written; after ErrReadOnly the record may or may not be found when the store opens again, and after ErrUncertain
// it may be visible later.
func (s *Store) Apply(ms []mutation.Mutation) (uint64, error) {
	c, err := s.ApplyUnsynced(ms)
	if err != nil {
		return 0, err
	}
	if err := s.WaitDurable(c); err != nil {
		return 0, err
	}
	return c, nil
}

// ApplyUnsynced is Apply without the wait: it returns when the newest state has the
// record, and its place in the log is sure. A caller that holds a latch lets go of it and then calls WaitDurable, before which
// the write must not be acknowledged.
func (s *Store) ApplyUnsynced(ms []mutation.Mutation) (uint64, error) {
	if err := s.admit(); err != nil {
		return 0, err
	}
	g := newGroup(ms)
	defer g.release()
	s.holdBack(g.bytes())
	sequence, err := s.enter(g)
	if err != nil {
		return 0, err
	}
	g.forget(s.oldestRead())
	g.apply(sequence)
	s.pipeline.applied(sequence)
	g.leave()
	s.considerFlush(g)
	return sequence, nil
}

// WaitDurable returns when the record with the given sequence, and so all before it, are
// durable by the mode of the log and visible.
func (s *Store) WaitDurable(sequence uint64) error {
	if s.pipeline.visibleSequence() >= sequence {
		return nil
	}
	err := s.log.Wait(s.pipeline.position(sequence))
	// Published even then: what was synced before the failure is as good as ever.
	s.publish()
	if err != nil {
		return s.writeFailed(err)
	}
	s.pipeline.wait(sequence)
	return nil
}

// Sync returns when every record written before the call is durable, whatever the mode of the log.
func (s *Store) Sync() error {
	err := s.log.Sync()
	s.publish()
	if err != nil {
		return s.writeFailed(err)
	}
	return nil
}

// group is the parts of one record.
type group struct {
	parts  []part
	record commitlog.Record
}

// part is the mutations of a record for one table.
type part struct {
	table     mutation.TableID
	mutations []*mutation.Mutation
	encoder   mutation.Encoder
	payload   []byte
	oldest    int64   // smallest timestamp of data; MaxInt64: none
	memory    *memory // entered
}

// groups keeps the memory of groups that are done.
var groups = sync.Pool{New: func() any { return new(group) }}

// Groups with more are not kept.
const (
	groupPartsKept   = 64
	payloadBytesKept = 256 << 10
)

// newGroup splits ms by table and encodes each part.
func newGroup(ms []mutation.Mutation) *group {
	g := groups.Get().(*group)
	var p *part
	for i := range ms {
		if p == nil || p.table != ms[i].Table {
			p = g.part(ms[i].Table)
		}
		p.mutations = append(p.mutations, &ms[i])
		p.payload = p.encoder.Append(p.payload, &ms[i])
		p.oldest = min(p.oldest, oldestOf(&ms[i]))
	}
	return g
}

func (g *group) part(table mutation.TableID) *part {
	for i := range g.parts {
		if g.parts[i].table == table {
			return &g.parts[i]
		}
	}
	n := len(g.parts)
	g.parts = slices.Grow(g.parts, 1)[:n+1]
	p := &g.parts[n]
	*p = part{table: table, mutations: p.mutations[:0], payload: p.payload[:0], oldest: math.MaxInt64}
	return p
}

// release gives the memory of g to the next group. The log and the memtables have copied what they keep.
func (g *group) release() {
	for i := range g.parts {
		p := &g.parts[i]
		clear(p.mutations)
		p.encoder, p.memory = mutation.Encoder{}, nil
		if cap(p.payload) > payloadBytesKept {
			p.payload = nil
		}
	}
	if cap(g.parts) > groupPartsKept {
		return
	}
	clear(g.record.Parts)
	g.parts, g.record.Parts = g.parts[:0], g.record.Parts[:0]
	groups.Put(g)
}

// bytes is about how many bytes the group takes in memtables: its log record packs it tighter.
func (g *group) bytes() int {
	sum := 0
	for i := range g.parts {
		sum += 2 * len(g.parts[i].payload)
	}
	return sum
}

// admit refuses a write before anything is done.
func (s *Store) admit() error {
	if err := s.writable(); err != nil {
		return err
	}
	if n := s.memoryUsed.Load(); n > s.opts.MemoryBytesMax && !s.awaitMemory() {
		return fmt.Errorf("%w: memtables hold %d bytes, at most %d are allowed; flushing", ErrOverloaded, n, s.opts.MemoryBytesMax)
	}
	return nil
}

// enter gives the group a sequence, enters its memtables and enqueues its record. The
// epochs in the record are those of the memtables entered: none of them can be flushed before the
// group is applied.
func (s *Store) enter(g *group) (sequence uint64, err error) {
	r := &g.record
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range g.parts {
		p := &g.parts[i]
		t, found := s.current.tables[p.table]
		if !found {
			return 0, fmt.Errorf("%w: %x", ErrUnknownTable, p.table)
		}
		p.memory = t.active
		r.Parts = append(r.Parts, commitlog.Part{Table: p.table, Epoch: t.active.epoch, Payload: p.payload})
	}
	r.Sequence = s.lastSequence + 1
	end, err := s.log.Enqueue(r)
	if err != nil {
		return 0, s.writeFailed(err)
	}
	s.lastSequence = r.Sequence
	for i := range g.parts {
		g.parts[i].memory.enterLocked(end, r.Sequence, g.parts[i].oldest)
	}
	s.pipeline.begin(end)
	return r.Sequence, nil
}

// enterLocked is called with Store.mu held, before a part is applied. oldest is the smallest
// timestamp of data in it.
func (m *memory) enterLocked(pos commitlog.Position, sequence uint64, oldest int64) {
	m.refs.Add(1) // a DROP may let go of the memtable before the part is applied
	m.writers.Add(1)
	m.applying.Add(1)
	m.lastSequence = sequence
	if m.Table().Law == mutation.BySequence {
		oldest = min(oldest, int64(sequence))
	}
	m.oldest = min(m.oldest, oldest)
	if m.firstSegment == 0 {
		m.firstSegment = pos.Segment
	}
}

func (m *memory) leave() {
	m.applying.Add(-1)
	m.writers.Done()
	m.unref()
}

// oldestOf returns the smallest timestamp of data in m, as the law of its table compares: rows of
// BySequence may carry a sequence of their own. MaxInt64: there is no data.
func oldestOf(m *mutation.Mutation) int64 {
	oldest := int64(math.MaxInt64)
	add := func(r *mutation.Row) {
		if r.Sequence != 0 {
			oldest = min(oldest, int64(min(r.Sequence, math.MaxInt64)))
		}
		if !r.Live.IsNone() {
			oldest = min(oldest, r.Live.Timestamp)
		}
		for i := range r.Cells {
			oldest = min(oldest, r.Cells[i].Oldest())
		}
	}
	if m.Static != nil {
		add(m.Static)
	}
	for i := range m.Rows {
		add(&m.Rows[i])
	}
	return oldest
}

// forget lets the memtables forget versions of rows that no View can show any more.
func (g *group) forget(oldest uint64) {
	for i := range g.parts {
		g.parts[i].memory.SetOldest(oldest)
	}
}

// apply puts the mutations into the memtables entered.
func (g *group) apply(sequence uint64) {
	for i := range g.parts {
		p := &g.parts[i]
		for _, m := range p.mutations {
			p.memory.Apply(m, sequence)
		}
		p.memory.count()
	}
}

// leave lets the memtables go on to be flushed.
func (g *group) leave() {
	for i := range g.parts {
		g.parts[i].memory.leave()
	}
}

// publish makes visible what has become durable by the mode of the log.
func (s *Store) publish() {
	if s.opts.LogMode == LogPeriodic {
		s.pipeline.publish(s.log.Written())
		return
	}
	s.pipeline.publish(s.log.Synced())
}
