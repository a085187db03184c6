package types

import "slices"

// InOrder sorts the elements of a set, or the entries of a map by key, and keeps the last of equal ones.
func (t *Type) InOrder(elems [][]byte) [][]byte {
	if t.kind != KindSet && t.kind != KindMap {
		return elems
	}
	width := len(t.elems)
	var entries [][][]byte
	for i := 0; i < len(elems); i += width {
		entries = append(entries, elems[i:i+width])
	}
	slices.SortStableFunc(entries, func(a, b [][]byte) int { return t.elems[0].Compare(a[0], b[0]) })
	out := make([][]byte, 0, len(elems))
	for i, e := range entries {
		if i+1 < len(entries) && t.elems[0].Compare(e[0], entries[i+1][0]) == 0 {
			continue
		}
		out = append(out, e...)
	}
	return out
}
