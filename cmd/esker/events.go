package main

import (
	"log/slog"
	"net"

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
	return server.Events{
		Opened: func(remote net.Addr) { log.Debug("connection opened", "client", remote) },
		Closed: func(remote net.Addr, cause error) {
			// Not a warning: drivers begin with versions that are refused.
			log.Debug("connection closed", "client", remote, "cause", cause)
		},
		Refused: func(remote net.Addr, cause error) { log.Warn("connection refused", "client", remote, "cause", cause) },
		Failed:  func(remote net.Addr, err error) { log.Error("statement", "client", remote, "cause", err) },
		Panicked: func(remote net.Addr, value any, stack []byte) {
			log.Error("a request broke a promise inside the program; please report it", "client", remote, "cause", value, "stack", string(stack))
		},
	}
}
