package lsm

import (
	"time"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm/commitlog"
	"github.com/eskerdb/esker/lsm/compaction"
	"github.com/eskerdb/esker/mutation"
)

// LogMode says when a write counts as done.
type LogMode = commitlog.Mode

// The modes of the commit log.
const (
	LogGroup    = commitlog.Group    // acknowledged is synced; one sync for all that wait
	LogBatch    = commitlog.Batch    // acknowledged is synced; a sync for each write
	LogPeriodic = commitlog.Periodic // acknowledged at once, synced every LogPeriod
)

// Options of a store. Zero values stand for the defaults named.
type Options struct {
	FS    vfs.FS      // required
	Dir   string      // data directory; created if it is not there
	Clock clock.Clock // required; decides only what compaction may purge, and periods

	MemtableBytes  int64 // a table's memtable is flushed at this size. Default 64 MiB
	MemoryBytesMax int64 // all memtables together; beyond it writes are refused with ErrOverloaded. Default 8 × MemtableBytes
	CacheBytes     int64 // metadata and blocks of table files that are kept in memory. Default 64 MiB
	MergeBytes     int64 // what a flush and a compaction have in hand, about. Default 1/4 of MemoryBytesMax
	LogMode        LogMode
	LogPeriod      time.Duration // of LogPeriodic. Default 1 s
	LogBytesMax    int64         // beyond it the table that holds back the oldest segment is flushed. Default 1 GiB
	RecordBytesMax int           // one group of mutations as it is logged. Default 1/8 of MemoryBytesMax, at most 128 MiB
	Tuning         Tuning
	Events         Events
}

// Tuning changes how the store works, never what it answers. Tests turn it.
type Tuning struct {
	NoFastLane      bool          // rows are merged one by one even where sources do not overlap
	NoBackground    bool          // flush and compaction run only when asked for
	LogSegmentBytes int64         // default 32 MiB
	ShareRows       int64         // a range of event time with as many rows is not shared by windows. Default 65,536
	FileBytes       int64         // where a file ends and its run goes on in another. Default 256 MiB
	Settle          time.Duration // how long a window must rest before it is written for good. Default 1 min; below 0: not at all
}

func (o Options) withDefaults() Options {
	if o.MemtableBytes == 0 {
		o.MemtableBytes = 64 << 20
	}
	if o.MemoryBytesMax == 0 {
		o.MemoryBytesMax = 8 * o.MemtableBytes
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 64 << 20
	}
	if o.MergeBytes == 0 {
		o.MergeBytes = o.MemoryBytesMax / 4
	}
	if o.LogMode == 0 {
		o.LogMode = LogGroup
	}
	if o.LogBytesMax == 0 {
		o.LogBytesMax = 1 << 30
	}
	if o.RecordBytesMax == 0 {
		o.RecordBytesMax = int(min(max(o.MemoryBytesMax/8, 1<<20), 128<<20))
	}
	if o.Tuning.ShareRows == 0 {
		o.Tuning.ShareRows = compaction.ShareRows
	}
	if o.Tuning.FileBytes == 0 {
		o.Tuning.FileBytes = fileBytesMax
	}
	if o.Tuning.Settle == 0 {
		o.Tuning.Settle = time.Minute
	}
	return o
}

// Events tells what the store does by itself. Functions may be nil; they are called from
// several goroutines and must not call the store.
type Events struct {
	Flushed   func(FlushInfo)
	Compacted func(CompactInfo)
	Failed    func(error) // a background job failed, or the store became read-only
}

// FlushInfo describes a flush that is done.
type FlushInfo struct {
	Table mutation.TableID
	Name  string
	Files int
	Rows  int64
	Bytes int64
}

// CompactInfo describes a compaction that is done.
type CompactInfo struct {
	Table    mutation.TableID
	Name     string
	Inputs   int
	Outputs  int
	BytesIn  int64
	BytesOut int64
}

func (e *Events) failed(err error) {
	if e.Failed != nil {
		e.Failed(err)
	}
}
