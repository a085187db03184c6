package lsm

import (
	"sync"
	"sync/atomic"

	"github.com/eskerdb/esker/lsm/commitlog"
)

// commit is a record on its way: enqueued, then applied, then durable, then visible. Those under way have sequences without gaps.
type commit struct {
	end     commitlog.Position // of the record in the log
	applied bool
}

// pipeline publishes records in the order of their sequences. A record is visible once
// it and all before it are applied and durable (R44).
type pipeline struct {
	visible atomic.Uint64 // written with mu held

	mu      sync.Mutex         // taken after Store.mu and Store.versionMu
	wake    sync.Cond          // L is mu; visible has moved
	pending []commit           // of the sequences behind visible, ascending; guarded by mu
	durable commitlog.Position // as of the last publish; guarded by mu
	waiting int                // in wait; guarded by mu
}

// begin queues a record behind all others. Store.mu is held, so that the order is the log's.
func (p *pipeline) begin(end commitlog.Position) {
	p.mu.Lock()
	p.pending = append(p.pending, commit{end: end})
	p.mu.Unlock()
}

// applied tells that the memtables have a record. Whoever waits for it to be durable publishes it; if it is already, this does.
func (p *pipeline) applied(sequence uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending[sequence-p.visible.Load()-1].applied = true
	if p.waiting > 0 {
		p.publishLocked()
	}
}

// publish makes visible what is applied and lies before durable.
func (p *pipeline) publish(durable commitlog.Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.durable.Less(durable) {
		p.durable = durable
	}
	p.publishLocked()
}

func (p *pipeline) publishLocked() {
	n := 0
	for n < len(p.pending) && p.pending[n].applied && !p.durable.Less(p.pending[n].end) {
		n++
	}
	if n == 0 {
		return
	}
	p.pending = p.pending[:copy(p.pending, p.pending[n:])]
	p.visible.Add(uint64(n))
	p.wake.Broadcast()
}

func (p *pipeline) visibleSequence() uint64 { return p.visible.Load() }

// wait returns when sequence is visible. All records up to it are durable or need not be, so
// that only writers that are applying are waited for.
func (p *pipeline) wait(sequence uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting++
	p.publishLocked() // what was applied while nobody waited is left to whoever waits
	for p.visible.Load() < sequence {
		p.wake.Wait()
	}
	p.waiting--
}

// position returns the end of the last record up to the given sequence; zero if all is visible already.
func (p *pipeline) position(sequence uint64) (end commitlog.Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	visible := p.visible.Load()
	if n := min(sequence, visible+uint64(len(p.pending))); n > visible {
		end = p.pending[n-visible-1].end
	}
	return end
}
