package cqltest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/database/auth"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/server"
	"github.com/eskerdb/esker/server/wire"
)

// Epoch is where the clock of an Embedded stands at first.
var Epoch = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

// tick is what each statement takes on the clock of an Embedded: a restart must not repeat a timestamp.
const tick = time.Millisecond

const (
	dataDir         = "data"
	logSegmentBytes = 256 << 10 // small, because files are in memory and there are many stores
)

// Options of an Embedded. Zero values stand for the defaults named.
type Options struct {
	Tuning lsm.Tuning
	// Seed of what a crash leaves of unsynced bytes.
	Seed uint64
	// BuildRowsMax as of the database.
	BuildRowsMax int
	// MemtableBytes as of the store. Default 1 MiB, so that many scripts fit on a machine.
	MemtableBytes int64
	// Shaped reads each text by its shape where it has one: it is parsed until it is known.
	Shaped bool
	// Events of the server that a Served has.
	Events server.Events
	// Auth as of the database. There is a superuser cassandra with the password cassandra then, whom the first connection is of.
	Auth bool
}

// Embedded is a database in this process, on files in memory, with a clock that only scripts move.
type Embedded struct {
	options  Options
	fs       *vfs.Mem
	clock    *clock.Manual
	rng      *rand.Rand
	store    *lsm.Store
	db       *database.Database
	keyspace string
	user     *auth.User // whose statements these are; nil without Options.Auth
}

// Open opens an empty database.
func Open(o Options) (*Embedded, error) {
	if o.MemtableBytes == 0 {
		o.MemtableBytes = 1 << 20
	}
	e := &Embedded{options: o, fs: vfs.NewMem(), clock: clock.NewManual(Epoch), rng: rand.New(rand.NewPCG(o.Seed, 1))}
	if err := e.open(); err != nil || !o.Auth {
		return e, err
	}
	if err := e.db.CreateSuperuser(firstUser, firstUser); err != nil {
		return nil, errors.Join(err, e.db.Close())
	}
	return e, e.Login(firstUser, firstUser)
}

// firstUser is the name, and the password, of the superuser that a fresh Cassandra has.
const firstUser = "cassandra"

// Login implements LoginTarget.
func (e *Embedded) Login(name, password string) error {
	user, err := e.db.Login(context.Background(), name, password)
	if err != nil {
		return refusalOf(err)
	}
	e.user = user
	return nil
}

func (e *Embedded) open() error {
	tuning := e.options.Tuning
	tuning.LogSegmentBytes = logSegmentBytes
	store, err := lsm.Open(lsm.Options{
		FS: e.fs, Dir: dataDir, Clock: e.clock, MemtableBytes: e.options.MemtableBytes, Tuning: tuning,
	})
	if err != nil {
		return err
	}
	db, err := database.Open(database.Options{Store: database.Local{Store: store}, Clock: e.clock, BuildRowsMax: e.options.BuildRowsMax, Auth: e.options.Auth})
	if err != nil {
		return errors.Join(err, store.Close())
	}
	e.store, e.db = store, db
	return nil
}

// Close closes the database.
func (e *Embedded) Close() error { return e.db.Close() }

// Query implements Target.
func (e *Embedded) Query(text string, pageSize int) (*Answer, error) {
	if e.options.Shaped {
		for range 2 { // to come twice is to be known
			_, _ = e.db.Parse(e.keyspace, text)
		}
	}
	st, err := e.db.Parse(e.keyspace, text)
	if err != nil {
		return nil, refusalOf(err)
	}
	return e.run(st, nil, pageSize)
}

// Execute implements Target.
func (e *Embedded) Execute(text string, lines []string, pageSize int) (*Answer, error) {
	st, err := e.db.Prepare(e.keyspace, text)
	if err != nil {
		return nil, refusalOf(err)
	}
	markers := make([]*types.Type, len(st.Plan.Markers))
	for i, m := range st.Plan.Markers {
		markers[i] = m.Type
	}
	var last *Answer
	for _, line := range lines {
		values, err := parseValues(line, markers)
		if err != nil {
			return nil, err
		}
		bound := make([]planner.Value, len(values))
		for i, v := range values {
			bound[i] = planner.Value{Bytes: v.Bytes, Unset: v.Unset}
		}
		if last, err = e.run(st, bound, pageSize); err != nil {
			return nil, err
		}
	}
	return last, nil
}

// run executes a statement and reads all its pages.
func (e *Embedded) run(st *database.Statement, values []planner.Value, pageSize int) (*Answer, error) {
	e.clock.Advance(tick)
	out := &Answer{}
	var state []byte
	for {
		r, err := e.db.Execute(st, database.Request{User: e.user, Values: values, PageSize: pageSize, PagingState: state})
		if err != nil {
			return nil, refusalOf(err)
		}
		out.Warnings = append(out.Warnings, r.Warnings...)
		if r.Kind == database.ResultKeyspace {
			e.keyspace = r.Keyspace
		}
		if r.Kind != database.ResultRows {
			return out, nil
		}
		out.HasRows, out.Columns = true, nil
		for _, c := range r.Rows.Columns {
			out.Columns = append(out.Columns, Column{Name: c.Name, Type: c.Type})
		}
		rows, err := decodeRows(r.Rows.Rows, r.Rows.RowCount, len(out.Columns))
		if err != nil {
			return nil, err
		}
		out.Rows, out.Pages = append(out.Rows, rows...), append(out.Pages, len(rows))
		if state = r.PagingState; state == nil {
			return out, nil
		}
	}
}

