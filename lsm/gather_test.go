package lsm

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/eskerdb/esker/internal/vfs"
)

// TestCrashWhileRecordsGather: records that nobody has awaited are found after a crash up to some record, all before it and none behind it, and at
// least those are that somebody awaited. Until then no View shows them.
func TestCrashWhileRecordsGather(t *testing.T) {
	for _, mode := range []LogMode{LogGroup, LogBatch, LogPeriodic} {
		t.Run(mode.String(), func(t *testing.T) {
			every := 7
			if soak() {
				every = 1
			}
			mem, crash := vfs.NewMem(), rand.New(rand.NewPCG(5, 5))
			var s *script
			begun, crashes, operations := uint64(0), 0, 0
			s = newScript(vfs.NewFaulty(mem, func(op vfs.Op) error {
				operations++
				if begun == 0 || op.Index%every != 0 {
					return nil
				}
				crashes++
				left := mustOpen(t, s.options(mem.CrashClone(crash, crash.IntN(101))))
				defer left.Close()
				v := left.View()
				defer v.Close()
				if v.Sequence() > begun || v.Sequence() < s.acked && mode != LogPeriodic {
					t.Errorf("before %s %s: record %d was awaited and %d begun, found are those up to %d", op.Kind, op.Name, s.acked, begun, v.Sequence())
				}
				if err := s.model.check(v, rand.New(rand.NewPCG(1, 1)), s.clock.Now().Unix()); err != nil {
					t.Errorf("before %s %s: %v", op.Kind, op.Name, err)
				}
				return nil
			}), 77)
			s.mode = mode
			s.open()
			begun = s.store.assigned()
			for i := range 60 {
				for range 1 + s.rng.IntN(12) {
					ms := s.gen.group()
					begun++
					s.model.add(begun, ms)
					sequence, err := s.store.ApplyUnsynced(ms)
					mustNot(t, err)
					if sequence != begun {
						t.Fatalf("record %d, not %d", sequence, begun)
					}
				}
				v := s.store.View()
				if v.Sequence() != s.acked && i > 0 {
					t.Errorf("a View shows records up to %d, and %d was awaited", v.Sequence(), s.acked)
				}
				v.Close()
				mustNot(t, s.store.WaitDurable(begun))
				s.acked = begun
				if i%9 == 8 {
					mustNot(t, s.store.Flush(s.gen.tables[s.rng.IntN(4)].ID))
				}
			}
			mustNot(t, s.store.Close())
			mustNot(t, s.verify(mem))
			fmt.Fprintf(t.Output(), "sample %d/%d crashes before file operations\n", crashes, operations)
		})
	}
}

// TestManyBeginAndFewAwait: writers begin records side by side and await now and then. Each sees what he has awaited, and what nobody awaits does
// not hold up the others.
func TestManyBeginAndFewAwait(t *testing.T) {
	const writers, each = 8, 300
	s := newScript(vfs.NewMem(), 78)
	s.open()
	var joined sync.WaitGroup
	var last atomic.Uint64
	for w := range writers {
		joined.Go(func() {
			for n := range int64(each) {
				sequence, err := s.store.ApplyUnsynced(pair(keyOf(w), n))
				if err == nil && n%int64(w+5) == 0 {
					if err = s.store.WaitDurable(sequence); err == nil {
						v := s.store.View()
						if v.Sequence() < sequence {
							t.Errorf("record %d was awaited, a View is at %d", sequence, v.Sequence())
						}
						v.Close()
					}
				}
				if err != nil {
					t.Error(err)
				}
				for old := last.Load(); old < sequence && !last.CompareAndSwap(old, sequence); old = last.Load() {
				}
			}
		})
	}
	joined.Wait()
	mustNot(t, s.store.WaitDurable(last.Load()))
	if v := s.store.View(); v.Sequence() != writers*each {
		t.Errorf("a View at %d of %d records", v.Sequence(), writers*each)
	} else {
		v.Close()
	}
	mustNot(t, s.store.Close())
}
