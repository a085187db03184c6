package types

// The fields of a user-defined type are sorted as those of a tuple, but their bytes do not tell how many fields the type, or the
// value, has: a type may get more, and {a: 1} of before is {a: 1, b: null} of after. Values that are equal in that way have the
// same bytes; decoded, they have all fields of their type.
const (
	fieldNull = 0x01 // stored: never reuse; behind a 00: a null that a field follows which is none
	fieldsEnd = 0x00 // stored: never reuse; behind a 00: all further fields are null
)

func (t *Type) appendSortableFields(dst, value []byte) []byte {
	nulls := 0 // that wait for a field that is none
	w, err := t.walk(value)
	for err == nil && w.left > 0 {
		elem, of, bad := w.next()
		if bad != nil {
			break
		}
		if elem == nil {
			nulls++
			continue
		}
		for ; nulls > 0; nulls-- {
			dst = append(dst, nullPart, fieldNull)
		}
		dst = of.AppendSortable(dst, elem)
	}
	return append(dst, nullPart, fieldsEnd)
}

func (t *Type) decodeSortableFields(src []byte, depth int) (value, rest []byte, err error) {
	elems := make([][]byte, len(t.elems))
	for n := 0; ; n++ {
		switch {
		case len(src) < 2:
			return nil, nil, ErrCorrupt
		case src[0] == nullPart && src[1] == fieldsEnd && (n == 0 || elems[n-1] != nil):
			return t.AppendCollection(nil, elems), src[2:], nil
		case n == len(elems):
			return nil, nil, ErrCorrupt
		case src[0] == nullPart && src[1] == fieldNull:
			src = src[2:]
		case src[0] == nullPart:
			return nil, nil, ErrCorrupt
		default:
			if elems[n], src, err = t.elems[n].decodeSortable([]byte{}, src, depth+1); err != nil {
				return nil, nil, err
			}
		}
	}
}
