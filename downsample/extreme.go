package downsample

import (
	"math"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

// extreme is min or max in the order of the type: NaN is above every number, −0 below 0.
type extreme struct {
	sound
	of       *types.Type
	max      bool
	unsigned bool // serialized bytes compare unsigned: date
	found    bool
	words    bool   // word holds the extreme, not value
	word     uint64 // as in a vector
	held     int64  // rank of word
	width    int
	value    []byte
}

func newExtreme(of *types.Type, max bool) *extreme {
	return &extreme{of: of, max: max, unsigned: of.Kind() == types.KindDate, width: of.FixedWidth()}
}

func (a *extreme) Add(value []byte) {
	if value == nil {
		return
	}
	a.settle()
	if a.found {
		order := a.of.Compare(value, a.value)
		if a.max && order <= 0 || !a.max && order >= 0 {
			return
		}
	}
	a.found, a.value = true, append(a.value[:0], value...)
}

// settle turns a word into a value.
func (a *extreme) settle() {
	if !a.words {
		return
	}
	one := mutation.Vector{Physical: mutation.PhysicalInt, Width: a.width, Words: []uint64{a.word}}
	a.words, a.value = false, one.AppendValue(a.value[:0], 0)
}

func (a *extreme) AddVector(v *mutation.Vector, from, to int) {
	if v.Physical == mutation.PhysicalBytes || a.found && !a.words {
		addEach(a, nil, v, from, to)
		return
	}
	if v.Present == nil && v.Physical == mutation.PhysicalDouble {
		a.addDoubles(v.Words[from:to])
		return
	}
	for i := from; i < to; i++ {
		if v.Has(i) {
			a.addWord(v.Physical, v.Words[i])
		}
	}
}

func (a *extreme) addWord(physical mutation.Physical, w uint64) {
	k := a.rank(physical, w)
	if !a.found || a.max && k > a.held || !a.max && k < a.held {
		a.found, a.words, a.word, a.held = true, true, w, k
	}
}

// addDoubles is addWord in loops that pass over most numbers by one comparison. What is equal, which zeros of both signs are, and NaN go
// the long way.
func (a *extreme) addDoubles(words []uint64) {
	if len(words) == 0 {
		return
	}
	if !a.found {
		a.addWord(mutation.PhysicalDouble, words[0])
	}
	held := math.Float64frombits(a.word)
	if a.max {
		for _, w := range words {
			if v := math.Float64frombits(w); !(v < held) {
				a.addWord(mutation.PhysicalDouble, w)
				held = math.Float64frombits(a.word)
			}
		}
		return
	}
	for _, w := range words {
		if v := math.Float64frombits(w); !(v > held) {
			a.addWord(mutation.PhysicalDouble, w)
			held = math.Float64frombits(a.word)
		}
	}
}

// TakesSummary implements Summarizer.
func (a *extreme) TakesSummary(s *mutation.ColumnSummary) bool {
	physical, _ := mutation.PhysicalOf(a.of)
	return s.Count == 0 || s.HasRange && !a.unsigned && physical != mutation.PhysicalBytes
}

// AddSummary implements Summarizer.
func (a *extreme) AddSummary(_ int, s *mutation.ColumnSummary) {
	if s.Count == 0 {
		return
	}
	physical, _ := mutation.PhysicalOf(a.of)
	a.AddVector(&mutation.Vector{Physical: physical, Width: a.width, Words: []uint64{s.Min, s.Max}}, 0, 2)
}

// rank maps a word to a number in the order of the type.
func (a *extreme) rank(physical mutation.Physical, w uint64) int64 {
	switch physical {
	case mutation.PhysicalDouble:
		return rankDouble(math.Float64frombits(w))
	case mutation.PhysicalFloat:
		return rankDouble(float64(math.Float32frombits(uint32(w))))
	}
	if a.unsigned {
		return int64(uint32(w))
	}
	return int64(w)
}

// rankDouble orders doubles as Java does.
func rankDouble(v float64) int64 {
	if math.IsNaN(v) {
		return math.MaxInt64
	}
	bits := int64(math.Float64bits(v))
	if bits < 0 {
		return bits ^ math.MaxInt64
	}
	return bits
}

func (a *extreme) Result() []byte {
	if !a.found {
		return nil
	}
	a.settle()
	return append(make([]byte, 0, len(a.value)), a.value...)
}

func (a *extreme) Reset() { a.found, a.words = false, false }
