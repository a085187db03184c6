package jobs

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/schema"
)

// BucketBytes is how much lies in files of a range of event time, milliseconds since 1970, half open.
type BucketBytes struct {
	Start, End int64
	Bytes      int64
}

// bucketSizes are the sizes that 'auto' chooses from, in milliseconds.
var bucketSizes = []int64{
	minuteMillis, 5 * minuteMillis, 15 * minuteMillis, hourMillis, 6 * hourMillis, dayMillis, 7 * dayMillis, 30 * dayMillis,
}

const (
	minuteMillis = 60_000
	hourMillis   = 3_600_000
	dayMillis    = 86_400_000

	// bucketSlack is how far from the target a bucket may be before another size is chosen.
	bucketSlack = 4
	// recentBucketsMax is of how many buckets the newest rows are judged by.
	recentBucketsMax = 8
	// restMillisMin is how long a size stays at least; one above that stays for one of its buckets.
	restMillisMin = 600_000
	// bucketsPollEvery is how often sizes are looked at.
	bucketsPollEvery = time.Minute
)

// ChooseBucketSize is the size of buckets, in milliseconds, of which one would hold about target bytes if rows go on to
// come as the newest of them did. It is current where one of that size is not four times too large or too small,
// and where nothing is known.
func ChooseBucketSize(current, target int64, buckets []BucketBytes, nowMillis int64) int64 {
	bytes, covered := recent(buckets, nowMillis)
	if bytes <= 0 || covered <= 0 || current <= 0 {
		return current
	}
	// off is how many times a bucket of a size is too large or too small.
	off := func(size int64) float64 {
		r := float64(bytes) / float64(covered) * float64(size) / float64(target)
		return max(r, 1/r)
	}
	if off(current) < bucketSlack {
		return current
	}
	return slices.MinFunc(bucketSizes, func(a, b int64) int { return cmp.Compare(off(a), off(b)) })
}

// recent are the bytes of the newest buckets and the time they cover. Those that are not over say least, and count if
// there are no others: until now.
func recent(buckets []BucketBytes, nowMillis int64) (bytes, covered int64) {
	var over, open []BucketBytes
	for _, b := range buckets {
		switch {
		case b.Bytes == 0 || b.End-b.Start <= 0: // of no range, or one that leads out of the integers
		case b.Start <= nowMillis && nowMillis < b.End:
			b.End = max(nowMillis, b.Start+minuteMillis)
			open = append(open, b)
		default:
			over = append(over, b)
		}
	}
	if len(over) == 0 {
		over = open
	}
	slices.SortFunc(over, func(a, b BucketBytes) int { return cmp.Or(cmp.Compare(b.End, a.End), cmp.Compare(b.Start, a.Start)) })
	from := int64(math.MaxInt64) // what is counted begins here
	for i, b := range over {
		if i == recentBucketsMax {
			break
		}
		bytes += b.Bytes
		// Ranges of several epochs overlap.
		covered += max(min(b.End, from)-b.Start, 0)
		from = min(from, b.Start)
	}
	return bytes, covered
}

// BucketStore is what the chooser of sizes needs of the database.
type BucketStore interface {
	// AutoTables are the tables whose size is 'auto'.
	AutoTables() []*schema.Table
	// Buckets are the ranges of event time of which a table has files.
	Buckets(t *schema.Table) ([]BucketBytes, error)
	// Resize begins a new epoch of a table, unless its bucket was changed since t was read.
	Resize(t *schema.Table, sizeMillis int64) error
}

// Buckets chooses the sizes of buckets. Start it with StartBuckets.
type Buckets struct {
	store BucketStore
	clock clock.Clock
	mu    sync.Mutex // held while sizes are looked at

	stop chan struct{}
	done chan struct{}
}

// StartBuckets starts to look at the tables every minute.
func StartBuckets(store BucketStore, clk clock.Clock) *Buckets {
	b := &Buckets{store: store, clock: clk, stop: make(chan struct{}), done: make(chan struct{})}
	go b.run()
	return b
}

// Close stops the chooser and waits for it.
func (b *Buckets) Close() {
	close(b.stop)
	<-b.done
}

func (b *Buckets) run() {
	defer close(b.done)
	ticker := time.NewTicker(bucketsPollEvery)
	defer ticker.Stop()
	for {
		select {
		case <-b.stop:
			return
		case <-ticker.C:
		}
		_ = b.Look() // what cannot be done now is looked at again in a minute
	}
}

// Look chooses the sizes of all tables once.
func (b *Buckets) Look() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock.Now().UnixMilli()
	for _, t := range b.store.AutoTables() {
		current := max(t.Bucket.Step.SizeMillis, int64(t.Bucket.Step.Days)*dayMillis)
		if now-t.Bucket.ChangedMillis < max(current, restMillisMin) && t.Bucket.ChangedMillis != 0 {
			continue
		}
		buckets, err := b.store.Buckets(t)
		if err != nil {
			return err
		}
		size := ChooseBucketSize(current, t.Bucket.TargetBytes, buckets, now)
		if size == current {
			continue
		}
		if err := b.store.Resize(t, size); err != nil {
			return err
		}
	}
	return nil
}
