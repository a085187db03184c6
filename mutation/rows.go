package mutation

import "bytes"

// MergeRows merges sources, each in clustering order (reverse: descending), into one: rows
// of one clustering become one by the law, what the deletions of side hide is removed (nil:
// nothing), and rows with nothing left are skipped. Row deletions and cell tombstones stay
// in the stream: flush and compaction need them, BatchBuilder drops them.
func MergeRows(law Law, sources []RowSource, side *Side, reverse bool) RowSource {
	f := finisher{law: law, covering: NewRangeCursor(side, reverse)}
	switch len(sources) {
	case 0:
		return noRows{}
	case 1:
		return &oneSource{finisher: f, source: sources[0]}
	case 2:
		return &twoSources{finisher: f, sources: [2]RowSource(sources), advance: 3, reverse: reverse}
	}
	return &manySources{finisher: f, sources: sources, heads: make([]*Row, len(sources)), reverse: reverse}
}

type noRows struct{}

func (noRows) Next() (*Row, error) { return nil, nil }

// finisher merges versions of a row and takes away what is deleted. It owns the row and the
// cells it builds; rows of the sources are never written to.
type finisher struct {
	law      Law
	covering RangeCursor
	row      Row
	scratch  [2][]Cell // cells are merged from one into the other
	flip     int
}

// start begins with a version of a row.
func (f *finisher) start(row *Row) { f.row = *row }

// add merges another version in.
func (f *finisher) add(row *Row) {
	built := f.law != BySequence && len(row.Cells) > 0 && len(f.row.Cells) > 0
	f.row.Cells = mergeRow(f.law, &f.row, row, f.scratch[f.flip][:0])
	if built {
		f.scratch[f.flip] = f.row.Cells
		f.flip = 1 - f.flip
	}
}

// finish removes what is deleted. It returns nil when nothing is left.
func (f *finisher) finish() *Row {
	Normalize(f.law, &f.row)
	ApplyDeletion(f.law, &f.row, f.covering.Covering(f.row.Clustering))
	if f.row.IsEmpty() {
		return nil
	}
	return &f.row
}

// finishOne is finish for a row that has one version: most go through as they are.
func (f *finisher) finishOne(row *Row) *Row {
	if row.Deletion.IsNone() && f.covering.isNone() {
		if row.IsEmpty() {
			return nil
		}
		return row
	}
	f.row = *row
	return f.finish()
}

type oneSource struct {
	finisher
	source RowSource
}

func (m *oneSource) Next() (*Row, error) {
	for {
		row, err := m.source.Next()
		if row == nil || err != nil {
			return nil, err
		}
		if out := m.finishOne(row); out != nil {
			return out, nil
		}
	}
}

type twoSources struct {
	finisher
	sources [2]RowSource
	heads   [2]*Row
	advance uint8 // bit i: head i was consumed; its source moves at the next call, not before
	reverse bool
}

func (m *twoSources) Next() (*Row, error) {
	for {
		for i := range m.sources {
			if m.advance&(1<<i) == 0 {
				continue
			}
			row, err := m.sources[i].Next()
			if err != nil {
				return nil, err
			}
			m.heads[i] = row
		}
		m.advance = 0
		out, end := m.take()
		if out != nil || end {
			return out, nil
		}
	}
}

// take consumes the first head, or both when they are versions of one row.
func (m *twoSources) take() (row *Row, end bool) {
	a, b := m.heads[0], m.heads[1]
	if a == nil && b == nil {
		return nil, true
	}
	order := compareHeads(a, b, m.reverse)
	switch {
	case order < 0:
		m.advance = 1
		return m.finishOne(a), false
	case order > 0:
		m.advance = 2
		return m.finishOne(b), false
	}
	m.advance = 3
	m.start(a)
	m.add(b)
	return m.finish(), false
}

// compareHeads orders rows as a stream has them; a stream at its end comes last.
func compareHeads(a, b *Row, reverse bool) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	case reverse:
		return bytes.Compare(b.Clustering, a.Clustering)
	}
	return bytes.Compare(a.Clustering, b.Clustering)
}

// manySources is a binary heap of streams, the one with the first row on top.
type manySources struct {
	finisher
	sources []RowSource
	heads   []*Row
	heap    []int // indexes of sources that have a head
	spent   []int // sources whose heads were consumed
	started bool
	reverse bool
}

func (m *manySources) Next() (*Row, error) {
	if !m.started {
		m.started = true
		for i := range m.sources {
			m.spent = append(m.spent, i)
		}
	}
	for {
		if err := m.refill(); err != nil {
			return nil, err
		}
		if len(m.heap) == 0 {
			return nil, nil
		}
		if out := m.take(); out != nil {
			return out, nil
		}
	}
}

// refill moves the spent sources and puts them back into the heap.
func (m *manySources) refill() error {
	for _, i := range m.spent {
		row, err := m.sources[i].Next()
		if err != nil {
			return err
		}
		m.heads[i] = row
		if row != nil {
			m.push(i)
		}
	}
	m.spent = m.spent[:0]
	return nil
}

// take consumes all versions of the first row.
func (m *manySources) take() *Row {
	first := m.pop()
	m.spent = append(m.spent, first)
	head := m.heads[first]
	if len(m.heap) == 0 || !bytes.Equal(m.heads[m.heap[0]].Clustering, head.Clustering) {
		return m.finishOne(head)
	}
	m.start(head)
	for len(m.heap) > 0 && bytes.Equal(m.heads[m.heap[0]].Clustering, head.Clustering) {
		i := m.pop()
		m.spent = append(m.spent, i)
		m.add(m.heads[i])
	}
	return m.finish()
}

func (m *manySources) less(i, j int) bool {
	return compareHeads(m.heads[m.heap[i]], m.heads[m.heap[j]], m.reverse) < 0
}

func (m *manySources) push(source int) {
	m.heap = append(m.heap, source)
	for i := len(m.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !m.less(i, parent) {
			return
		}
		m.heap[i], m.heap[parent] = m.heap[parent], m.heap[i]
		i = parent
	}
}

func (m *manySources) pop() int {
	top, last := m.heap[0], len(m.heap)-1
	m.heap[0] = m.heap[last]
	m.heap = m.heap[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return top
		}
		if child+1 < last && m.less(child+1, child) {
			child++
		}
		if !m.less(child, i) {
			return top
		}
		m.heap[i], m.heap[child] = m.heap[child], m.heap[i]
		i = child
	}
}
