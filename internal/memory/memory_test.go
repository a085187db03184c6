package memory

import (
	"errors"
	"sync"
	"testing"
)

// However many ask at once, the account never exceeds its limit, and ends with nothing.
func TestReserveNeverExceedsTheLimit(t *testing.T) {
	a := NewAccount("test", 1000)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			lease := a.Lease(0)
			for i := range 2000 {
				if err := lease.Grow(int64(i % 300)); err != nil {
					var full *FullError
					if !errors.As(err, &full) || full.Limit != 1000 || full.Asked != int64(i%300) {
						t.Errorf("refused with %v", err)
					}
					lease.Free()
				}
			}
			lease.Free()
		})
	}
	wait.Wait()
	if a.Used() != 0 || a.Peak() > 1000 || a.Peak() == 0 {
		t.Errorf("%d bytes used at the end, %d at the peak", a.Used(), a.Peak())
	}
}

func TestAtTheLimitAndOnePast(t *testing.T) {
	a := NewAccount("test", 10)
	if err := a.Reserve(10); err != nil {
		t.Fatal(err)
	}
	if a.Reserve(1) == nil {
		t.Error("one byte past the limit was given")
	}
	a.Take(5)
	a.Release(6)
	if err := a.Reserve(1); err != nil {
		t.Error(err)
	}
	if a.Reserve(1) == nil {
		t.Error("what was taken beyond the limit does not count")
	}
}

func TestDivide(t *testing.T) {
	for _, total := range []int64{0, TotalMin, 256 << 20, 64 << 30} {
		b := Divide(total)
		sum := b.Memtables + b.Blocks + b.Compaction + b.Requests.Limit()
		if sum >= b.Total || sum < b.Total/2 || b.HeapMax() <= 0 {
			t.Errorf("%d is divided into %+v", total, b)
		}
	}
}
