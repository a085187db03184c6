package lsm

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm/manifest"
	"github.com/eskerdb/esker/lsm/sstable"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// checkCacheBytes is for one file, which is read from its beginning to its end.
const checkCacheBytes = 4 << 20

// tableFile checks a file that the manifest lists. The error is ErrVersion.
func (c *checker) tableFile(listed manifest.File) error {
	name, table := tableFileName(listed.Number), c.state.Tables[listed.Table]
	c.sum.Files++
	if c.known[name] {
		return nil
	}
	info, err := c.FS.Stat(vfs.Join(c.Dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		c.missing++
		c.report(Damage{name, -1, fmt.Sprintf("missing: the manifest lists it for %s, with %d rows", table.Name, listed.Rows)})
		return nil
	}
	if err == nil && info.Size != listed.Bytes {
		c.report(Damage{name, min(info.Size, listed.Bytes), fmt.Sprintf("has %d bytes, the manifest lists %d", info.Size, listed.Bytes)})
		return nil
	}
	r, err := sstable.Open(c.FS, vfs.Join(c.Dir, name), &table, sstable.NewCache(checkCacheBytes))
	if errors.Is(err, sstable.ErrVersion) {
		return classify(err)
	}
	if err != nil {
		c.damage(name, err)
		return nil
	}
	defer r.Close()
	c.sum.FileBytes += info.Size
	c.sum.RowGroups += int64(r.RowGroups())
	c.sum.Partitions += r.Info().Partitions
	c.sum.Rows += r.Info().Rows
	c.listing(name, r.Info(), listed)
	// Row by row only where the file itself is sound: it would find the same again.
	if r.VerifyAll(func(err error) { c.damage(name, err) }) {
		if err := c.walk(name, r, &table); err != nil {
			c.damage(name, err)
		}
	}
	return nil
}

// listing compares what a file says of itself with what the manifest says of it.
func (c *checker) listing(name string, info *sstable.Info, listed manifest.File) {
	if info.FileID != listed.Number {
		c.report(Damage{name, 0, fmt.Sprintf("is file %d by its header", info.FileID)})
	}
	if info.Rows != listed.Rows || info.Partitions != listed.Partitions {
		c.report(Damage{name, 0, fmt.Sprintf("has %d rows in %d partitions, the manifest lists %d in %d",
			info.Rows, info.Partitions, listed.Rows, listed.Partitions)})
	}
	if info.MaxSequence > c.state.Sequence {
		c.report(Damage{name, 0, fmt.Sprintf("has a row of record %d, the manifest knows none above %d", info.MaxSequence, c.state.Sequence)})
	}
}

// walk reads every row as a query does: keys and rows ascend, are as many as the file says, and lie in the
// window for which reads will look into it.
func (c *checker) walk(name string, r *sstable.Reader, table *mutation.Table) error {
	keys := r.Keys(partition.Range{})
	defer keys.Close()
	w := fileWalk{table: table, reader: r, recount: sstable.NewRecount(table.Law), window: window{r.Info().BucketStart, r.Info().BucketEnd}}
	for {
		key, err := keys.Next()
		if err != nil {
			return err
		}
		if key == nil {
			break
		}
		if wrong, err := w.partition(key); err != nil || wrong != "" {
			if wrong != "" {
				c.report(Damage{name, -1, fmt.Sprintf("partition %x: %s", key.Key, wrong)})
			}
			return err
		}
	}
	if w.rows != r.Info().Rows || w.partitions != r.Info().Partitions {
		c.report(Damage{name, -1, fmt.Sprintf("%d rows in %d partitions can be read, it says %d in %d",
			w.rows, w.partitions, r.Info().Rows, r.Info().Partitions)})
	}
	if what := w.recount.Outside(r.Info()); what != "" {
		c.report(Damage{name, -1, what})
	}
	return nil
}

// fileWalk reads a file from its first row to its last.
type fileWalk struct {
	table            *mutation.Table
	reader           *sstable.Reader
	recount          *sstable.Recount
	window           window
	last             partition.DecoratedKey
	rows, partitions int64
}

// partition reads one partition; wrong says what is not as it must be.
func (w *fileWalk) partition(key *partition.DecoratedKey) (wrong string, err error) {
	if w.partitions > 0 && key.Compare(w.last) <= 0 {
		return "is not above the one before", nil
	}
	w.partitions++
	w.last = partition.DecoratedKey{Token: key.Token, Key: append(w.last.Key[:0], key.Key...)}
	p, err := w.reader.Partition(*key)
	if err != nil {
		return "", err
	}
	if p == nil {
		return "is listed and cannot be found", nil
	}
	if w.window != (window{}) && !p.Side().IsEmpty() {
		return "has more than rows in a file of one window", nil
	}
	w.recount.Side(p.Side())
	run := p.Run()
	if run == nil {
		return "", nil
	}
	rows := run.Rows(everything, false)
	for {
		row, err := rows.Next()
		if err != nil || row == nil {
			return "", err
		}
		w.rows++
		w.recount.Row(row)
		if w.window == (window{}) {
			continue
		}
		if ms, ok := w.table.EventTime(row.Clustering); !ok || ms < w.window.start || ms > w.window.last() {
			return fmt.Sprintf("row %x is outside of the window of the file", row.Clustering), nil
		}
	}
}
