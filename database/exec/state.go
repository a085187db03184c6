package exec

import (
	"encoding/binary"
	"math"

	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
)

// stateVersion begins every paging state.
const stateVersion = 1 // in the hands of clients: never reuse

// What a paging state says beside its numbers.
const (
	stateBefore = 1 // the page begins with the partition; in the hands of clients: never reuse
	stateInside = 2 // it begins with a row; in the hands of clients: never reuse
	stateStep   = 3 // it begins with a step of FILL, of which at most the group before needs the row; in the hands of clients: never reuse
)

var errState = &planner.InvalidError{Message: "Invalid value for the paging state"}

// position is where a page begins.
type position struct {
	key         *partition.DecoratedKey // nil: at the beginning
	inside      bool                    // with the row of that clustering, not with the partition
	clustering  []byte
	inPartition int    // rows of the answer that the pages before took from this partition
	filling     bool   // of FILL: the answer goes on with a step
	step        int64  // its start, milliseconds since 1970
	series      []byte // what the clustering of the rows of its series begins with
}

// encodeState is the state of a page that begins with the row under way: version, place, key, clustering,
// rows of the answer so far, and of its partition; lengths and numbers as uvarints.
func (r *run) encodeState() ([]byte, error) {
	place, at := byte(stateBefore), []byte(nil)
	if r.row.placed() {
		var err error
		if at, err = r.row.position(); err != nil {
			return nil, err
		}
		place = stateInside
	}
	return r.appendState(place, at), nil
}

// encodeFilling is the state of a page that goes on with a step of FILL, of which the group at a clustering is the
// last before, or the first behind where there is none before; of a series without rows the clustering is empty. The start of the step follows the state.
func (r *run) encodeFilling(at []byte, step int64) []byte {
	return binary.AppendVarint(r.appendState(stateStep, at), step)
}

func (r *run) appendState(place byte, at []byte) []byte {
	out := binary.AppendUvarint([]byte{stateVersion, place}, uint64(len(r.row.decorated.Key)))
	out = append(out, r.row.decorated.Key...)
	out = append(binary.AppendUvarint(out, uint64(len(at))), at...)
	out = binary.AppendUvarint(out, uint64(r.emitted))
	return binary.AppendUvarint(out, uint64(r.inPartition))
}

// decodeState puts the run where a state says.
func (r *run) decodeState(src []byte) error {
	if src == nil {
		return nil
	}
	if len(src) < 2 || src[0] != stateVersion || src[1] < stateBefore || src[1] > stateStep {
		return errState
	}
	inside, filling := src[1] != stateBefore, src[1] == stateStep
	key, rest, ok := stateBytes(src[2:])
	if !ok || len(key) > partition.KeyBytesMax {
		return errState
	}
	at, rest, ok := stateBytes(rest)
	if !ok {
		return errState
	}
	emitted, rest, ok := stateNumber(rest)
	if !ok {
		return errState
	}
	inPartition, rest, ok := stateNumber(rest)
	if !ok || inPartition > emitted || filling != (len(rest) > 0) || filling && r.plan.Fill == nil {
		return errState
	}
	if _, err := r.layout.Decode(key); err != nil {
		return errState
	}
	values, err := r.plan.Table.ClusteringLayout().Decode(at)
	whole, none := len(values) == len(r.plan.Table.Clustering), len(at) == 0
	whole = whole || !none && r.stepped() // a step begins with a time
	if err != nil || inside && !whole && !(filling && none) || !inside && !none {
		return errState
	}
	decorated := partition.Decorate(key)
	r.begin = position{key: &decorated, inside: inside, clustering: at, inPartition: inPartition}
	r.emitted = emitted
	if filling {
		return r.decodeFilling(rest, values)
	}
	return nil
}

// decodeFilling reads where a page that begins with a step of FILL goes on; values are the clustering of its row.
func (r *run) decodeFilling(src []byte, values [][]byte) error {
	step, used := binary.Varint(src)
	if used != len(src) {
		return errState
	}
	series := []byte{} // of a series without rows: any
	if len(values) > 0 {
		for i, col := range r.plan.Table.ClusteringLayout()[:r.plan.Fill.Column.Slot] {
			series = col.Append(series, values[i])
		}
	}
	r.begin.filling, r.begin.step, r.begin.series = true, step, series
	return nil
}

// stepped reports whether groups are steps of the first clustering column.
func (r *run) stepped() bool {
	if len(r.plan.GroupBy) == 0 {
		return false
	}
	column, _, ok := planner.StepOf(r.plan.GroupBy[len(r.plan.GroupBy)-1])
	return ok && column.Column.Position == 0
}

func stateBytes(src []byte) (b, rest []byte, ok bool) {
	n, used := binary.Uvarint(src)
	if used <= 0 || n > uint64(len(src)-used) {
		return nil, nil, false
	}
	return src[used : used+int(n) : used+int(n)], src[used+int(n):], true
}

func stateNumber(src []byte) (n int, rest []byte, ok bool) {
	v, used := binary.Uvarint(src)
	if used <= 0 || v > math.MaxInt64 {
		return 0, nil, false
	}
	return int(v), src[used:], true
}
