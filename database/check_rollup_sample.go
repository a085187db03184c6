package database

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/partition"
)

// samplePartitionsMax is how many partitions a sample is taken from at most: their keys are in memory.
const samplePartitionsMax = 100_000

// checkSample compares about so many windows, spread at random over partitions and over time. Where there are no more, all are.
func (c *rollupCheck) checkSample(windows int) error {
	rng := rand.New(rand.NewPCG(binary.BigEndian.Uint64(c.id[:]), uint64(c.d.clock.Now().UnixNano())))
	keys, err := c.samplePartitions(rng, min(windows, samplePartitionsMax))
	if err != nil {
		return err
	}
	left := windows
	for i, key := range keys {
		before := c.windows
		share := (left + len(keys) - i - 1) / (len(keys) - i) // what a partition does not have, later ones give
		if err := c.checkSome(rng, key, share); err != nil {
			return err
		}
		if left -= int(c.windows - before); left <= 0 {
			return nil
		}
	}
	return nil
}

// samplePartitions picks so many partitions, all with the same chance; they are in order.
func (c *rollupCheck) samplePartitions(rng *rand.Rand, most int) ([]partition.DecoratedKey, error) {
	var out []partition.DecoratedKey
	seen := 0
	err := c.eachPartition(func(key partition.DecoratedKey) error {
		seen++
		if len(out) < most {
			out = append(out, key)
		} else if i := rng.IntN(seen); i < most {
			out[i] = key
		}
		return nil
	})
	slices.SortFunc(out, partition.DecoratedKey.Compare)
	return out, err
}

// checkSome compares so many windows of a partition. Each is the first with rows at or behind a time that is drawn.
func (c *rollupCheck) checkSome(rng *rand.Rand, key partition.DecoratedKey, windows int) error {
	if err := c.renew(); err != nil {
		return err
	}
	first, last, ok, err := c.span(key)
	if err != nil || !ok {
		return err
	}
	all := jobs.WindowsFrom(c.levels.rollup.Rollup, first, int64(windows), jobs.AllTime.End)
	if all.End > last {
		return c.checkRange(key, jobs.AllTime)
	}
	if err := c.countSealed(key, jobs.AllTime); err != nil {
		return err
	}
	drawn := make([]int64, windows)
	for i := range drawn {
		drawn[i] = first + int64(rng.Uint64N(uint64(last)-uint64(first)+1))
	}
	slices.Sort(drawn)
	c.windowsMax = 1
	defer func() { c.windowsMax = checkWindowsMax }()
	at := jobs.AllTime.Start
	for _, ms := range drawn {
		end, ok, err := c.checkNext(key, downsample.Window{Start: max(at, c.levels.rollup.Rollup.WindowOf(ms).Start), End: jobs.AllTime.End})
		if err != nil {
			return err
		}
		if !ok {
			return nil
		}
		at = end
	}
	return nil
}

// span is the time of the first and of the last row in the final windows of a partition; false: there is none.
func (c *rollupCheck) span(key partition.DecoratedKey) (first, last int64, ok bool, err error) {
	parts, err := c.final(c.view, key, jobs.AllTime)
	if err != nil {
		return 0, 0, false, err
	}
	for _, part := range parts {
		for _, fromEnd := range []bool{false, true} {
			ms, has, err := c.levels.edge(c.view, key, part, fromEnd)
			if err != nil {
				return 0, 0, false, err
			}
			if !has {
				continue
			}
			if !ok {
				first = ms
			}
			last, ok = ms, true
		}
	}
	return first, last, ok, nil
}
