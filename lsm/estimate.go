package lsm

import (
	"sync"

	"github.com/eskerdb/esker/mutation"
)

// Estimate is about how much a table holds, memtables included. Versions of a row in several places count
// several times.
type Estimate struct {
	Rows       int64
	Partitions int64 // one that lies in several places counts once where that can be told cheaply
	Bytes      int64
	Files      int
	From, To   int64 // ms since 1970, half open: event times of rows, as far as they are known; both 0: of none
	Timed      bool  // they are of all rows; false for a table that is not bucketed
}

// Estimate estimates a table. It reads no file and waits for nobody, and what files hold is added up once
// for each version of them. It is false for a table that is not there.
func (s *Store) Estimate(table mutation.TableID) (Estimate, bool) {
	v, _ := s.acquire()
	defer v.unref()
	t, found := v.tables[table]
	if !found {
		return Estimate{}, false
	}
	return t.estimate(), true
}

// FilesEstimate is Estimate without memtables: it changes with every flush and compaction.
func (s *Store) FilesEstimate(table mutation.TableID) (Estimate, bool) {
	v, _ := s.acquire()
	defer v.unref()
	t, found := v.tables[table]
	if !found {
		return Estimate{}, false
	}
	return t.fileOrder().sums.of(t.files), true
}

func (t *tableVersion) estimate() Estimate {
	out := t.fileOrder().sums.of(t.files)
	out.Timed = out.Timed && isBucketed(t.table)
	for _, m := range t.memories() {
		out.Rows += m.Rows()
		out.Bytes += m.Bytes()
		out.Partitions = max(out.Partitions, m.Partitions())
		low, high, known := m.Times()
		out.Timed = out.Timed && known
		if low <= high {
			out.extend(low, max(high, high+1))
		}
	}
	return out
}

// extend makes the range of times hold another one.
func (e *Estimate) extend(from, to int64) {
	if e.From == e.To {
		e.From, e.To = from, to
	}
	e.From, e.To = min(e.From, from), max(e.To, to)
}

// fileSums is the part of an Estimate that files make.
type fileSums struct {
	once sync.Once
	sum  Estimate
}

func (s *fileSums) of(files []*file) Estimate {
	s.once.Do(func() { s.sum = sumFiles(files) })
	return s.sum
}

// sumFiles adds files up. Files of one run share no partition; of several runs the one with the most counts, since mostly
// all have the same partitions.
func sumFiles(files []*file) Estimate {
	type runOf struct {
		window window
		run    uint64
	}
	out := Estimate{Timed: true}
	runs := make(map[runOf]int64)
	for _, f := range files {
		out.Files++
		out.Rows += f.info.Rows
		out.Bytes += f.info.Bytes
		r := runOf{f.window(), f.run}
		runs[r] += f.info.Partitions
		out.Partitions = max(out.Partitions, runs[r])
		if w := f.window(); w != (window{}) {
			out.extend(w.start, w.end)
		} else if f.info.Rows > 0 {
			out.Timed = false
		}
	}
	return out
}
