package database

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/auth"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/planner"
)

// authWorld is a world whose database asks who clients are, with a superuser root and the password "r00t".
func authWorld(t *testing.T, texts ...string) *world {
	t.Helper()
	w := newWorld(t, texts...)
	if err := w.db.CreateSuperuser("root", "r00t"); err != nil {
		t.Fatal(err)
	}
	w.auth = true
	w.reopen()
	return w
}

func (w *world) login(name, password string) (*auth.User, error) {
	return w.db.Login(w.t.Context(), name, password)
}

// A superuser that was created logs in, after a restart and after a crash too, and nobody else does.
func TestLogin(t *testing.T) {
	w := authWorld(t)
	rng := rand.New(rand.NewPCG(1, 1))
	for _, weather := range []func(){func() {}, w.reopen, func() { w.crash(rng) }} {
		weather()
		for range 2 { // the second time from memory
			u, err := w.login("root", "r00t")
			if err != nil || u.Name != "root" {
				t.Fatal(u, err)
			}
		}
		for name, password := range map[string]string{"root": "root", "": "", "nobody": "r00t"} {
			_, err := w.login(name, password)
			var refused *auth.CredentialsError
			if want := "Provided username " + name + " and/or password are incorrect"; !errors.As(err, &refused) || err.Error() != want {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if err := w.db.CreateSuperuser("root", "other"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.login("root", "r00t"); err == nil {
		t.Error("the password of before is remembered")
	}
	if _, err := w.login("root", "other"); err != nil {
		t.Error(err)
	}
}

// as runs a statement as a role.
func (w *world) as(name, text string, values ...planner.Value) (*Result, error) {
	st, err := w.db.Prepare("ks", text)
	if err != nil {
		return nil, err
	}
	return w.db.Execute(st, Request{User: &auth.User{Name: name}, Values: values})
}

func (w *world) runAs(name string, texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		if _, err := w.as(name, text); err != nil {
			w.t.Fatalf("%s: %s: %v", name, text, err)
		}
	}
}

func forbidden(err error) bool {
	var refused *auth.UnauthorizedError
	return errors.As(err, &refused)
}

// A password that is made up is answered once, and is that of the role.
func TestGeneratedPassword(t *testing.T) {
	w := authWorld(t)
	for _, text := range []string{"CREATE ROLE gen WITH GENERATED PASSWORD AND LOGIN = true", "ALTER ROLE gen WITH GENERATED PASSWORD"} {
		r, err := w.as("root", text)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Rows.Columns) != 1 || r.Rows.Columns[0].Name != "generated_password" {
			t.Fatalf("columns %v", r.Rows.Columns)
		}
		password := decodeRows(t, r)[0]
		if _, err := w.login("gen", password); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A role that may use other datacenters alone does not log in here, and LIST ROLES shows them.
func TestAccessToDatacenters(t *testing.T) {
	w := authWorld(t)
	w.runAs("root", "CREATE ROLE ann WITH PASSWORD = 'a' AND LOGIN = true AND ACCESS TO DATACENTERS {'dc2', 'dc1'}")
	if _, err := w.login("ann", "a"); err == nil {
		t.Error("the role logs in")
	}
	for access, allowed := range map[string]bool{"DATACENTERS {'datacenter1', 'x'}": true, "DATACENTERS {'x'}": false, "ALL DATACENTERS": true, "DATACENTERS {'dc2'}": false} {
		w.runAs("root", "ALTER ROLE ann WITH ACCESS TO "+access)
		w.reopen()
		if _, err := w.login("ann", "a"); (err == nil) != allowed {
			t.Errorf("access to %s: %v", access, err)
		}
	}
	w.runAs("root", "ALTER ROLE ann WITH ACCESS TO DATACENTERS {'b', 'a'}")
	r, err := w.as("root", "LIST USERS")
	if err != nil || !strings.Contains(string(r.Rows.Rows), "a, b") {
		t.Errorf("%q, %v", r.Rows.Rows, err)
	}
	w.runAs("root", "ALTER ROLE ann WITH SUPERUSER = true")
	if _, err := w.login("ann", "a"); err != nil {
		t.Error(err)
	}
}

// Who may not make a role, or change it, costs no bcrypt.
func TestTheRefusedAreNotHashed(t *testing.T) {
	w := authWorld(t)
	w.runAs("root", "CREATE ROLE ann", "CREATE ROLE bob")
	w.db.passwords = nil // whoever hashes fails
	for _, text := range []string{
		"CREATE ROLE x WITH PASSWORD = 'y'", "CREATE ROLE x WITH GENERATED PASSWORD", "ALTER ROLE bob WITH PASSWORD = 'y'", "ALTER ROLE ann WITH PASSWORD = 'y' AND SUPERUSER = true",
	} {
		if _, err := w.as("ann", text); !forbidden(err) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Without a user, a database that asks who clients are permits nothing; one that does not ask permits all but statements about roles.
func TestNobodyIsLoggedIn(t *testing.T) {
	w := authWorld(t, "CREATE TABLE t (k int PRIMARY KEY)")
	statement, err := w.db.Prepare("ks", "INSERT INTO t (k) VALUES (1)")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"SELECT * FROM t", "INSERT INTO t (k) VALUES (1)", "USE ks", "DESCRIBE KEYSPACES", "SELECT * FROM system.local", "LIST ROLES", "DROP TABLE t"} {
		if _, err := w.try(text); !forbidden(err) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, entries := range [][]BatchEntry{nil, {{Statement: statement}}} {
		if _, err := w.db.Batch(entries, Request{}); !forbidden(err) {
			t.Errorf("a batch of %d: %v", len(entries), err)
		}
	}
	w.auth = false
	w.reopen()
	w.run("INSERT INTO t (k) VALUES (1)", "SELECT * FROM system_auth.roles", "DROP TABLE t")
	for _, text := range []string{"CREATE ROLE x", "ALTER ROLE root WITH LOGIN = false", "DROP ROLE root", "GRANT root TO root", "LIST ROLES", "LIST USERS", "LIST ALL PERMISSIONS", "GRANT SELECT ON ALL KEYSPACES TO root"} {
		if _, err := w.try(text); !forbidden(err) || err.Error() != "You have to be logged in and not anonymous to perform this request" {
			t.Errorf("%s: %v", text, err)
		}
	}
	if u, err := w.login("anybody", "x"); u != nil || err != nil {
		t.Errorf("%v, %v", u, err)
	}
}

// GRANT and REVOKE hold at once, for statements prepared before and for the statements of a batch.
func TestGrantsHoldAtOnce(t *testing.T) {
	w := authWorld(t, "CREATE TABLE t (k int PRIMARY KEY)", "CREATE TABLE u (k int PRIMARY KEY)")
	w.runAs("root", "CREATE ROLE ann")
	ann := &auth.User{Name: "ann"}
	var entries []BatchEntry
	for _, table := range []string{"t", "u"} {
		st, err := w.db.Prepare("ks", "INSERT INTO "+table+" (k) VALUES (?)")
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, BatchEntry{Statement: st, Values: []planner.Value{{Bytes: types.AppendInt(nil, 1)}}})
	}
	check := func(single, both bool) {
		t.Helper()
		_, err := w.db.Execute(entries[0].Statement, Request{User: ann, Values: entries[0].Values})
		if forbidden(err) == single {
			t.Errorf("one: %v", err)
		}
		_, err = w.db.Batch(entries, Request{User: ann})
		if forbidden(err) == both {
			t.Errorf("a batch of both: %v", err)
		}
	}
	check(false, false)
	w.runAs("root", "GRANT MODIFY ON t TO ann")
	check(true, false)
	w.runAs("root", "GRANT MODIFY ON KEYSPACE ks TO ann")
	check(true, true)
	w.runAs("root", "REVOKE MODIFY ON t FROM ann")
	check(true, true)
	w.runAs("root", "REVOKE MODIFY ON KEYSPACE ks FROM ann")
	check(false, false)
	w.runAs("root", "CREATE ROLE boss WITH SUPERUSER = true", "GRANT boss TO ann")
	check(true, true)
	w.runAs("root", "DROP ROLE ann")
	check(false, false)
}

// A text whose shape is known needs what it needs.
func TestTextsOfAKnownShapeAreChecked(t *testing.T) {
	w := authWorld(t, "CREATE TABLE t (k int PRIMARY KEY)")
	w.runAs("root", "CREATE ROLE ann")
	for _, granted := range []bool{false, true, false} {
		for i := range 5 {
			st, err := w.db.Parse("ks", fmt.Sprintf("INSERT INTO t (k) VALUES (%d)", i))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.db.Execute(st, Request{User: &auth.User{Name: "ann"}}); forbidden(err) == granted {
				t.Errorf("granted %t, text %d: %v", granted, i, err)
			}
		}
		w.runAs("root", map[bool]string{false: "GRANT MODIFY ON t TO ann", true: "REVOKE MODIFY ON t FROM ann"}[granted])
	}
	if n := w.db.TextStatistics().Known; n == 0 {
		t.Error("no shape was known: the test shows nothing")
	}
}

// Statements, logins, grants and schema changes at once: a statement that runs saw one state of the roles.
func TestRolesChangeWhileStatementsRun(t *testing.T) {
	w := authWorld(t, "CREATE TABLE t (k int PRIMARY KEY)")
	w.runAs("root", "CREATE ROLE ann WITH PASSWORD = 'a' AND LOGIN = true")
	st, err := w.db.Prepare("ks", "INSERT INTO t (k) VALUES (1)")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			u, err := w.login("ann", "a")
			if err != nil {
				t.Error(err)
				return
			}
			for range 200 {
				if _, err := w.db.Execute(st, Request{User: u}); err != nil && !forbidden(err) {
					t.Error(err)
				}
			}
		})
	}
	for i := range 20 {
		w.runAs("root", "GRANT MODIFY ON t TO ann", fmt.Sprintf("CREATE TABLE t%d (k int PRIMARY KEY)", i), fmt.Sprintf("GRANT SELECT ON t%d TO ann", i),
			"REVOKE MODIFY ON t FROM ann", fmt.Sprintf("DROP TABLE t%d", i))
	}
	wait.Wait()
	if got := w.db.roles.Load().Role("ann").Grants; len(got) > 0 {
		t.Errorf("left: %v", got)
	}
}

// What a query table or a rollup serves needs what the statement names; naming it needs SELECT on itself or on its base table.
func TestPermissionsOfCopies(t *testing.T) {
	w := authWorld(t, "CREATE TABLE t (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH rollups = {'1h': 'forever'}",
		"CREATE QUERY TABLE q ON t * PRIMARY KEY ((v), ts, k)")
	w.runAs("root", "CREATE ROLE ann", "CREATE ROLE bob", "GRANT SELECT ON t TO ann", "GRANT SELECT ON q TO bob", "GRANT SELECT ON t_1h TO bob")
	for _, text := range []string{"SELECT * FROM t WHERE v = 1", "SELECT * FROM q WHERE v = 1", "SELECT * FROM t_1h WHERE k = 1"} {
		if _, err := w.as("ann", text); err != nil {
			t.Errorf("ann: %s: %v", text, err)
		}
		_, err := w.as("bob", text)
		if own := !strings.Contains(text, "FROM t "); forbidden(err) == own {
			t.Errorf("bob: %s: %v", text, err)
		}
	}
	for _, text := range []string{"INSERT INTO q (v, ts, k) VALUES (1, 1, 1)", "DROP QUERY TABLE q", "REFRESH ROLLUP t_1h", "CHECK QUERY TABLE q REPAIR"} {
		if _, err := w.as("bob", text); err == nil {
			t.Errorf("bob: %s", text)
		}
	}
}

// grants are what roles have been granted, as the tables say.
func (w *world) grants() []string {
	w.t.Helper()
	return w.sorted("SELECT role, resource FROM system_auth.role_permissions")
}

// What was granted on a table goes with it, also when the power fails between.
func TestGrantsGoWithWhatTheyAreOn(t *testing.T) {
	w := authWorld(t, "CREATE TABLE t (k int PRIMARY KEY)")
	w.runAs("root", "CREATE ROLE ann", "GRANT CREATE ON KEYSPACE ks TO ann", "GRANT SELECT ON t TO ann")
	w.runAs("ann", "CREATE TABLE mine (k int PRIMARY KEY)")
	w.runAs("root", "DROP TABLE t")
	w.auth = false
	w.reopen()
	want := []string{"ann data/ks", "ann data/ks/mine", "root roles/ann"}
	if got := w.grants(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	// As if the power had failed behind the schema's change: the grant is there, and the table is not.
	change := w.db.roles.Load().Change()
	change.Grant("ann", auth.OnTable("ks", "gone"), auth.Select)
	if err := w.db.saveRoles(change); err != nil {
		t.Fatal(err)
	}
	w.reopen()
	if got := w.grants(); !slices.Equal(got, want) {
		t.Errorf("after a restart: got %q, want %q", got, want)
	}
	w.run("DROP KEYSPACE ks", createKeyspace)
	if got := w.grants(); !slices.Equal(got, want[2:]) {
		t.Errorf("without the keyspace: %q", got)
	}
}

// A power cut at any file operation leaves each statement about roles done or not done, and all that were acknowledged, in whatever mode
// the log is.
func TestPowerCutsWhileGranting(t *testing.T) {
	for _, mode := range []lsm.LogMode{lsm.LogGroup, lsm.LogPeriodic} {
		w := authWorld(t, "CREATE TABLE t (k int PRIMARY KEY)")
		if err := w.db.Close(); err != nil {
			t.Fatal(err)
		}
		type cut struct {
			fs   *vfs.Mem
			done int // statements acknowledged before
		}
		var cuts []cut
		done := 0
		rng := rand.New(rand.NewPCG(7, 7))
		w.mode, w.quiet = mode, true
		w.judge = func(vfs.Op) error {
			cuts = append(cuts, cut{w.fs.CrashClone(rng, rng.IntN(101)), done})
			return nil
		}
		w.open()
		w.auth = false // to ask the tables
		texts := []string{
			"CREATE ROLE ann WITH LOGIN = true", "CREATE ROLE r", "GRANT r TO ann", "GRANT SELECT ON t TO r", "GRANT MODIFY, ALTER ON KEYSPACE ks TO ann",
			"REVOKE SELECT ON t FROM r", "REVOKE r FROM ann", "DROP ROLE r", "GRANT SELECT ON t TO ann", "DROP TABLE t",
		}
		states := []string{w.roleState()}
		for _, text := range texts {
			w.runAs("root", text)
			done++
			states = append(states, w.roleState())
		}
		w.judge = nil
		for i, c := range cuts {
			after := &world{t: t, fs: c.fs, clock: clock.NewManual(w.clock.Now()), mode: mode, quiet: true}
			after.open()
			state := after.roleState()
			// A statement is one record, but for DROP TABLE: its grants are gone when the table is.
			if state != states[c.done] && (c.done == len(texts) || state != states[c.done+1]) {
				t.Errorf("%v, cut %d, after %d statements:\n%s\nwant\n%s", mode, i, c.done, state, states[c.done])
			}
			if err := after.db.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if len(cuts) < len(texts) {
			t.Errorf("only %d cuts", len(cuts))
		}
	}
}

// roleState is all that the tables of roles hold, and that the snapshot agrees.
func (w *world) roleState() string {
	w.t.Helper()
	var out strings.Builder
	roles := w.db.roles.Load()
	for _, name := range roles.Names() {
		r := roles.Role(name)
		fmt.Fprintf(&out, "%s %t %t %v", name, r.Superuser, r.Login, r.MemberOf)
		var grants []string
		for on, p := range r.Grants {
			grants = append(grants, fmt.Sprintf(" %s on %s", p, on))
		}
		slices.Sort(grants)
		fmt.Fprintln(&out, grants)
	}
	view := w.db.store.View()
	defer view.Close()
	stored, err := readRoles(view)
	if err != nil {
		w.t.Fatal(err)
	}
	if left, err := roleMutations(stored, roles, 1); err != nil || len(left) > 0 {
		w.t.Fatalf("%d rows differ, %v", len(left), err)
	}
	return out.String()
}
