package database

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/auth"
	"github.com/eskerdb/esker/database/catalog"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// identity is what a data directory keeps of its node beside the schema.
type identity struct {
	HostID       [16]byte `json:"host_id"`
	PagingSecret [16]byte `json:"paging_secret"` // authenticates paging states
}

// storedState is the blob a store keeps for the database.
type storedState struct {
	Node   identity        `json:"node"`
	Schema json.RawMessage `json:"schema"`
}

// loadSchema reads the stored state, or makes that of a new store.
func (d *Database) loadSchema(blob []byte) (*schema.Snapshot, error) {
	if blob == nil {
		d.node.HostID = randomUUID()
		if _, err := rand.Read(d.node.PagingSecret[:]); err != nil {
			return nil, fmt.Errorf("database: paging secret: %w", err)
		}
		return &schema.Snapshot{Version: randomUUID(), Keyspaces: map[string]*schema.Keyspace{}}, nil
	}
	var state storedState
	if err := json.Unmarshal(blob, &state); err != nil {
		return nil, fmt.Errorf("database: stored schema: %w", err)
	}
	d.node = state.Node
	return schema.Decode(state.Schema)
}

// saveSchema stores a snapshot with the tables it needs.
func (d *Database) saveSchema(s *schema.Snapshot) error {
	encoded, err := s.Encode()
	if err != nil {
		return err
	}
	blob, err := json.Marshal(storedState{Node: d.node, Schema: encoded})
	if err != nil {
		return err
	}
	return d.store.PutSchema(blob, append(storedTables(s), internalTables()...))
}

// internalTables are the server's own.
func internalTables() []mutation.Table {
	out := []mutation.Table{dirtyTable(), buildsTable(), rollupStateTable(), floorsTable()}
	for _, t := range catalog.StoredTables() {
		out = append(out, t.Stored())
	}
	return out
}

// internalTable is a table of the server's own, without clustering. Its rows merge by sequence: nobody's clock counts.
func internalTable(id mutation.TableID, name string, columns map[mutation.ColumnID]*types.Type) mutation.Table {
	out := mutation.Table{ID: id, Name: name, Law: mutation.BySequence}
	for _, column := range slices.Sorted(maps.Keys(columns)) {
		physical, width := mutation.PhysicalOf(columns[column])
		out.Columns = append(out.Columns, mutation.Column{ID: column, Physical: physical, Width: width})
	}
	return out
}

// adoptInternalTables makes the internal tables that the release which wrote the data directory did not have.
func (d *Database) adoptInternalTables(s *schema.Snapshot) error {
	view := d.store.View()
	defer view.Close()
	for _, t := range internalTables() {
		keys, err := view.Keys(t.ID, partition.Range{})
		if errors.Is(err, lsm.ErrUnknownTable) {
			return d.saveSchema(s)
		}
		if err != nil {
			return err
		}
		keys.Close()
	}
	return nil
}

// storedTables are the tables of a snapshot that have rows in the store.
func storedTables(s *schema.Snapshot) []mutation.Table {
	var out []mutation.Table
	for _, name := range s.KeyspaceNames() {
		for _, t := range s.Keyspaces[name].SortedTables() {
			if t.Kind == schema.Virtual || t.Kind == schema.Internal {
				continue
			}
			stored := t.Stored()
			// Rows of rollups go at their own end, without waiting for rollups of them: raw rows suffice for these.
			stored.KeepExpired = stored.KeepExpired || t.Kind == schema.Base && len(s.RollupsOf(t)) > 0
			out = append(out, stored)
		}
	}
	return out
}

// publish makes a stored snapshot the current one, with the virtual keyspaces in it.
func (d *Database) publish(s *schema.Snapshot) {
	d.projectors.reset()
	d.limits.keep(s)
	d.sizes.keep(s)
	d.reading.keep(s)
	d.late.keep(s)
	d.schema.Store(catalog.WithVirtual(s))
}

