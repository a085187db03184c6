package lsm

import (
	"runtime"
	"time"
)

// pauseMax bounds a pause, so that whoever excludes compaction does not wait long.
const pauseMax = 20 * time.Millisecond

// pace lets reads and writes go before background compaction. It gives up for whoever excludes
// compaction. A nil pace does nothing.
type pace struct {
	store *Store
	debt  float64 // 0: nothing waits; 1 and more: too much does, go on without pauses
	since time.Time
	timer *time.Timer
}

// keep is called every few thousand rows. It pauses in proportion to the time they took, the less the more work waits, and
// returns errStopped when the job must give up.
func (p *pace) keep() error {
	if p == nil {
		return nil
	}
	if p.store.jobs.mustStop() {
		return errStopped
	}
	runtime.Gosched()
	if p.store.opts.Tuning.NoBackground {
		return nil
	}
	now := p.store.opts.Clock.Now()
	worked := now.Sub(p.since)
	if p.since.IsZero() || worked < 0 {
		p.since, worked = now, 0
	}
	// With nothing else waiting compaction works two fifths of the time; memtables that fill let it work less still.
	pause := time.Duration(float64(worked) * 1.5 * max(0, 1-p.debt))
	if pause < time.Millisecond {
		return nil // it adds up
	}
	err := p.sleep(min(pause, pauseMax))
	p.since = p.store.opts.Clock.Now()
	return err
}

func (p *pace) sleep(d time.Duration) error {
	if p.timer == nil {
		p.timer = time.NewTimer(d)
	} else {
		p.timer.Reset(d)
	}
	select {
	case <-p.timer.C:
		return nil
	case <-p.store.jobs.done:
		p.timer.Stop()
		return errStopped
	}
}
