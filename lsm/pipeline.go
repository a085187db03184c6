package lsm

import (
	"sync"

	"github.com/eskerdb/esker/lsm/commitlog"
)

// commit is a record on its way: logged, then applied, then durable, then visible.
type commit struct {
	sequence uint64
	ticket   commitlog.Ticket
	applied  bool // guarded by pipeline.mu
	skipped  bool // there is no such record; guarded by pipeline.mu
}

// pipeline publishes records in the order of their sequences. A record is visible once
// it and all before it are applied and durable (R44).
type pipeline struct {
	mu      sync.Mutex // taken after Store.mu and Store.versionMu
	wake    sync.Cond  // L is mu; visible has moved
	pending []*commit  // ascending; guarded by mu
	visible uint64     // guarded by mu
}

// begin queues c behind all others. Store.mu is held, so that the order is the log's.
func (p *pipeline) begin(c *commit) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending = append(p.pending, c)
}

func (p *pipeline) applied(c *commit) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.applied = true
}

// skip is applied for a record that was refused after it had its sequence.
func (p *pipeline) skip(c *commit) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.applied, c.skipped = true, true
}

// publish makes visible what is applied and lies before durable.
func (p *pipeline) publish(durable commitlog.Position, all bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, c := range p.pending {
		if !c.applied || !c.skipped && !all && durable.Less(c.ticket.Position) {
			break
		}
		p.visible = c.sequence
		n++
	}
	if n == 0 {
		return
	}
	clear(p.pending[:n])
	if p.pending = p.pending[n:]; len(p.pending) == 0 {
		p.pending = nil
	}
	p.wake.Broadcast()
}

func (p *pipeline) visibleSequence() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.visible
}

// wait returns when sequence is visible. All records up to it are durable or need not be, so
// that only writers that are applying are waited for.
func (p *pipeline) wait(sequence uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.visible < sequence {
		p.wake.Wait()
	}
}

// position returns the end of the last record up to the given sequence; zero if all is visible already.
func (p *pipeline) position(sequence uint64) (end commitlog.Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.pending) == 0 {
		return end
	}
	i := min(max(sequence, p.pending[0].sequence)-p.pending[0].sequence, uint64(len(p.pending)-1))
	for ; i > 0 && p.pending[i].skipped; i-- {
	}
	if !p.pending[i].skipped {
		end = p.pending[i].ticket.Position
	}
	return end
}