// dirtyTable keeps the dirty marks of all rollups: partition (rollup id, base partition key),
// clustering (from, to) in milliseconds. A mark is a row without cells.
func dirtyTable() mutation.Table {
	out := internalTable(dirtyTableID, "esker.dirty_windows", nil)
	out.Clustering = clustering.Layout{{Type: types.Bigint}, {Type: types.Bigint}}
	return out
}

// dirtyTableID is the same in every data directory.
var dirtyTableID = mutation.TableID{0xe5, 0x4e, 0x12, 15: 1} // on disk: never change

// Change is a schema change that took effect, for events.
type Change struct {
	Kind     string // CREATED, UPDATED, DROPPED
	Target   string // KEYSPACE, TABLE, TYPE
	Keyspace string
	Name     string // empty for keyspaces
}

// Listen calls f after every schema change until stop is called. f must not block.
func (d *Database) Listen(f func(Change)) (stop func()) {
	d.listenersMu.Lock()
	defer d.listenersMu.Unlock()
	d.listenerID++
	id := d.listenerID
	d.listeners[id] = f
	return func() {
		d.listenersMu.Lock()
		defer d.listenersMu.Unlock()
		delete(d.listeners, id)
	}
}

// alter carries out a schema change: the statement is planned again under the schema lock, so that
// two changes at once cannot lose one another.
func (d *Database) alter(st *Statement, u *auth.User) (*Result, error) {
	d.schemaMu.Lock()
	defer d.schemaMu.Unlock()
	before := d.Schema()
	// Again: a name may be another object's than when the statement was planned.
	if err := d.permit(u, needsOf(before, st.Keyspace, st.tree)); err != nil {
		return nil, err
	}
	prepared, err := planner.Prepare(before, st.Keyspace, st.tree, estimates{d})
	if err != nil {
		return nil, err
	}
	plan, err := prepared.Bind(nil, d.context(nil))
	if err != nil {
		return nil, err
	}
	change := plan.(*planner.Alter)
	if change.Next == nil {
		return &Result{Kind: ResultVoid, Warnings: change.Warnings}, nil
	}
	if err := d.requireEqualCopies(before, change.Next); err != nil {
		return nil, err
	}
	if err := d.grantToCreator(u, before, change.Next); err != nil {
		return nil, err
	}
	if err := d.installMoved(before, change.Next); err != nil {
		if left := d.forgetGrants(before); left != nil {
			err = errors.Join(err, left)
		}
		return nil, err
	}
	if err := d.forgetGrants(d.Schema()); err != nil {
		return nil, err
	}
	if leavesBehind(before, change.Next) {
		d.forgetDropped()
	}
	d.rollups.Poke()
	d.builds.SchemaChanged()
	d.backfill.SchemaChanged()
	out := Change{Kind: change.Change, Target: change.Target, Keyspace: change.Keyspace, Name: change.Name}
	for _, c := range alongside(before, change) {
		d.notify(c)
	}
	d.notify(out)
	return &Result{Kind: ResultSchemaChange, Change: out, Warnings: change.Warnings}, nil
}

// install stores and publishes a planned snapshot. Writers under way finish first and others wait, so
// that no row of a base table misses its copy.
func (d *Database) install(next *schema.Snapshot) error {
	return d.installWith(next, func() error { return nil })
}

// installWith is install, which calls prepare once the schema is complete and before it is stored.
func (d *Database) installWith(next *schema.Snapshot, prepare func() error) error {
	defer d.excludeWrites()()
	return d.installLocked(next, prepare)
}

