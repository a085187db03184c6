package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"strconv"
	"sync/atomic"

	"github.com/eskerdb/esker/cmd/esker/settings"
	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/database/catalog"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/server"
	"github.com/eskerdb/esker/server/wire"
)

// node is an open data directory with a server before it.
type node struct {
	store    *lsm.Store
	database *database.Database
	server   *server.Server
	logger   *slog.Logger
	shown    *certificates // nil: it does not encrypt
	restore  func()        // the collector's goals of before
}

var logModes = map[string]lsm.LogMode{"group": lsm.LogGroup, "batch": lsm.LogBatch, "periodic": lsm.LogPeriodic}

// readBytes is what of the whole budget there must be for each SELECT that reads at a time: its buffers take
// a twentieth of it.
const readBytes = 4 << 20

// openNode opens store, listener, database and server, in this order: of two processes on one
// directory and one port, the second is to hear of the directory. A listener that is given is used instead of the address.
// Clients are answered once serve runs.
func openNode(set *settings.Server, listener net.Listener, rows map[string]string, logger *slog.Logger) (*node, error) {
	shown, err := loadCertificates(set.Network.TLS, logger)
	if err != nil {
		return nil, err
	}
	budget := memory.Divide(set.Memory)
	ungoverned := budget.Govern()
	store, err := lsm.Open(lsm.Options{
		FS: vfs.OS, Dir: set.Data, Clock: clock.System{}, Events: storeEvents(logger),
		LogMode: logModes[set.CommitLog.Mode], LogPeriod: set.CommitLog.Period, LogBytesMax: set.CommitLog.BytesMax,
		MemoryBytesMax: budget.Memtables, MemtableBytes: budget.Memtables / 2, CacheBytes: budget.Blocks, MergeBytes: budget.Compaction,
	})
	if err != nil {
		return nil, err
	}
	if listener == nil {
		if listener, err = net.Listen("tcp", set.Network.Address()); err != nil {
			return nil, errors.Join(err, store.Close())
		}
	}
	served := &servedBy{}
	db, err := database.Open(database.Options{
		Store: database.Local{Store: store}, Clock: clock.System{}, Node: nodeOf(listener), Settings: settingsOf(set, rows, listener),
		Served:     served.of,
		Memory:     func() []memory.Use { return memoryUses(&budget, store) },
		Guardrails: &set.Guardrails, LargePartition: largePartitions(logger),
		ReadsMax: int(budget.Total / readBytes), StatementsBytesMax: budget.Total / 16,
		CopyRowsMax: set.CopyRowsMax, CopyBytesMax: int(budget.Total / 8),
		Auth: set.Network.Auth(),
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", set.Data, err), listener.Close(), store.Close())
	}
	if err := firstSuperuser(set, db, logger); err != nil {
		return nil, errors.Join(err, listener.Close(), db.Close())
	}
	srv, err := server.Listen(server.Options{
		Database: db, Listener: listener, Limits: set.Network.Limits, Door: doorOf(&set.Network, db, shown),
		Events: serverEvents(logger), Memory: budget.Requests,
	})
	if err != nil {
		return nil, errors.Join(err, listener.Close(), db.Close())
	}
	served.server.Store(srv)
	shown.start()
	return &node{store: store, database: db, server: srv, logger: logger, shown: shown, restore: ungoverned}, nil
}

// servedBy is the server that comes after the database which shows its clients.
type servedBy struct{ server atomic.Pointer[server.Server] }

func (s *servedBy) of() catalog.Served {
	if srv := s.server.Load(); srv != nil {
		return srv.Served()
	}
	return catalog.Served{}
}

// nodeOf is what the catalogue tells drivers of this node.
func nodeOf(listener net.Listener) catalog.Node {
	n := catalog.Node{ProtocolVersion: strconv.Itoa(int(wire.VersionMax)), StartedSec: clock.System{}.Now().Unix()}
	if at, ok := listener.Addr().(*net.TCPAddr); ok {
		n.Address, n.Port = at.IP, at.Port
		if four := at.IP.To4(); four != nil {
			n.Address = four
		}
	}
	return n
}

// rowsOf are settings as rows of system_views.settings.
func rowsOf(values []settings.Value) map[string]string {
	out := make(map[string]string, len(values))
	for _, v := range values {
		out[v.Name] = v.Text
	}
	return out
}

// settingsOf are the rows of system_views.settings: those given, with what the start found out.
func settingsOf(set *settings.Server, rows map[string]string, listener net.Listener) map[string]string {
	rows = maps.Clone(rows)
	rows["esker_version"] = buildVersion()
	rows["listen"] = listener.Addr().String()
	rows["memory"] = strconv.FormatInt(set.Memory, 10)
	rows["protocol_versions"] = "3, 4"
	return rows
}

// address is where the node listens, with the port it got.
func (n *node) address() string { return n.server.Addr().String() }

// serve answers clients until close.
func (n *node) serve() error { return n.server.Serve() }

// close lets the requests in flight be answered until ctx ends, flushes, and closes everything.
// The store is there until hide is called, which may wait for those that look at it.
func (n *node) close(ctx context.Context, hide func()) error {
	defer n.restore()
	n.shown.stop()
	if err := n.server.Shutdown(ctx); err != nil {
		n.logger.Warn("connections were closed before all requests were answered", "cause", err)
	}
	flushed := n.store.FlushAll() // what it could not flush stays in the commit log
	hide()
	return errors.Join(flushed, n.database.Close())
}
