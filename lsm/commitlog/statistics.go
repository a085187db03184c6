package commitlog

import (
	"sync/atomic"
	"time"
)

// Statistics counts what a log has done since it was opened, and says what it has now.
type Statistics struct {
	Bytes    int64         // appended, with frames; headers of segments not counted
	Records  int64         // appended
	Writes   int64         // each of one record or several
	Syncs    int64         // that succeeded
	SyncTime time.Duration // of all of them
	Segments int           // not released
	Spares   int           // released and kept to be written over
}

// counts is what Statistics are made of.
type counts struct {
	live                      atomic.Int64 // bytes of segments not released
	appended, records, writes atomic.Int64
	syncs, syncNanos          atomic.Int64
}

// Statistics returns what the log has done and has.
func (l *Log) Statistics() Statistics {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Statistics{
		Bytes: l.counts.appended.Load(), Records: l.counts.records.Load(), Writes: l.counts.writes.Load(),
		Syncs: l.counts.syncs.Load(), SyncTime: time.Duration(l.counts.syncNanos.Load()),
		Segments: len(l.live), Spares: len(l.spares),
	}
}
