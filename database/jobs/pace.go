package jobs

import (
	"sync/atomic"
	"time"
)

// Recomputation and backfills give way to statements.
const (
	// pauseFactor: while statements write, a round is followed by a pause so many times as long as it took, which leaves
	// them all but a thirteenth of a core.
	pauseFactor = 12
	pauseMax    = 5 * time.Second
	// quietTime: a pause is over when nothing was written for so long.
	quietTime = 50 * time.Millisecond
	// roundTime is what a round aims at: it answers fewer marks where they take long.
	roundTime = 50 * time.Millisecond
)

// giveWay pauses after work that took so long, as long as writes go on, and ends early when stop is closed.
func giveWay(writes *atomic.Int64, took time.Duration, stop <-chan struct{}) {
	for left := min(pauseFactor*took, pauseMax); left > 0; left -= quietTime {
		seen := writes.Load()
		timer := time.NewTimer(min(left, quietTime))
		select {
		case <-timer.C:
		case <-stop:
			timer.Stop()
			return
		}
		if writes.Load() == seen {
			return
		}
	}
}
