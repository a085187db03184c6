package querytable

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// Base is a merged base row with the merged static row of its partition; nil where there is none.
type Base struct{ Static, Row *mutation.Row }

// Row is a row of the copy with the partition it belongs to.
type Row struct {
	Key partition.DecoratedKey
	Row mutation.Row
}

// Project computes the copy's rows of a base row: none, one, or with an unnested key column one for each
// element. There is none of a nil row, of one whose key or filter has a null or does not hold, of one that
// has ended by nowSec, whose cells may have lost their values (R34), and none under an empty partition key
// of one column, which no table can hold. The base row must not be changed while the result is used.
// A PerPartition copy has its row of a Base without Row, and none of others.
func (p *Projector) Project(key partition.DecoratedKey, base Base, nowSec int64) ([]Row, error) {
	pr, err := p.open(key)
	if err != nil {
		return nil, err
	}
	return pr.project(base, nowSec, nil)
}

// projection projects rows of one base partition.
type projection struct {
	*Projector
	key        partition.DecoratedKey
	partition  [][]byte // values of the base partition key
	clustering [][]byte // values of the base row at hand
	decoded    []byte   // holds them
	values     [][]byte // of the copy's key: partition key, then clustering
	computed   []byte   // holds those that are computed
	elements   []element
	parts      mutation.Complex       // of the column that is unnested
	last       partition.DecoratedKey // of the copy's row placed last, which the next one often shares
	scratch    []byte                 // a key is made in
	buckets    [][2]int64             // start and end of the time bucket computed last, for each key column
}

func (p *Projector) open(key partition.DecoratedKey) (*projection, error) {
	pr := &projection{Projector: p, values: make([][]byte, len(p.keys)), buckets: make([][2]int64, len(p.keys)), clustering: make([][]byte, 0, len(p.baseClustering))}
	return pr, pr.turn(key)
}

// turn makes pr project rows of the base partition with that key.
func (pr *projection) turn(key partition.DecoratedKey) (err error) {
	pr.key = key
	if pr.partition, err = pr.baseLayout.Decode(key.Key); err != nil {
		return pr.failed("base partition key", err)
	}
	return nil
}

func (p *Projector) failed(what string, err error) error {
	if of := p.copy.Copy.Index; of != nil {
		return fmt.Errorf("index %s.%s of %s: %s: %w", p.copy.Keyspace, of.Name, of.TargetText(), what, err)
	}
	return fmt.Errorf("query table %s: %s: %w", p.copy.QualifiedName(), what, err)
}

// project appends the rows of the copy to out.
func (pr *projection) project(base Base, nowSec int64, out []Row) ([]Row, error) {
	if (base.Row == nil) != pr.perPartition {
		return out, nil
	}
	end := pr.end(base, nowSec)
	if end <= nowSec {
		return out, nil
	}
	if err := pr.decode(base.Row); err != nil {
		return out, err
	}
	for i := range pr.filters {
		if !pr.filters[i].Holds(pr.filters[i].of, pr.value(base, &pr.filters[i].source)) {
			return out, nil
		}
	}
	if pr.retainMillis > 0 {
		if end = min(end, pr.retained(base)); end <= nowSec {
			return out, nil
		}
	}
	ok, err := pr.keyValues(base, nowSec)
	if err != nil || !ok {
		return out, err
	}
	row := mutation.Row{Live: mutation.Liveness{ExpiresAt: end}}
	if row.Cells, err = pr.cells(base, nowSec); err != nil {
		return out, pr.failed("values", err)
	}
	if base.Row != nil {
		row.Live.Timestamp, row.Live.TTL = base.Row.Live.Timestamp, base.Row.Live.TTL
	}
	if pr.unnested < 0 {
		return pr.place(row, out)
	}
	for _, e := range pr.elements {
		pr.values[pr.unnested], row.Live.ExpiresAt = e.value, min(end, e.end)
		if out, err = pr.place(row, out); err != nil {
			return out, err
		}
	}
	return out, nil
}

// end is when the copy's rows stop to show, but for its retention (R39a): the first end of all that its key
// and filters use, the last one of all that keeps the base row; 0 when there is none.
func (pr *projection) end(base Base, nowSec int64) int64 {
	end := int64(mutation.Forever)
	if base.Row != nil {
		end = pr.rowEnd(base.Row)
	}
	for i := range pr.needed {
		c := findCell(base, &pr.needed[i])
		if c == nil || c.IsTombstone() || c.ExpiresAt <= nowSec {
			return 0
		}
		end = min(end, c.ExpiresAt)
	}
	return end
}

