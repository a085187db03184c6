package lsm

import (
	"bytes"
	"slices"

	"github.com/eskerdb/esker/mutation"
)

// source is what a memtable or a file holds of a partition.
type source struct {
	run         mutation.Run
	first, last []byte // clustering of its rows, those outside the slices too
	hides       bool   // its side deletes rows
	applied     bool   // what its side deletes is not among its rows
}

// sources is what a partition is made of, in the order that a read asks for. Memtables and files that may
// hold anything are opened at once, because what they hold beside rows counts everywhere; files of windows
// hold rows of their time alone and wait until the read gets there.
type sources struct {
	table    *mutation.Table
	sequence uint64
	side     mutation.Side
	hiders   int // sources whose side deletes rows
	limit    int // rows that the caller will take; 0: it does not say
	cost     cost

	newestFirst bool
	opened      []source // nearest first
	waiting     []*file  // likewise, by their windows
	run         []source // that is being read
	openedBuf   [4]source
	runBuf      [2]source
}

// open begins a read. naive opens everything, and leaves nothing out.
func (s *sources) open(t *tableVersion, req *mutation.ReadRequest, sequence uint64, naive bool) error {
	s.table, s.sequence, s.limit = t.table, sequence, req.RowsMax
	s.cost = cost{req.Statistics, len(t.files)}
	s.newestFirst = isNewestFirst(t.table, req.Reverse)
	s.opened, s.run = s.openedBuf[:0], s.runBuf[:0]
	var buf [8]*mutation.Side
	sides := buf[:0]
	order := t.fileOrder()
	for _, f := range order.all {
		side, err := s.openFile(f, req, naive)
		if err != nil {
			return err
		}
		if side != nil {
			sides = append(sides, side)
		}
	}
	low, high := timesOf(t.table, req.Slices)
	s.waiting = order.within(low, high, s.newestFirst)
	if naive {
		s.waiting = order.up
	}
	for naive && len(s.waiting) > 0 {
		if err := s.openWaiting(req, naive); err != nil {
			return err
		}
	}
	for _, m := range t.sealed {
		sides = s.openMemory(m, req, sides, naive)
	}
	sides = s.openMemory(t.active, req, sides, naive)
	if len(sides) > 0 {
		s.side = mutation.MergeSides(t.table.Law, sides...)
	}
	s.cost.side(&s.side, req.Slices)
	return nil
}

// openFile opens the partition in a file. It returns what the file holds beside its rows, nil if nothing.
func (s *sources) openFile(f *file, req *mutation.ReadRequest, naive bool) (*mutation.Side, error) {
	if f.info.Partitions == 0 || req.Key.Compare(f.info.FirstKey) < 0 || req.Key.Compare(f.info.LastKey) > 0 {
		return nil, nil
	}
	s.cost.lookInto(f)
	p, err := f.reader.Partition(req.Key)
	if p == nil || err != nil {
		return nil, err
	}
	p.Count(req.Statistics)
	side := p.Side()
	if side.IsEmpty() {
		side = nil
	}
	s.add(source{run: p.Run(), applied: true}, side, req, naive)
	return side, nil
}

func (s *sources) openMemory(m *memory, req *mutation.ReadRequest, sides []*mutation.Side, naive bool) []*mutation.Side {
	p := m.Partition(req.Key, s.sequence)
	if p == nil {
		return sides
	}
	req.Statistics.LookIntoMemtable(m.epoch)
	side := p.Side()
	if side.IsEmpty() {
		side = nil
	} else {
		sides = append(sides, side)
	}
	for _, run := range p.Runs() {
		s.add(source{run: run}, side, req, naive)
		side = nil // it counts once
	}
	if side != nil && hides(side) {
		s.hiders++ // of a partition without rows
	}
	return sides
}

// add puts a source where it belongs, if it has rows in the slices.
func (s *sources) add(one source, side *mutation.Side, req *mutation.ReadRequest, naive bool) {
	if one.hides = side != nil && hides(side); one.hides {
		s.hiders++
	}
	if one.run == nil {
		return
	}
	one.first, one.last = one.run.Bounds()
	if !naive && !one.touches(req) {
		return
	}
	at := len(s.opened)
	for at > 0 && s.compare(s.opened[at-1].near(req), one.near(req), req) > 0 {
		at--
	}
	s.opened = slices.Insert(s.opened, at, one)
}

func (s *source) touches(req *mutation.ReadRequest) bool {
	i := req.Slices.Seek(s.first)
	return i < len(req.Slices) && req.Slices[i].Start.CompareKey(s.last) < 0
}

// near is the row of s that a read comes to first.
func (s *source) near(req *mutation.ReadRequest) []byte {
	if req.Reverse {
		return s.last
	}
	return s.first
}

// far is the row of s that a read comes to last.
func (s *source) far(req *mutation.ReadRequest) []byte {
	if req.Reverse {
		return s.first
	}
	return s.last
}

// compare orders clusterings as the read comes to them.
func (s *sources) compare(a, b []byte, req *mutation.ReadRequest) int {
	if req.Reverse {
		return bytes.Compare(b, a)
	}
	return bytes.Compare(a, b)
}

// reaches reports whether a row of f may lie at or before key, as the read comes to them.
func (s *sources) reaches(f *file, key []byte) bool {
	ms, known := s.table.EventTime(key)
	switch w := f.window(); {
	case !known:
		return true
	case s.newestFirst:
		return ms < w.end
	default:
		return ms >= w.start
	}
}

// openWaiting opens the nearest of the files that wait.
func (s *sources) openWaiting(req *mutation.ReadRequest, naive bool) error {
	f := s.waiting[0]
	s.waiting = s.waiting[1:]
	_, err := s.openFile(f, req, naive)
	return err
}

// nextRun returns the sources that the read comes to next and that overlap each other, and nobody else; none
// at the end. They are valid until the next call.
func (s *sources) nextRun(req *mutation.ReadRequest) ([]source, error) {
	for len(s.waiting) > 0 && (len(s.opened) == 0 || s.reaches(s.waiting[0], s.opened[0].near(req))) {
		if err := s.openWaiting(req, false); err != nil {
			return nil, err
		}
	}
	s.run = s.run[:0]
	if len(s.opened) == 0 {
		return nil, nil
	}
	far := s.take().far(req)
	for {
		for len(s.waiting) > 0 && s.reaches(s.waiting[0], far) {
			if err := s.openWaiting(req, false); err != nil {
				return nil, err
			}
		}
		if len(s.opened) == 0 || s.compare(s.opened[0].near(req), far, req) > 0 {
			return s.run, nil
		}
		if next := s.take().far(req); s.compare(next, far, req) > 0 {
			far = next
		}
	}
}

// take moves the nearest source into the run.
func (s *sources) take() *source {
	s.run = append(s.run, s.opened[0])
	s.opened = slices.Delete(s.opened, 0, 1)
	return &s.run[len(s.run)-1]
}

// rest returns all sources that are left: those of one run that nobody splits.
func (s *sources) rest() []source {
	out := s.opened
	s.opened = nil
	return out
}