// decodeRows reads cells as they go over the wire: a length of four bytes, −1 for null, and the bytes.
func decodeRows(src []byte, count, width int) ([][][]byte, error) {
	out := make([][][]byte, count)
	for i := range out {
		out[i] = make([][]byte, width)
		for j := range out[i] {
			if len(src) < 4 {
				return nil, fmt.Errorf("row %d of %d is cut off", i, count)
			}
			n := int32(binary.BigEndian.Uint32(src))
			src = src[4:]
			if n < 0 {
				continue
			}
			if int(n) > len(src) {
				return nil, fmt.Errorf("row %d of %d: a cell of %d bytes is cut off", i, count, n)
			}
			out[i][j], src = src[:n:n], src[n:]
		}
	}
	if len(src) > 0 {
		return nil, fmt.Errorf("%d bytes follow %d rows", len(src), count)
	}
	return out, nil
}

// refusalOf is an error as a client is told of it; what is no refusal stays as it is.
func refusalOf(err error) error {
	var (
		syntax  *cql.SyntaxError
		invalid *planner.InvalidError
		config  *planner.ConfigError
		exists  *planner.ExistsError
		called  *planner.FunctionError
		failed  *database.ReadFailureError

		forbidden *auth.UnauthorizedError
		stranger  *auth.CredentialsError
	)
	code := wire.CodeServer
	switch {
	case errors.As(err, &syntax):
		code = wire.CodeSyntax
	case errors.As(err, &invalid):
		code = wire.CodeInvalid
	case errors.As(err, &config):
		code = wire.CodeConfig
	case errors.As(err, &exists):
		code = wire.CodeAlreadyExists
	case errors.As(err, &called):
		code = wire.CodeFunctionFailure
	case errors.As(err, &failed):
		code = wire.CodeReadFailure
	case errors.As(err, &forbidden):
		code = wire.CodeUnauthorized
	case errors.As(err, &stranger):
		code = wire.CodeBadCredentials
	}
	return &Refusal{Code: int(code), Message: err.Error()}
}

// Weather implements Target.
func (e *Embedded) Weather(step *Step) error {
	switch step.Verb {
	case VerbFlush:
		return e.store.FlushAll()
	case VerbCompact:
		for _, t := range e.store.Tables() {
			if err := e.store.Compact(t.ID); err != nil {
				return err
			}
		}
		return nil
	case VerbRestart:
		if err := e.db.Close(); err != nil {
			return err
		}
		return e.open()
	case VerbCrash:
		return e.crash()
	case VerbAdvance:
		e.clock.Advance(step.Advance)
		return nil
	case VerbSettle:
		return e.settle()
	}
	return fmt.Errorf("no weather %q", step.Verb)
}

// crash goes on with what the disk may hold after a power failure now.
func (e *Embedded) crash() error {
	left := e.fs.CrashClone(e.rng, e.rng.IntN(101))
	if err := e.db.Close(); err != nil {
		return err
	}
	e.fs = left
	return e.open()
}

const (
	settleEvery = 5 * time.Millisecond
	settlePolls = 6000 // 30 seconds: the scheduler looks at the clock once a second
	// settleClean is how often in a row nothing must be to do: while one look goes from rollup to rollup, the recomputation of one may
	// mark another that was looked at already. So it is at most once for each level.
	settleClean = 4
)

// settle waits until no rollup that is not paused has a window to recompute, and no rollup or copy is being built.
func (e *Embedded) settle() error { return settle(e) }

func settle(t Target) error {
	poll := time.NewTicker(settleEvery)
	defer poll.Stop()
	var last *Answer
	clean := 0
	for range settlePolls {
		var err error
		if last, err = t.Query("SELECT rollup_name, state, built FROM system_views.rollup_progress", 0); err != nil {
			return err
		}
		dirty, paused := false, map[string]bool{}
		for _, row := range last.Rows {
			dirty = dirty || string(row[1]) == "building"
			paused[string(row[0])] = string(row[1]) == "paused"
		}
		if !dirty {
			if last, err = t.Query("SELECT rollup_name, dirty_windows, last_error FROM system_views.rollups", 0); err != nil {
				return err
			}
			for _, row := range last.Rows {
				dirty = dirty || types.DecodeInt64(row[1]) > 0 && !paused[string(row[0])]
			}
		}
		if !dirty {
			if last, err = t.Query("SELECT table_name, state, built FROM system_views.query_tables", 0); err != nil {
				return err
			}
			for _, row := range last.Rows {
				dirty = dirty || string(row[1]) != "live"
			}
		}
		clean++
		if dirty {
			clean = 0
		}
		if clean == settleClean {
			return nil
		}
		<-poll.C
	}
	return fmt.Errorf("rollups and copies do not settle: %q", last.Lines())
}
