package lsm

import (
	"math/rand/v2"
	"testing"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
)

// everyTable makes one group with a row for each table.
func everyTable(g *generator) []mutation.Mutation {
	var out []mutation.Mutation
	for i := range g.tables {
		m := g.mutation(&g.tables[i])
		out = append(out, m, g.mutation(&g.tables[i]))
	}
	return out
}

// A memtable may be sealed after a record was logged for it and before the record is applied. The
// record is found wherever the machine stops, and once.
func TestSealBetweenAppendAndApply(t *testing.T) {
	mem := vfs.NewMem()
	s := newScript(mem, 41)
	s.open()
	s.write()
	for range 30 {
		ms := everyTable(s.gen)
		g := newGroup(ms)
		sequence, err := s.store.enter(g)
		mustNot(t, err)
		if s.rng.IntN(2) == 0 {
			mustNot(t, s.store.log.Write(s.store.log.End()))
		}
		s.store.jobs.flush.Lock()
		for _, table := range s.gen.tables {
			_, err := s.store.seal(table.ID)
			mustNot(t, err)
		}
		s.store.jobs.flush.Unlock()
		mustNot(t, s.store.log.Sync())
		s.model.add(sequence, ms)
		logged := s.acked
		s.acked = sequence
		mustNot(t, s.verify(mem.CrashClone(s.rng, 0)))
		s.acked = logged
		g.apply(sequence)
		s.store.pipeline.applied(sequence)
		g.leave()
		mustNot(t, s.store.WaitDurable(sequence))
		s.acked = sequence
		s.write() // into the memtables that came after
		mustNot(t, s.store.Flush(s.gen.tables[s.rng.IntN(4)].ID))
		mustNot(t, s.verify(mem.CrashClone(s.rng, 50)))
	}
	mustNot(t, s.store.Close())
}

// A record of several tables of which some were flushed when the machine stopped is applied to the
// others, and to none twice.
func TestCrashWithEachSubsetOfTablesFlushed(t *testing.T) {
	for subset := range 16 {
		mem := vfs.NewMem()
		s := &script{fs: mem, rng: rand.New(rand.NewPCG(uint64(subset), 2)), clock: clock.NewManual(start), model: newModel(testTables())}
		s.gen = &generator{rng: s.rng, clock: s.clock, tables: testTables()}
		s.open()
		for range 3 {
			ms := everyTable(s.gen)
			sequence, err := s.store.Apply(ms)
			mustNot(t, err)
			s.acked = sequence
			s.model.add(sequence, ms)
			for i, table := range s.gen.tables {
				if subset>>i&1 == 1 {
					mustNot(t, s.store.Flush(table.ID))
					mustNot(t, s.store.Compact(table.ID))
				}
			}
			mustNot(t, s.verify(mem.CrashClone(s.rng, 50)))
		}
		mustNot(t, s.store.Close())
	}
}
