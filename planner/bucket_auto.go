package planner

import (
	"strconv"
	"strings"

	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// BucketTargetBytes is what buckets of size 'auto' aim at unless the table says otherwise.
const BucketTargetBytes = 8 << 20

const (
	bucketTargetBytesMin = 64 << 10
	bucketTargetBytesMax = 1 << 40

	// autoStartMillis is the size that 'auto' begins with.
	autoStartMillis = dayMillis
)

// byteUnits are the units of sizes in bytes, longest names first.
var byteUnits = []struct {
	name  string
	shift uint
}{{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}, {"B", 0}, {"", 0}}

// parseBytes reads a size such as 8MiB.
func parseBytes(text string) (int64, bool) {
	for _, u := range byteUnits {
		number, is := strings.CutSuffix(text, u.name)
		if !is {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n < 0 || n > 1<<(62-u.shift) {
			return 0, false
		}
		return n << u.shift, true
	}
	return 0, false
}

// Resized is a table of size 'auto' whose buckets are of another size from now on: a new epoch.
func Resized(t *schema.Table, sizeMillis, nowMillis int64) (*schema.Table, error) {
	days, rest := int32(sizeMillis/dayMillis), sizeMillis%dayMillis
	was := t.Bucket
	step, err := partition.NewBucketing(0, days, rest*nanosPerMilli, was.Step.Zone, was.Step.OriginMillis)
	if err != nil {
		return nil, bucketErrorf(t, "%v", err)
	}
	next := *was
	next.Step, next.ChangedMillis = step, nowMillis
	out := t.Clone()
	out.Bucket = succeed(was, &next)
	return out, nil
}
