package main

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/server"
)

// storeEvents turns what the store does by itself into log lines.
func storeEvents(log *slog.Logger) lsm.Events {
	return lsm.Events{
		Flushed: func(i lsm.FlushInfo) {
			log.Debug("flushed", "table", i.Name, "files", i.Files, "rows", i.Rows, "bytes", i.Bytes)
		},
		Compacted: func(i lsm.CompactInfo) {
			log.Debug("compacted", "table", i.Name, "inputs", i.Inputs, "outputs", i.Outputs, "bytes_in", i.BytesIn, "bytes_out", i.BytesOut)
		},
		Failed: func(err error) { log.Error("store", "cause", err) },
	}
}

// largePartitions warns of partitions that are larger than a guardrail allows.
func largePartitions(log *slog.Logger) func(table, partition string, bytes int64) {
	return func(table, partition string, bytes int64) {
		log.Warn("large partition", "table", table, "partition", partition, "bytes", bytes)
	}
}

// serverEvents turns what the server cannot tell a client into log lines.
func serverEvents(log *slog.Logger) server.Events {
	var strangers, refused quota
	return server.Events{
		Opened: func(remote net.Addr) { log.Debug("connection opened", "client", remote) },
		Closed: func(remote net.Addr, cause error) {
			if stranger := (*server.StrangerError)(nil); errors.As(cause, &stranger) {
				strangers.warn(log, "connection turned away", "client", remote, "cause", cause)
				return
			}
			// Not a warning: drivers begin with versions that are refused.
			log.Debug("connection closed", "client", remote, "cause", cause)
		},
		LoggedIn: func(remote net.Addr, name string) { log.Debug("logged in", "client", remote, "user", name) },
		LoginFailed: func(remote net.Addr, name string, cause error) {
			log.Warn("login refused", "client", remote, "user", shortened(name), "cause", shortened(cause.Error()))
		},
		Refused: func(remote net.Addr, cause error) {
			refused.warn(log, "connection refused", "client", remote, "cause", cause)
		},
		Failed: func(remote net.Addr, err error) { log.Error("statement", "client", remote, "cause", err) },
		Panicked: func(remote net.Addr, value any, stack []byte) {
			log.Error("a request broke a promise inside the program; please report it", "client", remote, "cause", value, "stack", string(stack))
		},
	}
}

// quota keeps a flood of strangers out of the log.
type quota struct {
	mu    sync.Mutex
	since time.Time // guarded by mu; the begin of the span that is counted
	lines int       // guarded by mu; in the span
	more  int       // guarded by mu; not logged since the last line
}

// Of one kind of event, quotaLines are logged in a quotaSpan.
const (
	quotaLines = 20
	quotaSpan  = 10 * time.Second
)

// take reports whether a line may be logged at a time, and how many were not since the last one.
func (q *quota) take(now time.Time) (missing int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now.Sub(q.since) >= quotaSpan {
		q.since, q.lines = now, 0
	}
	if q.lines >= quotaLines {
		q.more++
		return 0, false
	}
	q.lines++
	missing, q.more = q.more, 0
	return missing, true
}

// warn logs a line while the quota lasts.
func (q *quota) warn(log *slog.Logger, message string, args ...any) {
	missing, ok := q.take(clock.System{}.Now())
	if !ok {
		return
	}
	if missing > 0 {
		args = append(args, "not_logged_before", missing)
	}
	log.Warn(message, args...)
}

// shortened is a text as a log may hold it, whatever a client made of it.
func shortened(name string) string {
	const lettersMax = 128
	if runes := []rune(name); len(runes) > lettersMax {
		return string(runes[:lettersMax]) + "…"
	}
	return name
}
