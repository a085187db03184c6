package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"

	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/database/catalog"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/server"
)

// nodeOptions are what a node is made of.
type nodeOptions struct {
	Dir     string // data directory; made if it is not there
	Listen  string // host:port; port 0 takes a free one
	LogMode string // group, batch or periodic
	Memory  int64  // bytes the process may take
	// CopyRowsMax is how many rows with query tables one statement may change. Default 1,000,000.
	CopyRowsMax int
	// Guardrails of statements; nil: the defaults.
	Guardrails *database.Guardrails
	Logger     *slog.Logger
}

// node is an open data directory with a server before it.
type node struct {
	store    *lsm.Store
	database *database.Database
	server   *server.Server
	logger   *slog.Logger
	restore  func() // the collector's goals of before
}

var logModes = map[string]lsm.LogMode{"group": lsm.LogGroup, "batch": lsm.LogBatch, "periodic": lsm.LogPeriodic}

// readBytes is what of the whole budget there must be for each SELECT that reads at a time: its buffers take
// a twentieth of it.
const readBytes = 4 << 20

// openNode opens store, listener, database and server, in this order: of two processes on one
// directory and one port, the second is to hear of the directory. Clients are answered once serve runs.
func openNode(o nodeOptions) (*node, error) {
	mode, ok := logModes[o.LogMode]
	if !ok {
		return nil, fmt.Errorf("--log-mode %s: want group, batch or periodic", o.LogMode)
	}
	budget := memory.Divide(o.Memory)
	ungoverned := budget.Govern()
	store, err := lsm.Open(lsm.Options{
		FS: vfs.OS, Dir: o.Dir, Clock: clock.System{}, LogMode: mode, Events: storeEvents(o.Logger),
		MemoryBytesMax: budget.Memtables, MemtableBytes: budget.Memtables / 2, CacheBytes: budget.Blocks, MergeBytes: budget.Compaction,
	})
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	db, err := database.Open(database.Options{
		Store: database.Local{Store: store}, Clock: clock.System{}, Node: nodeOf(listener), Settings: settingsOf(o, listener),
		Memory:     func() []memory.Use { return memoryUses(&budget, store) },
		Guardrails: o.Guardrails, LargePartition: largePartitions(o.Logger),
		ReadsMax: int(budget.Total / readBytes), StatementsBytesMax: budget.Total / 16,
		CopyRowsMax: o.CopyRowsMax, CopyBytesMax: int(budget.Total / 8),
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", o.Dir, err), listener.Close(), store.Close())
	}
	srv, err := server.Listen(server.Options{Database: db, Listener: listener, Events: serverEvents(o.Logger), Memory: budget.Requests})
	if err != nil {
		return nil, errors.Join(err, listener.Close(), db.Close())
	}
	return &node{store: store, database: db, server: srv, logger: o.Logger, restore: ungoverned}, nil
}

// nodeOf is what the catalogue tells drivers of this node.
func nodeOf(listener net.Listener) catalog.Node {
	n := catalog.Node{ProtocolVersion: "4", StartedSec: clock.System{}.Now().Unix()}
	if at, ok := listener.Addr().(*net.TCPAddr); ok {
		n.Address, n.Port = at.IP, at.Port
		if four := at.IP.To4(); four != nil {
			n.Address = four
		}
	}
	return n
}

// settingsOf are the rows of system_views.settings.
func settingsOf(o nodeOptions, listener net.Listener) map[string]string {
	return map[string]string{
		"esker_version":     buildVersion(),
		"data_directory":    o.Dir,
		"listen":            listener.Addr().String(),
		"commit_log_mode":   o.LogMode,
		"copy_rows_max":     strconv.Itoa(o.CopyRowsMax),
		"memory":            strconv.FormatInt(o.Memory, 10),
		"protocol_versions": "3, 4",
	}
}

// address is where the node listens, with the port it got.
func (n *node) address() string { return n.server.Addr().String() }

// serve answers clients until close.
func (n *node) serve() error { return n.server.Serve() }

// close lets the requests in flight be answered until ctx ends, flushes, and closes everything.
func (n *node) close(ctx context.Context) error {
	defer n.restore()
	if err := n.server.Shutdown(ctx); err != nil {
		n.logger.Warn("connections were closed before all requests were answered", "cause", err)
	}
	flushed := n.store.FlushAll() // what it could not flush stays in the commit log
	return errors.Join(flushed, n.database.Close())
}