// installLocked is installWith for who holds marksMu alone.
func (d *Database) installLocked(next *schema.Snapshot, prepare func() error) error {
	if err := d.requireCapabilities(next); err != nil {
		return err
	}
	if err := d.requireAdopted(next); err != nil {
		return err
	}
	moment, release := d.store.HoldEnds(d.clock.Now())
	defer release()
	if err := d.settleRetentions(next, moment.UnixMilli()); err != nil {
		return err
	}
	d.complete(next)
	if err := requireDistinctIDs(next); err != nil {
		return err
	}
	if err := d.beginBuilds(next); err != nil {
		return err
	}
	if err := prepare(); err != nil {
		return err
	}
	if err := d.beginRollups(next); err != nil {
		return err
	}
	if err := d.saveSchema(next); err != nil {
		return err
	}
	d.publish(next)
	d.moment.Add(1)
	return nil
}

// requireDistinctIDs refuses a table whose id was given in its text and is another's.
func requireDistinctIDs(s *schema.Snapshot) error {
	seen := map[mutation.TableID]string{}
	for _, t := range internalTables() {
		seen[t.ID] = t.Name
	}
	for _, name := range s.KeyspaceNames() {
		for _, t := range s.Keyspaces[name].SortedTables() {
			if other, taken := seen[t.ID]; taken && t.Kind != schema.Internal {
				return &planner.ConfigError{Message: fmt.Sprintf("the id %s of table %s is that of %s", schema.IDString(t.ID), t.QualifiedName(), other)}
			}
			seen[t.ID] = t.QualifiedName()
		}
	}
	return nil
}

// alongside are the tables that a change of another table made or dropped too: its rollups. Indexes belong to their
// table. Drivers
// look only at what they are told of.
func alongside(before *schema.Snapshot, change *planner.Alter) []Change {
	if change.Target != "TABLE" {
		return nil
	}
	var out []Change
	was, is := before.Keyspaces[change.Keyspace], change.Next.Keyspaces[change.Keyspace]
	for _, t := range is.SortedTables() {
		if was.Tables[t.Name] == nil && t.Name != change.Name && t.Kind != schema.Index {
			out = append(out, Change{Kind: "CREATED", Target: change.Target, Keyspace: change.Keyspace, Name: t.Name})
		}
	}
	for _, t := range was.SortedTables() {
		if is.Tables[t.Name] == nil && t.Name != change.Name && t.Kind != schema.Index {
			out = append(out, Change{Kind: "DROPPED", Target: change.Target, Keyspace: change.Keyspace, Name: t.Name})
		}
	}
	return out
}

func (d *Database) notify(c Change) {
	d.listenersMu.Lock()
	defer d.listenersMu.Unlock()
	for _, f := range d.listeners {
		f(c)
	}
}

// complete gives a planned snapshot what the planner cannot: ids, the time of drops, a version.
func (d *Database) complete(s *schema.Snapshot) {
	s.Version = randomUUID()
	for _, k := range s.Keyspaces {
		for _, t := range k.Tables {
			if t.ID == (mutation.TableID{}) {
				t.ID = randomUUID()
			}
			for i := range t.Dropped {
				if t.Dropped[i].DroppedMicro == 0 {
					t.Dropped[i].DroppedMicro = d.clock.Now().UnixMicro()
				}
			}
		}
	}
}

// requireCapabilities refuses new copies and rollups on a store that cannot keep them in step with their
// base tables.
func (d *Database) requireCapabilities(next *schema.Snapshot) error {
	can := d.store.Capabilities()
	if can.AtomicGroups && can.Sequences {
		return nil
	}
	now := d.Schema()
	for _, k := range next.Keyspaces {
		for _, t := range k.Tables {
			if (t.Copy != nil || t.Rollup != nil) && now.Table(t.Keyspace, t.Name) == nil {
				return &planner.InvalidError{Message: fmt.Sprintf(
					"table %s cannot be kept by this store: query tables, views and rollups need records that are all or nothing over several tables, and sequences", t.QualifiedName())}
			}
		}
	}
	return nil
}

// CheckSchema reports whether the bytes that a store keeps for the database can be read.
func CheckSchema(blob []byte) error {
	var d Database
	_, err := d.loadSchema(blob)
	return err
}
