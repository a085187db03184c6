// Package database is the only meeting point of planner and store: it prepares statements and
// executes their plans, keeps query tables and rollups in step with their base tables, and owns the
// schema.
//
// It knows plans, views, records and the catalogue. It does not know connections or frames; what
// it needs of a store is in store.go.
package database

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/eskerdb/esker/database/auth"
	"github.com/eskerdb/esker/database/catalog"
	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/database/tracing"
	"github.com/eskerdb/esker/database/traffic"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/schema"
)

// Options of a database.
type Options struct {
	Store Store
	Clock clock.Clock
	// StatementsMax is how many prepared statements are kept. Default 10,000.
	StatementsMax int
	// StatementsBytesMax is about how much memory they may take. Default 32 MiB.
	StatementsBytesMax int64
	// ReadsMax is how many SELECTs read rows at a time; others wait. Each has buffers of its own. Default 64.
	ReadsMax int
	// CopyRowsMax is how many rows of base tables one statement may change where query tables have to follow.
	// Default 1,000,000.
	CopyRowsMax int
	// CopyBytesMax is about how much memory the rows may take that one statement writes to query tables, and all that
	// are at it together. Default 256 MiB.
	CopyBytesMax int
	// BuildRowsMax is how many rows of a base table are added to a copy in one record while it is built. Default 2048.
	BuildRowsMax int
	// Rollups bounds the memory of what is known of dirty marks, and measures rounds of recomputation.
	Rollups jobs.Limits
	// BackfillRowsMax is about how many rows of a base table are added to a rollup between two points that a restart goes on from.
	// Default 1,048,576.
	BackfillRowsMax int
	// Memory tells what the process takes, by use, for system_views.memory. nil: nothing is told.
	Memory func() []memory.Use
	// Served tells what the server knows of its clients, for system_views.clients and cql_metrics. nil: nothing is told.
	Served func() catalog.Served
	// Node is what the catalogue says of this node.
	Node catalog.Node
	// Guardrails warn of what statements cost, or refuse them. nil: DefaultGuardrails. system_views.settings shows them.
	Guardrails *Guardrails
	// LargePartition is told of a partition that has become larger than partition_size_warn_threshold: the table, the
	// partition as conditions of CQL, and its bytes in files. It must not call the database. nil: nobody is told.
	LargePartition func(table, partition string, bytes int64)
	// Settings are shown in system_views.settings: names and values.
	Settings map[string]string
	// Auth asks who clients are (Login), and whether what they ask for is permitted to them.
	Auth bool
}

// Database is an open database. Its methods may be called from several goroutines.
type Database struct {
	store   Store
	clock   clock.Clock
	catalog *catalog.Catalog
	node    identity
	rollups *jobs.Rollups
	buckets *jobs.Buckets
	builds  *jobs.Builds
	// backfill computes windows of before a rollup was declared.
	backfill   *jobs.Backfill
	refreshing refreshes

	schemaMu sync.Mutex                      // held while the schema changes
	schema   atomic.Pointer[schema.Snapshot] // with the virtual keyspaces

	statements  *statementCache
	shapes      shapes
	reads       chan struct{} // one for each SELECT that reads rows: ReadsMax
	latches     *latches      // of writes that read rows of copies before
	firstReads  *latches      // of writes that statements make read first; taken before latches
	limits      *writeLimits
	hot         *traffic.Hot
	projectors  projectorCache
	copyRowsMax int             // Options.CopyRowsMax
	copyMemory  *memory.Account // what statements write to query tables, all together
	stamps      ascending       // microseconds: the server's write timestamps (R20)
	ticks       ascending       // 100 ns since 1970: the times of now()
	nextTick    func() int64    // the next of them
	guardrails  Guardrails
	sizes       partitionSizes
	reading     readTotals
	traces      *tracing.Traces
	memoryUses  func() []memory.Use   // Options.Memory
	served      func() catalog.Served // Options.Served
	late        lateRows
	auth        bool                          // Options.Auth
	roles       atomic.Pointer[auth.Snapshot] // changed while schemaMu is held
	passwords   *auth.Passwords
	// largePartition is Options.LargePartition.
	largePartition func(table, partition string, bytes int64)

	// marksMu orders dirty marks and the snapshots of recomputations: a writer holds it shared from
	// deciding that a mark may be omitted until its record is applied and its marks are known; who must see all that was
	// written, as a recomputation that pins its View, takes it alone by excludeWrites.
	marksMu   sync.RWMutex
	unsynced  unsynced
	targets   atomic.Pointer[writeTargets]
	targetsMu sync.Mutex // held while targets are added
	// moment counts schema changes and truncations; it grows while marksMu is held alone.
	moment atomic.Uint64
	// checkRowsMax is how many rows CHECK compares at a time.
	checkRowsMax int

	listenersMu sync.Mutex
	listeners   map[int]func(Change) // guarded by listenersMu
	listenerID  int                  // guarded by listenersMu
}