// rowEnd is the largest end of the row's liveness and of all its regular cells, copied or not; 0 when nothing of
// it lives. With a TTL of the copy's own each of them ends so long after it was written: not the newest write
// alone counts, since that may have expired, and be gone from the files.
func (p *Projector) rowEnd(row *mutation.Row) int64 {
	end := int64(0)
	if !row.Live.IsNone() {
		end = p.partEnd(row.Live.Timestamp, row.Live.ExpiresAt)
	}
	for i := range row.Cells {
		if c := &row.Cells[i]; !c.IsTombstone() && !p.dropped(c.Column) {
			end = max(end, p.cellEnd(c))
		}
	}
	return end
}

// dropped reports whether a column is no longer in the base: its cells may still lie there, and keep no row.
func (p *Projector) dropped(id mutation.ColumnID) bool {
	return len(p.base.Dropped) > 0 && p.base.ColumnByID(id) == nil
}

const microsPerSec = 1_000_000

func (p *Projector) partEnd(timestamp, end int64) int64 {
	if p.ttlSec == 0 {
		return end
	}
	return min(end, floorDiv(timestamp, microsPerSec)+p.ttlSec)
}

// retained is the end by the copy's retention in seconds, rounded up: a row shows until it is past it.
func (pr *projection) retained(base Base) int64 {
	ms, ok := timeMillis(pr.retainedBy.of, pr.value(base, &pr.retainedBy))
	if !ok || ms > math.MaxInt64-pr.retainMillis {
		return mutation.Forever // the empty value is no time
	}
	return -floorDiv(-(ms + pr.retainMillis), 1000)
}

func floorDiv(v, by int64) int64 {
	q := v / by
	if v%by < 0 {
		q--
	}
	return q
}

// decode reads the clustering of a base row into reused memory.
func (pr *projection) decode(row *mutation.Row) error {
	pr.clustering, pr.decoded = pr.clustering[:0], pr.decoded[:0]
	if row == nil {
		return nil
	}
	if pr.decoded == nil {
		pr.decoded = []byte{} // a part of no bytes is the empty value, and a part of nothing null
	}
	rest := row.Clustering
	var err error
	// What is appended later may move the buffer; values found before keep the old one.
	for i := range pr.baseClustering {
		at := len(pr.decoded)
		if pr.decoded, rest, err = pr.baseClustering[i].AppendDecoded(pr.decoded, rest); err != nil {
			return pr.failed("base clustering", err)
		}
		pr.clustering = append(pr.clustering, pr.decoded[at:len(pr.decoded):len(pr.decoded)])
	}
	if len(rest) > 0 {
		return pr.failed("base clustering", fmt.Errorf("%d bytes follow its columns: %w", len(rest), types.ErrCorrupt))
	}
	return nil
}

// value is the value of a column in the base row that decode has seen; nil for null.
func (pr *projection) value(base Base, s *source) []byte {
	switch s.kind {
	case schema.PartitionKey:
		return pr.partition[s.position]
	case schema.ClusteringKey:
		return pr.clustering[s.position]
	}
	if c := findCell(base, s); c != nil {
		return c.Value
	}
	return nil
}

// keyValues computes the values of the copy's key, and the elements of the unnested one. ok is false where
// one cannot be: time_bucket of the empty value.
func (pr *projection) keyValues(base Base, nowSec int64) (ok bool, err error) {
	pr.computed = pr.computed[:0]
	for i := range pr.keys {
		k := &pr.keys[i]
		switch k.function {
		case 0:
			pr.values[i] = pr.value(base, &k.source)
		case schema.CopyToken:
			pr.values[i] = pr.compute(func(dst []byte) []byte { return types.AppendBigint(dst, int64(pr.key.Token)) })
		case schema.CopyZero:
			pr.values[i] = zero
		case schema.CopyForm:
			pr.values[i] = k.of.OneForm(pr.value(base, &k.source))
		case schema.CopyTimeBucket:
			ms, ok := timeMillis(k.of, pr.value(base, &k.source))
			if !ok {
				return false, nil
			}
			pr.values[i] = pr.bucketOf(k, &pr.buckets[i], ms)
		default:
			if err = pr.unnest(k, base, nowSec); err != nil {
				return false, pr.failed("elements of a key column", err)
			}
		}
	}
	return true, nil
}

