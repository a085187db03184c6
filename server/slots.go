package server

import (
	"sync"
	"sync/atomic"
)

// slots bound how many of something there are at a time. Taking one that is free and giving it back takes no lock.
type slots struct {
	max     int64
	used    atomic.Int64
	waiting atomic.Int64 // who waits or is about to

	mu   sync.Mutex // held for a moment only
	free sync.Cond  // L is mu; a slot was given back, or a connection ended
}

func newSlots(most int) *slots {
	s := &slots{max: int64(most)}
	s.free.L = &s.mu
	return s
}

// try takes a slot if one is free.
func (s *slots) try() bool {
	for {
		used := s.used.Load()
		if used >= s.max {
			return false
		}
		if s.used.CompareAndSwap(used, used+1) {
			return true
		}
	}
}

// enter takes a slot; it is false if down was closed while it waited, after which wake must be called.
func (s *slots) enter(down <-chan struct{}) bool {
	if s.try() {
		return true
	}
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		select {
		case <-down:
			return false
		default:
		}
		if s.try() {
			return true
		}
		s.free.Wait()
	}
}

// leave gives n slots back.
func (s *slots) leave(n int) {
	s.used.Add(int64(-n))
	if s.waiting.Load() > 0 {
		s.wake()
	}
}

// wake lets those who wait look again.
func (s *slots) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free.Broadcast()
}
