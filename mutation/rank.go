package mutation

// Rank maps a word of a vector to a number with the order of its type: integers as they are, floats with -0
// below 0 and every NaN above or below all numbers.
func Rank(physical Physical, word uint64) int64 {
	switch physical {
	case PhysicalDouble:
		return int64(word ^ uint64(int64(word)>>63)>>1)
	case PhysicalFloat:
		return int64(int32(uint32(word) ^ uint32(int32(uint32(word))>>31)>>1))
	}
	return int64(word)
}

// Unrank is the inverse of Rank.
func Unrank(physical Physical, rank int64) uint64 {
	switch physical {
	case PhysicalDouble:
		return uint64(rank ^ int64(uint64(rank>>63)>>1))
	case PhysicalFloat:
		return uint64(uint32(rank) ^ uint32(int32(rank)>>31)>>1)
	}
	return uint64(rank)
}

// Between says that only rows are wanted whose value of a fixed-width column has a Rank from Low to High, both
// included.
type Between struct {
	Column    ColumnID
	Low, High int64
}
