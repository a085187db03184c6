package jobs

import "github.com/eskerdb/esker/mutation"

// recordBytesMax is about how much is written in one record: the log of a store with little memory takes no more. A row that is larger
// is alone in its record.
const recordBytesMax = 512 << 10

// markRecordBytes is about what a mark takes in a record beside the key of its partition, and its end likewise.
const markRecordBytes = 96

func (m *Mark) recordBytes() int { return markRecordBytes + len(m.Base.Key) }

// rowsRecordBytes is about what rows take in a record.
func rowsRecordBytes(m *mutation.Mutation) int {
	n := len(m.Key.Key)
	for i := range m.Rows {
		n += markRecordBytes + len(m.Rows[i].Clustering)
		for j := range m.Rows[i].Cells {
			n += 16 + len(m.Rows[i].Cells[j].Value)
		}
	}
	return n
}

// recordBytes is about what an answer takes in a record.
func (a *Answer) recordBytes() (n int) {
	for _, ms := range [][]Mark{a.Marked, a.Cleared} {
		for i := range ms {
			n += ms[i].recordBytes()
		}
	}
	for i := range a.Rows {
		n += rowsRecordBytes(&a.Rows[i])
	}
	return n
}

// records are an answer in records of about recordBytesMax: what is marked comes before the rows that change, and both before the marks
// that are answered end. Of those that are written before another fails, none needs the others.
func (a *Answer) records() []Answer {
	if a.recordBytes() <= recordBytesMax {
		return []Answer{*a}
	}
	out, bytes := []Answer{{UpTo: a.UpTo}}, 0
	with := func(n int) *Answer {
		if bytes > 0 && bytes+n > recordBytesMax {
			out, bytes = append(out, Answer{UpTo: a.UpTo}), 0
		}
		bytes += n
		return &out[len(out)-1]
	}
	for i := range a.Marked {
		to := with(a.Marked[i].recordBytes())
		to.Marked = append(to.Marked, a.Marked[i])
	}
	for i := range a.Rows {
		to := with(rowsRecordBytes(&a.Rows[i]))
		to.Rows = append(to.Rows, a.Rows[i])
	}
	for i := range a.Cleared {
		to := with(a.Cleared[i].recordBytes())
		to.Cleared = append(to.Cleared, a.Cleared[i])
	}
	out[len(out)-1].States = a.States
	return out
}

// apply writes an answer and knows its marks.
func (r *Rollups) apply(a Answer) error {
	if len(a.Rows)+len(a.Marked)+len(a.Cleared)+len(a.States) == 0 {
		return nil
	}
	for _, part := range a.records() {
		sequence, err := r.store.Apply(part)
		if err != nil {
			return err
		}
		for _, m := range part.Marked {
			r.Marked(m, sequence)
		}
	}
	return nil
}

// Mark writes marks. No recomputation may be under way.
func (r *Rollups) Mark(ms []Mark) error { return r.apply(Answer{Marked: ms}) }
