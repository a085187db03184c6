package clock

import (
	"sync"
	"testing"
	"time"
)

func TestManualMovesOnlyWhenTold(t *testing.T) {
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	m := NewManual(start)
	if got := m.Now(); !got.Equal(start) {
		t.Errorf("a new clock shows %v", got)
	}
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			m.Advance(time.Second)
			m.Now()
		})
	}
	all.Wait()
	if got, want := m.Now(), start.Add(100*time.Second); !got.Equal(want) {
		t.Errorf("after 100 seconds: %v, want %v", got, want)
	}
	m.Advance(-time.Hour)
	if got, want := m.Now(), start.Add(100*time.Second-time.Hour); !got.Equal(want) {
		t.Errorf("an hour back: %v, want %v", got, want)
	}
	m.Set(start)
	if got := m.Now(); !got.Equal(start) {
		t.Errorf("after Set: %v", got)
	}
}

func TestSystemDoesNotRunBack(t *testing.T) {
	var c Clock = System{}
	if first, second := c.Now(), c.Now(); second.Before(first) {
		t.Errorf("%v, then %v", first, second)
	}
}
