package types

import (
	"encoding/binary"
	"math"
)

// AppendElem appends one element as it lies in a collection or tuple: a length of 4 bytes, −1 for null, and the bytes.
func AppendElem(dst, value []byte) []byte {
	if value == nil {
		return binary.BigEndian.AppendUint32(dst, math.MaxUint32)
	}
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(value))), value...)
}

// AppendCollection appends a list, a set, or a map (keys and values in turns) of these elements. Sets and maps
// must be given in order.
func (t *Type) AppendCollection(dst []byte, elems [][]byte) []byte {
	n := len(elems)
	if t.kind == KindMap {
		n /= 2
	}
	if t.IsCollection() {
		dst = binary.BigEndian.AppendUint32(dst, uint32(n))
	}
	for _, e := range elems {
		dst = AppendElem(dst, e)
	}
	return dst
}

// SplitCollection returns the elements of a collection (of a map keys and values in turns), tuple or user type.
// They share memory with b. A tuple may have fewer than its type.
func (t *Type) SplitCollection(b []byte) ([][]byte, error) {
	w, err := t.walk(b)
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for w.left > 0 {
		e, _, err := w.next()
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, w.end()
}

// walker goes through the elements of a collection, tuple or user type without allocating.
type walker struct {
	of   *Type
	rest []byte
	left int // elements still to come; for tuples as many as the type has, less if the bytes end
	at   int // elements seen
}

func (t *Type) walk(b []byte) (walker, error) {
	w := walker{of: t, rest: b, left: len(t.elems)}
	if !t.IsCollection() {
		if len(b) == 0 {
			w.left = 0
		}
		return w, nil
	}
	if len(b) < 4 {
		return w, invalidf("Not enough bytes to read a %s", collectionNames[t.kind])
	}
	n := int(int32(binary.BigEndian.Uint32(b)))
	w.rest = b[4:]
	if t.kind == KindMap {
		n *= 2
	}
	if n < 0 {
		return w, invalidf("The data cannot be deserialized as a %s", collectionNames[t.kind])
	}
	// An element has at least its length: a claim beyond that is refused before anyone counts on it.
	if n > len(w.rest)/4 {
		return w, invalidf("Not enough bytes to read a %s", collectionNames[t.kind])
	}
	w.left = n
	return w, nil
}

var collectionNames = map[Kind]string{KindList: "list", KindSet: "set", KindMap: "map"}

// next returns the next element, nil for null, and its type. It must not be called when none is left.
func (w *walker) next() (elem []byte, of *Type, err error) {
	of = w.of.elems[w.at%len(w.of.elems)]
	if len(w.rest) < 4 {
		return nil, of, invalidf("Not enough bytes to read size of %dth component", w.at)
	}
	n := int(int32(binary.BigEndian.Uint32(w.rest)))
	rest := w.rest[4:]
	if n < -1 || n > len(rest) {
		return nil, of, invalidf("Not enough bytes to read %dth component", w.at)
	}
	if n >= 0 {
		elem, rest = rest[:n:n], rest[n:]
	}
	w.rest = rest
	w.at++
	w.left--
	if !w.of.IsCollection() && len(rest) == 0 {
		w.left = 0
	}
	return elem, of, nil
}

// end checks that nothing follows the last element.
func (w *walker) end() error {
	if len(w.rest) == 0 {
		return nil
	}
	if name, ok := collectionNames[w.of.kind]; ok {
		return invalidf("Unexpected extraneous bytes after %s value", name)
	}
	return invalidf("Invalid remaining data after end of tuple value")
}
