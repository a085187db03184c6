package lsm

import (
	"runtime"
	"time"
)

const (
	// filesWaitingMax is how many files a table may have before compaction stops being polite.
	filesWaitingMax = 64
	// pauseMax bounds a pause, so that whoever excludes compaction does not wait long.
	pauseMax = 20 * time.Millisecond
)

// pace lets reads and writes go before background compaction. It gives up for whoever excludes
// compaction. A nil pace does nothing.
type pace struct {
	store  *Store
	urgent bool // too many files wait: go on without pauses
	paid   int64
	timer  *time.Timer
}

// keep is called between partitions with the bytes written so far. It pauses for as long as they
// should have taken, and returns errStopped when the job must give up.
func (p *pace) keep(written int64) error {
	if p == nil {
		return nil
	}
	if p.store.jobs.mustStop() {
		return errStopped
	}
	runtime.Gosched()
	owed := time.Duration(float64(written-p.paid) / float64(p.store.opts.Tuning.CompactionBytes) * float64(time.Second))
	if p.urgent || p.store.opts.Tuning.NoBackground || owed < pauseMax/4 {
		return nil
	}
	p.paid = written
	if p.timer == nil {
		p.timer = time.NewTimer(min(owed, pauseMax))
	} else {
		p.timer.Reset(min(owed, pauseMax))
	}
	select {
	case <-p.timer.C:
		return nil
	case <-p.store.jobs.done:
		p.timer.Stop()
		return errStopped
	}
}
