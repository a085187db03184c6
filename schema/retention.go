package schema

// Retention says when rows of a table end, beside their TTL (R37).
type Retention struct {
	By     string `json:",omitempty"` // clustering column of a time that Millis counts from
	Millis int64  `json:",omitempty"` // 0: rows of partitions without a policy do not end by their time
	Column string `json:",omitempty"` // regular timestamp column with the end of its row
	// Policies replace Millis in the partitions that they match; of several the longest counts. Ascending by name.
	Policies []Policy `json:",omitempty"`
	// Former is what held before, oldest first: what had ended by it stays ended.
	Former []FormerRetention `json:",omitempty"`
}

// Policy is a CREATE RETENTION POLICY.
type Policy struct {
	Name   string       // unique in the keyspace
	Where  []CopyFilter // on columns of the partition key and static columns; all must hold
	Millis int64        // rows show so long after their time; 0: they do not end by it
}

// FormerRetention is a retention that held until a moment.
type FormerRetention struct {
	By          string
	Millis      int64    `json:",omitempty"`
	Policies    []Policy `json:",omitempty"`
	UntilMillis int64    // milliseconds since 1970
}
