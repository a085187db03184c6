package manifest

import (
	"encoding/binary"
	"fmt"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

const (
	flagDescending  = 1 // on disk: never reuse
	flagKeepExpired = 1 // on disk: never reuse
	flagStatic      = 1 // on disk: never reuse
	flagComplex     = 2 // on disk: never reuse
	columnFlags     = flagStatic | flagComplex
)

// appendTable appends the definition of t.
func appendTable(dst []byte, t *mutation.Table) []byte {
	dst = append(dst, t.ID[:]...)
	dst = appendBytes(dst, []byte(t.Name))
	def := []byte{byte(t.Law)}
	def = binary.AppendUvarint(def, uint64(len(t.Clustering)))
	for _, c := range t.Clustering {
		def = appendBytes(def, []byte(c.Type.String()))
		def = append(def, flag(c.Desc, flagDescending))
	}
	def = binary.AppendUvarint(def, uint64(len(t.Columns)))
	for _, c := range t.Columns {
		def = binary.AppendUvarint(def, uint64(c.ID))
		def = append(def, byte(c.Physical))
		def = binary.AppendUvarint(def, uint64(c.Width))
		def = append(def, flag(c.Static, flagStatic)|flag(c.Complex, flagComplex))
	}
	def = binary.AppendUvarint(def, uint64(t.GCGraceSec))
	def = appendBytes(def, appendBucketing(nil, t.Bucket))
	def = append(def, flag(t.KeepExpired, flagKeepExpired))
	if t.UnitNanos > 0 {
		def = binary.AppendUvarint(def, uint64(t.UnitNanos))
	}
	return appendBytes(dst, def)
}

func flag(set bool, bit byte) byte {
	if set {
		return bit
	}
	return 0
}

// decodeTable reads what appendTable wrote.
func decodeTable(r *reader) (mutation.Table, error) {
	t := mutation.Table{ID: r.id(), Name: string(r.bytes())}
	def := &reader{src: r.bytes()}
	t.Law = mutation.Law(def.byte())
	for range def.count() {
		name := string(def.bytes())
		kind, err := types.Parse(name)
		if err != nil {
			return t, fmt.Errorf("table %s: clustering type %q: %w", t.Name, name, ErrCorrupt)
		}
		t.Clustering = append(t.Clustering, clustering.Column{Type: kind, Desc: def.byte()&flagDescending != 0})
	}
	for range def.count() {
		c := mutation.Column{ID: mutation.ColumnID(def.uvarint()), Physical: mutation.Physical(def.byte()), Width: int(def.length())}
		flags := def.byte()
		c.Static, c.Complex = flags&flagStatic != 0, flags&flagComplex != 0
		def.bad = def.bad || flags&^columnFlags != 0
		t.Columns = append(t.Columns, c)
	}
	t.GCGraceSec = def.length()
	t.Bucket = def.bucketing()
	t.KeepExpired = def.byte()&flagKeepExpired != 0
	if len(def.src) > 0 { // definitions of before there were units end here
		t.UnitNanos = def.length()
		def.bad = def.bad || t.UnitNanos == 0
	}
	if r.bad || def.bad || len(def.src) > 0 || t.Law != mutation.ByTimestamp && t.Law != mutation.BySequence {
		return t, fmt.Errorf("table %s: definition: %w", t.Name, ErrCorrupt)
	}
	return t, nil
}

// count reads how many things follow. Each takes a byte at least, so that a claim is not believed
// beyond what is there.
func (r *reader) count() uint64 {
	n := r.uvarint()
	if n > uint64(len(r.src)) {
		r.bad = true
		return 0
	}
	return n
}

func appendBucketing(dst []byte, b partition.Bucketing) []byte {
	if b.IsNone() {
		return dst
	}
	dst = binary.AppendVarint(binary.AppendVarint(dst, b.SizeMillis), b.OriginMillis)
	if b.Days <= 0 && b.Months <= 0 && b.Zone == "" {
		return dst
	}
	dst = binary.AppendVarint(binary.AppendVarint(dst, int64(b.Days)), int64(b.Months))
	return append(dst, b.Zone...)
}

func (r *reader) bucketing() (b partition.Bucketing) {
	src := r.bytes()
	if len(src) == 0 {
		return b
	}
	var fields [4]int64 // size, origin; of calendar steps also days and months
	for i := range fields {
		if i == 2 && len(src) == 0 {
			break // of a fixed size, as releases before calendar steps wrote all
		}
		v, n := binary.Varint(src)
		if n <= 0 {
			r.bad = true
			return b
		}
		fields[i], src = v, src[n:]
	}
	b.SizeMillis, b.OriginMillis, b.Days, b.Months, b.Zone = fields[0], fields[1], int32(fields[2]), int32(fields[3]), string(src)
	r.bad = r.bad || b.IsNone() || int64(b.Days) != fields[2] || int64(b.Months) != fields[3]
	return b
}
