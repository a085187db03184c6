package planner

import (
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

const (
	minuteMillis = 60_000
	// retentionSteps is how many steps a retention has at least, where steps may be so short: rows leave the disk no later than
	// so small a part of their life after its end. With twice as many there would be twice the files.
	retentionSteps = 16
	// retentionStepsMax is how many steps the longest of several retentions has at most.
	retentionStepsMax = 256
)

// niceSteps are lengths of which each is at most twice the one before.
var niceSteps = []int64{
	1 * minuteMillis, 2 * minuteMillis, 3 * minuteMillis, 5 * minuteMillis, 10 * minuteMillis, 15 * minuteMillis, 30 * minuteMillis,
	1 * hourMillis, 2 * hourMillis, 3 * hourMillis, 6 * hourMillis, 12 * hourMillis,
	1 * dayMillis, 2 * dayMillis, 3 * dayMillis, 5 * dayMillis, 7 * dayMillis, 10 * dayMillis, 15 * dayMillis, 30 * dayMillis,
}

// niceStep is the longest nice step that is not longer than a duration; the shortest if none is.
func niceStep(millis int64) int64 {
	step := niceSteps[0]
	for _, s := range niceSteps {
		if s <= millis {
			step = s
		}
	}
	return step
}

// retentionBucket is the bucket of a table whose rows end by the time in its first clustering column: files of a small part of the
// retention go when they have ended, without being read. It is nil where rows end otherwise, or not.
func retentionBucket(t *schema.Table) *schema.TimeBucket {
	r := t.Retention
	if r == nil || len(t.Clustering) == 0 || r.By != t.Clustering[0].Name {
		return nil
	}
	if of := t.Clustering[0].Type; !holdsTime(of) && (!countsTime(of) || t.UnitNanos() == 0) {
		return nil
	}
	shortest, longest := r.Millis, r.Millis
	for _, p := range r.Policies {
		if shortest == 0 || p.Millis > 0 && p.Millis < shortest {
			shortest = p.Millis
		}
		if longest != 0 && (p.Millis == 0 || p.Millis > longest) {
			longest = p.Millis
		}
	}
	if shortest == 0 {
		return nil
	}
	step := niceStep(shortest / retentionSteps)
	if longest == 0 {
		step = max(step, dayMillis) // of rows that do not end the files must not become too many
	}
	step = max(step, niceStep(longest/retentionStepsMax))
	return &schema.TimeBucket{Column: t.Clustering[0].Name, Step: partition.Bucketing{SizeMillis: step}, UnitNanos: t.UnitNanos(), FromRetention: true}
}

// layRetentionBucket makes the table's bucket follow from its retention, where nothing else says what it is.
func layRetentionBucket(t *schema.Table) error {
	if len(t.Options.TimeBucketOption) > 0 || t.Copy != nil || t.Bucket == nil && retentionBucket(t) == nil {
		return nil
	}
	return layBucket(t, t.Bucket)
}
