package lsm

import (
	"bytes"
	"slices"

	"github.com/eskerdb/esker/clustering"
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
	waiting     waiting  // files of windows
	run         []source // that is being read
	// left is what of the slices the runs so far have not read, stage what of them the run being read is of: mostly all that was left.
	left, stage clustering.Slices
	edge        *file // where the stage ends; nil: it ends where its sources do
	openedBuf   [4]source
	runBuf      [2]source
}

// open begins a read. naive opens everything, and leaves nothing out.
func (s *sources) open(t *tableVersion, req *mutation.ReadRequest, sequence uint64, naive bool) error {
	s.table, s.sequence, s.limit = t.table, sequence, req.RowsMax
	s.cost = cost{req.Statistics, len(t.files)}
	s.newestFirst = isNewestFirst(t.table, req.Reverse)
	s.opened, s.run, s.left = s.openedBuf[:0], s.runBuf[:0], req.Slices
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
	if naive {
		for _, f := range order.up {
			if _, err := s.openFile(f, req, naive); err != nil {
				return err
			}
		}
	}
	for _, m := range t.sealed {
		sides = s.openMemory(m, req, sides, naive)
	}
	sides = s.openMemory(t.active, req, sides, naive)
	if len(sides) > 0 {
		s.side = mutation.MergeSides(t.table.Law, sides...)
	}
	if !naive {
		s.waiting.open(order, t.table, req, s.newestFirst)
		s.waiting.deleted = deletedBy(t.table, &s.side, req.Slices)
	}
	s.cost.side(&s.side, req.Slices)
	return nil
}

// openFile opens the partition in a file. It returns what the file holds beside its rows, nil if nothing.
func (s *sources) openFile(f *file, req *mutation.ReadRequest, naive bool) (*mutation.Side, error) {
	if !f.spans(req.Key) {
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
	if first, last, any := p.Bounds(); any && s.waiting.deleted.coversBetween(f, first, last) {
		return side, nil // none of its rows shows
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
	lost := losesColumns(m.Table(), s.table)
	for _, run := range p.Runs() {
		if lost {
			run = rowsAlone{run}
		}
		s.add(source{run: run}, side, req, naive)
		side = nil // it counts once
	}
	if side != nil && hides(side) {
		s.hiders++ // of a partition without rows
	}
	return sides
}

// losesColumns reports whether a table had columns that it has not any more.
func losesColumns(before, now *mutation.Table) bool {
	if before == now {
		return false
	}
	return slices.ContainsFunc(before.Columns, func(c mutation.Column) bool {
		return !slices.ContainsFunc(now.Columns, func(o mutation.Column) bool { return o.ID == c.ID })
	})
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
	if !naive && !one.touches(s.left) {
		return
	}
	s.insert(one, req)
}

// insert puts a source where its nearest row belongs.
func (s *sources) insert(one source, req *mutation.ReadRequest) {
	at := len(s.opened)
	for at > 0 && s.compare(s.opened[at-1].near(req), one.near(req), req) > 0 {
		at--
	}
	s.opened = slices.Insert(s.opened, at, one)
}

func (s *source) touches(in clustering.Slices) bool {
	i := in.Seek(s.first)
	return i < len(in) && in[i].Start.CompareKey(s.last) < 0
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
		return ms <= w.last()
	default:
		return ms >= w.start
	}
}

// openWaiting opens the nearest of the files that wait, if there is one.
func (s *sources) openWaiting(req *mutation.ReadRequest) error {
	f := s.waiting.peek()
	if f == nil {
		return nil
	}
	s.waiting.pop()
	_, err := s.openFile(f, req, false)
	return err
}

// openNear opens the files that may have rows before the nearest that is known.
func (s *sources) openNear(req *mutation.ReadRequest) error {
	for f := s.waiting.peek(); f != nil; f = s.waiting.peek() {
		atEdge := s.edge != nil && s.edgeOf(f) == s.edgeOf(s.edge)
		if len(s.opened) > 0 && !atEdge && !s.reaches(f, s.opened[0].near(req)) {
			break
		}
		if err := s.openWaiting(req); err != nil {
			return err
		}
	}
	s.edge = nil
	return nil
}

// edgeOf is where a read comes to a file of a window.
func (s *sources) edgeOf(f *file) int64 {
	if s.newestFirst {
		return f.window().end
	}
	return f.window().start
}

// nextRun returns the sources that the read comes to next and that overlap each other, and nobody else, as far as the
// stage goes; none at the end. They are valid until the next call.
//
// A source that reaches into the windows of files that wait does not open them: the stage ends where the nearest of them begins, and
// the rest of the source is for later ones. So a late reading in a memtable does not make a read open all files since.
func (s *sources) nextRun(req *mutation.ReadRequest) ([]source, error) {
	if err := s.openNear(req); err != nil {
		return nil, err
	}
	s.run, s.stage = s.run[:0], s.left
	if len(s.opened) == 0 {
		return nil, nil
	}
	far := s.take().far(req)
	for {
		if f := s.waiting.peek(); f != nil && s.reaches(f, far) {
			return s.run, s.cutAt(f, req)
		}
		if len(s.opened) == 0 || s.compare(s.opened[0].near(req), far, req) > 0 {
			return s.run, nil
		}
		if next := s.take().far(req); s.compare(next, far, req) > 0 {
			far = next
		}
	}
}

// cutAt ends the stage where a file of a window begins.
func (s *sources) cutAt(f *file, req *mutation.ReadRequest) error {
	cut, _ := s.table.TimeBound(s.edgeOf(f))
	passed := func(key []byte) bool { return cut.CompareKey(key) > 0 != req.Reverse }
	for len(s.opened) > 0 && passed(s.opened[0].near(req)) {
		s.take()
	}
	s.stage, s.left, s.edge = s.left.From(cut, !req.Reverse), s.left.From(cut, req.Reverse), f
	for _, one := range s.run {
		if passed(one.far(req)) {
			continue
		}
		near := cut.AppendBytes(nil) // a point, no row: before all that is left
		if !one.applied {
			row, err := one.run.Rows(s.left, req.Reverse).Next()
			if err != nil {
				return err
			}
			if row == nil {
				continue
			}
			near = bytes.Clone(row.Clustering)
		}
		if req.Reverse {
			one.last = near
		} else {
			one.first = near
		}
		s.insert(one, req)
	}
	return nil
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
