package mutation

// Summary is what is known of many rows without reading them. All of them show.
type Summary struct {
	Columns []ColumnSummary // of the columns asked for, in that order
}

// ColumnSummary is what is known of the values of a fixed-width column; none of them ends by the moment of
// the request.
type ColumnSummary struct {
	Count       int    // values
	HasRange    bool   // Min and Max are known: there is a value, and no NaN
	Min, Max    uint64 // words as in a vector, in the order of signed integers or floats, -0 below 0
	First, Last uint64 // words of the first and the last value in the order of the request
	SumHigh     int64  // of integers: the upper 64 bits of the sum, two's complement
	SumLow      uint64 // the lower
}

// Expander is implemented by readers that return summaries.
type Expander interface {
	// Expand makes Next return the rows of the summary that it returned last.
	Expand()
}
