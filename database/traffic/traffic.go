// Package traffic watches what statements do to single partitions: which are busiest, and which take more rows than they may.
//
// It knows tables by their ids and partitions by the bytes of their keys. It does not know rows, plans, stores or the clock:
// times come from its callers. What it keeps is bounded and is not stored.
package traffic