// compute makes a value in reused memory.
func (pr *projection) compute(appendTo func(dst []byte) []byte) []byte {
	at := len(pr.computed)
	pr.computed = appendTo(pr.computed)
	return pr.computed[at:len(pr.computed):len(pr.computed)]
}

// bucketOf is the start of the time bucket, of the column's type or a timestamp. Rows of a partition mostly share
// one: with a time zone its bounds are dear.
func (pr *projection) bucketOf(k *keyPart, last *[2]int64, ms int64) []byte {
	if ms < last[0] || ms >= last[1] {
		last[0], last[1] = k.bucket.BucketOf(ms)
	}
	start := last[0]
	return pr.compute(func(dst []byte) []byte {
		if k.of.Kind() == types.KindDate {
			return types.AppendDate(dst, int32(max(floorDiv(start, dayMillis), math.MinInt32)))
		}
		return types.AppendTimestampMillis(dst, start)
	})
}

const dayMillis = 86_400_000

// timeMillis is a timestamp, date or timeuuid in milliseconds since 1970; ok is false for the empty value.
func timeMillis(of *types.Type, value []byte) (ms int64, ok bool) {
	switch {
	case of.Kind() == types.KindTimeUUID:
		return types.TimeUUIDMillis(value)
	case of.Kind() == types.KindDate && len(value) == 4:
		return int64(types.DecodeDate(value)) * dayMillis, true
	case len(value) == 8:
		return types.DecodeInt64(value), true
	}
	return 0, false
}

// cells are the copied values, with the timestamps and TTLs they have in the base.
func (pr *projection) cells(base Base, nowSec int64) (out []mutation.Cell, err error) {
	for i := range pr.copies {
		v := &pr.copies[i]
		from := findCell(base, &v.from)
		if from == nil || from.IsTombstone() || from.ExpiresAt <= nowSec {
			continue
		}
		if out == nil {
			out = make([]mutation.Cell, 0, len(pr.copies)-i)
		}
		cell := *from
		if cell.Complex {
			if cell, err = Living(cell, nowSec); err != nil {
				return nil, err
			}
		}
		cell.Column = v.to
		out = append(out, cell)
	}
	return out, nil
}

// place appends the row under the key that values are.
func (pr *projection) place(row mutation.Row, out []Row) ([]Row, error) {
	columns := len(pr.copy.PartitionKey)
	if columns == 1 && len(pr.values[0]) == 0 {
		return out, nil
	}
	var err error
	if pr.scratch, err = appendKey(pr.scratch[:0], pr.values[:columns]); err != nil {
		return out, pr.failed("partition key", err)
	}
	if !bytes.Equal(pr.scratch, pr.last.Key) || pr.last.Key == nil {
		pr.last = partition.Decorate(bytes.Clone(pr.scratch))
	}
	if row.Clustering, err = pr.Projector.clustering.Encode(pr.values[columns:]); err != nil {
		return out, pr.failed("clustering", err)
	}
	return append(out, Row{Key: pr.last, Row: row}), nil
}

// appendKey appends a serialized partition key.
func appendKey(dst []byte, values [][]byte) ([]byte, error) {
	at := len(dst)
	if len(values) == 1 {
		dst = append(dst, values[0]...)
	} else {
		for _, v := range values {
			dst = append(append(binary.BigEndian.AppendUint16(dst, uint16(len(v))), v...), 0)
		}
	}
	if size := len(dst) - at; size > partition.KeyBytesMax {
		return dst, partition.Invalid(fmt.Sprintf("Key length of %d is longer than maximum of %d", size, partition.KeyBytesMax))
	}
	return dst, nil
}

// findCell is the cell of a static or regular column; nil where there is none.
func findCell(base Base, s *source) *mutation.Cell {
	row := base.Row
	if s.kind == schema.Static {
		row = base.Static
	}
	if row == nil {
		return nil
	}
	for i := range row.Cells {
		if row.Cells[i].Column == s.id {
			return &row.Cells[i]
		}
	}
	return nil
}

// zero is the value of schema.CopyZero.
var zero = []byte{0}
