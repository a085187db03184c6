package lsm

import (
	"sync"

	"github.com/eskerdb/esker/lsm/commitlog"
)

// commit is a record on its way: logged, then applied, then durable, then visible.
type commit struct {
	sequence uint64
	position commitlog.Position
	applied  bool // guarded by pipeline.mu
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

// publish makes visible what is applied and lies before durable.
func (p *pipeline) publish(durable commitlog.Position, all bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, c := range p.pending {
		if !c.applied || !all && durable.Less(c.position) {
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

// position returns where the record with the given sequence ends, or the last one if it is
// beyond; zero if all is visible already.
func (p *pipeline) position(sequence uint64) commitlog.Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.pending) == 0 {
		return commitlog.Position{}
	}
	i := min(max(sequence, p.pending[0].sequence)-p.pending[0].sequence, uint64(len(p.pending)-1))
	return p.pending[i].position
}
