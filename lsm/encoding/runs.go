package encoding

import "encoding/binary"

// split takes words apart into the values of runs and their lengths less one.
func split(words []uint64, values, lengths []uint64) ([]uint64, []uint64) {
	values, lengths = values[:0], lengths[:0]
	begin := 0
	for i := 1; i <= len(words); i++ {
		if i == len(words) || words[i] != words[begin] {
			values = append(values, words[begin])
			lengths = append(lengths, uint64(i-begin-1))
			begin = i
		}
	}
	return values, lengths
}

const (
	runsMany = 4  // values a run: below it runs are not tried
	runsFew  = 16 // values a run: from it on nothing else is
)

// planRuns plans the parts of runs and returns about how many bits they take; 0 if runs are not worth a try.
func (s *scratch) planRuns(words []uint64, found survey) (values, lengths plan, cost int) {
	if found.runs == 1 || found.runs*runsMany > len(words) {
		return values, lengths, 0
	}
	s.values, s.lengths = split(words, s.values, s.lengths)
	values, s.reduced[0] = planIntegers(s.values, look(s.values), s.reduced[0])
	lengths, s.reduced[1] = planIntegers(s.lengths, look(s.lengths), s.reduced[1])
	return values, lengths, values.bits + lengths.bits + 8*4
}

// appendRuns appends runs whose parts are planned.
func (s *scratch) appendRuns(dst []byte, values, lengths *plan) []byte {
	dst = append(dst, wordsRLE)
	dst = binary.AppendUvarint(dst, uint64(len(s.values)))
	dst = s.appendPart(dst, s.values, values)
	return s.appendPart(dst, s.lengths, lengths)
}

// appendPart appends words within another encoding: their length in bytes, then as planned.
func (s *scratch) appendPart(dst []byte, words []uint64, p *plan) []byte {
	s.part = appendPlan(s.part[:0], words, p)
	dst = binary.AppendUvarint(dst, uint64(len(s.part)))
	return append(dst, s.part...)
}

// cutPart takes a part off src.
func cutPart(src []byte) (part, rest []byte, err error) {
	length, src, err := uvarint(src)
	if err != nil {
		return nil, nil, err
	}
	if length > uint64(len(src)) {
		return nil, nil, corrupt("part of %d bytes in %d", length, len(src))
	}
	return src[:length], src[length:], nil
}

// runs reads runs, a block of them at a time.
type runs struct {
	values, lengths integers
	value, length   [blockValues]uint64
	at, n           int // in the block
}

// decodeRuns appends words [from, to) of the n of src, without its kind.
func decodeRuns(dst []uint64, src []byte, n, from, to int) ([]uint64, error) {
	count, src, err := uvarint(src)
	if err != nil {
		return dst, err
	}
	if count == 0 || count > uint64(n) {
		return dst, corrupt("%d runs for %d values", count, n)
	}
	var r runs
	if err := r.open(src, int(count)); err != nil {
		return dst, err
	}
	place, at := 0, len(dst)
	dst = grow(dst, to-from)
	for place < to || to == n && r.more() {
		value, length, err := r.next()
		if err == nil && length > uint64(n-place-1) {
			err = corrupt("run of %d values where %d are left", length, n-place)
		}
		if err != nil {
			return dst[:at], err
		}
		end := place + int(length) + 1
		if begin := max(place, from); begin < min(end, to) {
			fill(dst[at+begin-from:at+min(end, to)-from], value)
		}
		place = end
	}
	if to == n {
		if err := r.values.end(); err != nil {
			return dst[:at], err
		}
		return dst, r.lengths.end()
	}
	return dst, nil
}

func fill(dst []uint64, value uint64) {
	for i := range dst {
		dst[i] = value
	}
}

func (r *runs) open(src []byte, count int) error {
	values, src, err := cutPart(src)
	if err != nil {
		return err
	}
	lengths, src, err := cutPart(src)
	if err != nil {
		return err
	}
	if len(src) != 0 {
		return corrupt("%d bytes behind the runs", len(src))
	}
	if r.values, err = openIntegers(values, count); err != nil {
		return err
	}
	r.lengths, err = openIntegers(lengths, count)
	return err
}

// more reports whether there is another run.
func (r *runs) more() bool { return r.at < r.n || r.lengths.next() > 0 }

// next returns the value of the next run and its length less one.
func (r *runs) next() (value, length uint64, err error) {
	if r.at == r.n {
		r.at, r.n = 0, r.lengths.next()
		if r.n == 0 {
			return 0, 0, corrupt("runs end early")
		}
		if err := r.values.read(r.value[:r.n]); err != nil {
			return 0, 0, err
		}
		if err := r.lengths.read(r.length[:r.n]); err != nil {
			return 0, 0, err
		}
	}
	value, length = r.value[r.at], r.length[r.at]
	r.at++
	return value, length, nil
}
