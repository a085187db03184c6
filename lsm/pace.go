package lsm

import (
	"math"
	"runtime"
	"sync"
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
	pause := time.Duration(float64(worked) * p.rest(p.store.fill()))
	if pause < time.Millisecond {
		return nil // it adds up
	}
	err := p.sleep(min(pause, pauseMax))
	p.since = p.store.opts.Clock.Now()
	return err
}

// rest is how long a pause is, as a multiple of the work before it: three parts of five if nothing waits, none if too much does. While
// memtables fill faster than they are flushed, a flush needs the processor and the disk more than any compaction.
func (p *pace) rest(fill float64) float64 {
	if fill >= slowFrom {
		return 3
	}
	return 1.5 * max(0, 1-p.debt)
}

// fill is how full the memtables are, 1 being the limit.
func (s *Store) fill() float64 { return float64(s.memoryUsed.Load()) / float64(s.opts.MemoryBytesMax) }

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

const (
	slowFrom = 0.60 // fill of the memtables from which writers are slowed
	slowTo   = 0.95 // and at which they may write but half of what is flushed
	// delayMax bounds how long a write is held back.
	delayMax = 100 * time.Millisecond
	// overloadMax bounds how long a write waits at the limit of memory before it is refused: less than clients wait for an answer.
	overloadMax = 2 * time.Second
	// memoryEvery is how often it looks whether a flush has given memory back.
	memoryEvery = 2 * time.Millisecond
	// delayMin is what is worth a sleep; less adds up.
	delayMin = 200 * time.Microsecond
	// flushRateFirst is what is taken for the speed of flushes before the first, bytes of memtables a second.
	flushRateFirst = 64 << 20
)

// throttle slows writers, all together, to what flushes can take, the more the fuller the memtables.
type throttle struct {
	mu   sync.Mutex
	rate float64   // of flushes, bytes of memtables a second; 0: none was seen
	free time.Time // when what was let in so far is done
	held time.Duration
}

// flushed tells of a flush of a memtable of so many bytes.
func (t *throttle) flushed(bytes int64, took time.Duration) {
	if took <= 0 || bytes <= 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	rate := float64(bytes) / took.Seconds()
	if t.rate == 0 {
		t.rate = rate
	}
	t.rate = 0.7*t.rate + 0.3*rate
}

// delay returns how long a write of so many bytes waits at a fill of the memtables, 1 being the limit.
func (t *throttle) delay(now time.Time, bytes int, fill float64) time.Duration {
	if fill < slowFrom {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	rate := t.rate
	if rate == 0 {
		rate = flushRateFirst
	}
	full := math.Min(1, (fill-slowFrom)/(slowTo-slowFrom))
	rate *= 4*(1-full) + full/2
	if t.free.Before(now) {
		t.free = now
	}
	t.free = t.free.Add(time.Duration(float64(bytes) / rate * float64(time.Second)))
	if t.free.Sub(now) > delayMax {
		t.free = now.Add(delayMax)
	}
	d := t.free.Sub(now)
	if d < delayMin {
		return 0
	}
	t.held += d
	return d
}

// holdBack lets a write of so many bytes wait while memtables are filling faster than they are flushed.
func (s *Store) holdBack(bytes int) {
	fill := s.fill()
	if fill < slowFrom || s.opts.Tuning.NoBackground {
		return
	}
	s.wakeFlusher()
	d := s.jobs.throttle.delay(s.opts.Clock.Now(), bytes, fill)
	if d == 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.jobs.done:
	}
}

// awaitMemory waits until memtables are within their limit. It is false if they are not in time.
func (s *Store) awaitMemory() bool {
	s.wakeFlusher()
	if s.opts.Tuning.NoBackground {
		return false
	}
	ticker, timer := time.NewTicker(memoryEvery), time.NewTimer(overloadMax)
	defer ticker.Stop()
	defer timer.Stop()
	for s.memoryUsed.Load() > s.opts.MemoryBytesMax {
		select {
		case <-ticker.C:
		case <-timer.C:
			return false
		case <-s.jobs.done:
			return false
		}
	}
	return true
}
