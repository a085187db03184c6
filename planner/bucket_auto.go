package planner

import (
	"strconv"
	"strings"
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