// Open opens a database over a store, which it closes at its end.
func Open(o Options) (*Database, error) {
	if o.StatementsMax == 0 {
		o.StatementsMax = 10_000
	}
	if o.StatementsBytesMax == 0 {
		o.StatementsBytesMax = 32 << 20
	}
	if o.ReadsMax == 0 {
		o.ReadsMax = 64
	}
	if o.CopyRowsMax == 0 {
		o.CopyRowsMax = CopyRowsMax
	}
	if o.CopyBytesMax == 0 {
		o.CopyBytesMax = CopyBytesMax
	}
	d := &Database{
		store: o.Store, clock: o.Clock, checkRowsMax: checkRowsMax, latches: newLatches(), firstReads: newLatches(), limits: newWriteLimits(), hot: traffic.NewHot(nil), listeners: map[int]func(Change){},
		statements: newStatementCache(o.StatementsMax, o.StatementsBytesMax),
		reads:      make(chan struct{}, o.ReadsMax), copyRowsMax: o.CopyRowsMax, copyMemory: memory.NewAccount("query tables", int64(o.CopyBytesMax)), largePartition: o.LargePartition,
		auth: o.Auth, passwords: auth.NewPasswords(),
	}
	if d.guardrails = DefaultGuardrails(); o.Guardrails != nil {
		d.guardrails = *o.Guardrails
	}
	d.nextTick = func() int64 { return d.ticks.next(d.clock.Now().UnixNano() / 100) }
	stored, err := d.loadSchema(o.Store.Schema())
	if err != nil {
		return nil, err
	}
	d.traces = tracing.New(d.clock, d.nextTick, binary.BigEndian.Uint64(d.node.HostID[8:]))
	node := o.Node
	node.HostID = d.node.HostID
	d.memoryUses, d.served = o.told()
	d.catalog = catalog.New(node, d.settings(o.Settings), status{d})
	d.publish(stored)
	if err := d.adoptInternalTables(stored); err != nil {
		return nil, fmt.Errorf("database: first schema: %w", err)
	}
	if err := d.openRoles(); err != nil {
		return nil, err
	}
	d.forgetDropped()
	d.projectors.marked = d.markedRollups
	d.store.SetEnds(d.ends)
	d.rollups, err = jobs.StartRollups(rollupStore{d}, o.Clock, o.Rollups)
	if err != nil {
		return nil, err
	}
	if d.builds, err = jobs.StartBuilds(buildStore{d}, o.Clock, o.BuildRowsMax); err != nil {
		d.rollups.Close()
		return nil, err
	}
	d.backfill = jobs.StartBackfill(d.rollups, backfillStore{d}, o.Clock, int64(o.BackfillRowsMax))
	d.buckets = jobs.StartBuckets(bucketStore{d}, o.Clock)
	return d, nil
}

// Close stops the jobs and closes the store.
func (d *Database) Close() error {
	d.backfill.Close()
	d.rollups.Close()
	d.builds.Close()
	d.buckets.Close()
	d.sizes.measuring.Wait()
	return d.store.Close()
}

// Schema is the schema now.
func (d *Database) Schema() *schema.Snapshot { return d.schema.Load() }

// HostID identifies this node; it is the same after a restart.
func (d *Database) HostID() [16]byte { return d.node.HostID }

// randomUUID is a version 4 UUID.
func randomUUID() (id [16]byte) {
	if _, err := rand.Read(id[:]); err != nil {
		panic(errors.Join(errors.New("database: the system gives no random numbers"), err))
	}
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// ascending gives times, each later than the one before.
type ascending struct{ last atomic.Int64 }

func (t *ascending) next(now int64) int64 {
	for {
		last := t.last.Load()
		next := max(last+1, now)
		if t.last.CompareAndSwap(last, next) {
			return next
		}
	}
}
