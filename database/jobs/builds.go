package jobs

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/querytable"
	"github.com/eskerdb/esker/schema"
)

// Build is a copy that is being built, with its base table.
type Build struct{ Copy, Base *schema.Table }

// Progress is how far the build of a copy has come. It is kept in the store, in the records of the rows.
type Progress struct {
	Place
	Rows int64 // written to the copy
	Done bool  // nothing is left
}

// BuildView is the store at one sequence, as a build reads it.
type BuildView interface {
	Rows
	Sequence() uint64
	Close()
}

// BuildStore is what the builder needs of the database.
type BuildStore interface {
	// Moment counts schema changes and truncations.
	Moment() uint64
	// Builds are the copies that are being built now.
	Builds() []Build
	// Copies are the ids of all copies there are.
	Copies() map[mutation.TableID]bool
	// Settled returns once every write applied before the call is in new Views.
	Settled() error
	// View pins what is visible now.
	View() BuildView
	// Apply writes rows of a copy with the progress that they make, as one record, unless the moment has passed: then
	// what was read may have been truncated, and ok is false. ErrBusy means that it was not done, and may be later.
	Apply(moment uint64, id mutation.TableID, rows []mutation.Mutation, p Progress) (ok bool, err error)
	// Finish makes a copy live whose last row is written.
	Finish(id mutation.TableID) error
	// Progress calls each for the progress of every build there was.
	Progress(each func(id mutation.TableID, p Progress)) error
	// Forget removes the progress of a copy that is gone.
	Forget(id mutation.TableID) error
}

// Limits of one step of a build. A step is read in one View and written in one record.
const (
	stepRowsMax     = 2048    // of the base, deleted ones included
	stepCopyRowsMax = 4096    // rows of the copy after which a step ends
	stepBytesMax    = 1 << 20 // of rows of the copy after which a step ends
)

// ErrBusy means that the store takes no rows now.
var ErrBusy = errors.New("the store is busy")

// restBusy is how long the builder waits when the store takes no rows.
const restBusy = 100 * time.Millisecond

// restShare is how long the builder rests after a step while others write, as a multiple of the time the step took, and
// restMax is the longest rest. The share falls to nothing in restFor: rows may be added in front of a build faster than one
// that rests gets on.
const (
	restShare = 3
	restMax   = 200 * time.Millisecond
	restFor   = time.Minute
)

// ErrStopped means that the database was closed before a build was done. It goes on when the database opens again.
var ErrStopped = errors.New("the build stops because the database closes; it goes on when it opens again")

// Builds is the job that adds the rows of base tables to copies that were made when there were rows already (R39b). Start
// it with StartBuilds.
type Builds struct {
	*worker
	store   BuildStore
	clock   clock.Clock
	rowsMax int // of the base in a step

	stepMu sync.Mutex // held during a step: there is one at a time

	mu       sync.Mutex
	progress map[mutation.TableID]Progress // of all copies that were built; guarded by mu

	seen  uint64                         // the sequence of the last View; guarded by stepMu
	began map[mutation.TableID]time.Time // when the first step here was; guarded by stepMu
}

// StartBuilds loads the progress that stands in the store and goes on from there. A step takes rowsMax rows of the base
// at most; 0: as many as is good.
func StartBuilds(store BuildStore, clk clock.Clock, rowsMax int) (*Builds, error) {
	if rowsMax == 0 {
		rowsMax = stepRowsMax
	}
	b := &Builds{
		worker: newWorker(), store: store, clock: clk, rowsMax: rowsMax,
		progress: map[mutation.TableID]Progress{}, began: map[mutation.TableID]time.Time{},
	}
	if err := store.Progress(func(id mutation.TableID, p Progress) { b.progress[id] = p }); err != nil {
		return nil, err
	}
	go b.run(b.round)
	return b, nil
}

// round builds all copies that are to be built, a step of each in turn.
func (b *Builds) round() error {
	if err := b.forgetOrphans(); err != nil {
		return err
	}
	for {
		builds := b.store.Builds()
		if len(builds) == 0 {
			return nil
		}
		failed := 0
		for _, one := range builds {
			rest, err := b.step(one.Copy.ID)
			if err != nil {
				b.fail(one.Copy.ID, err)
				failed++
			}
			if err := b.pause(rest); err != nil {
				return err
			}
		}
		if failed == len(builds) {
			return errAllFail
		}
	}
}

// errAllFail means that no build gets on now.
var errAllFail = errors.New("no build gets on")

// step does one step of a build, and says how long to rest after it.
func (b *Builds) step(id mutation.TableID) (rest time.Duration, err error) {
	b.stepMu.Lock()
	defer b.stepMu.Unlock()
	started := b.clock.Now()
	moment := b.store.Moment() // before anything is read
	var build Build
	for _, one := range b.store.Builds() {
		if one.Copy.ID == id {
			build = one
		}
	}
	if build.Copy == nil {
		return 0, nil // live, or dropped
	}
	s := &step{build: build, rowsMax: b.rowsMax, progress: b.Of(id), nowSec: started.Unix()}
	if s.projector, err = querytable.New(build.Base, build.Copy); err != nil {
		return 0, err
	}
	if s.progress.Key.Key == nil { // a first View must have all that was written before the copy was followed
		if err := b.store.Settled(); err != nil {
			return 0, err
		}
	}
	view := b.store.View()
	err = s.read(view)
	busy := view.Sequence() > b.seen+1 // others wrote since the last step, beside its own record
	b.seen = view.Sequence()
	view.Close()
	if err != nil {
		return 0, fmt.Errorf("build of %s: %w", build.Copy.QualifiedName(), err)
	}
	ok, err := b.store.Apply(moment, id, s.out, s.progress)
	if errors.Is(err, ErrBusy) {
		return restBusy, nil
	}
	if err != nil {
		return 0, fmt.Errorf("build of %s: %w", build.Copy.QualifiedName(), err)
	}
	if !ok {
		return 0, nil // read again
	}
	b.note(id, s.progress)
	if s.progress.Done {
		delete(b.began, id)
		if err := b.store.Finish(id); err != nil {
			return 0, err
		}
		b.moved()
		return 0, nil
	}
	if busy {
		rest = b.rest(id, started)
	}
	return rest, nil
}

// rest is how long to rest after a step that began at a time.
func (b *Builds) rest(id mutation.TableID, started time.Time) time.Duration {
	if b.began[id].IsZero() {
		b.began[id] = started
	}
	share := restShare * max(0, 1-started.Sub(b.began[id]).Seconds()/restFor.Seconds())
	return min(time.Duration(share*float64(b.clock.Now().Sub(started))), restMax)
}

// step is what one step of a build reads and writes.
type step struct {
	projector *querytable.Projector
	build     Build
	progress  Progress
	nowSec    int64
	rowsMax   int

	sequence  uint64
	out       []mutation.Mutation
	rows      int // of the base, looked at
	copyRows  int
	copyBytes int
}

// read walks the base on from where the build is, and projects its rows. Each gets the sequence of the View: whatever a
// writer did to the row of the copy since then has a higher one, and stays.
func (s *step) read(view BuildView) error {
	s.sequence = view.Sequence()
	to, done, err := Walk(view, s.build.Base.ID, s.progress.Place, s.visit)
	s.progress.Place, s.progress.Done = to, done
	s.progress.Rows += int64(s.copyRows)
	return err
}

func (s *step) visit(key *partition.DecoratedKey, side *mutation.Side, row *mutation.Row) (Next, error) {
	if row == nil && !s.projector.PerPartition() {
		return NextRow, nil
	}
	s.rows++
	projected, err := s.projector.Project(*key, querytable.Base{Static: side.Static, Row: row}, s.nowSec)
	if err != nil {
		return Stop, err
	}
	for i := range projected {
		// Values are parts of the base row, which is valid until the walk goes on.
		m := mutation.Mutation{Table: s.build.Copy.ID, Key: projected[i].Key, Rows: []mutation.Row{*projected[i].Row.Clone()}}
		m.Rows[0].Sequence = s.sequence
		s.out = append(s.out, m)
		s.copyRows++
		s.copyBytes += m.Rows[0].Bytes() + len(m.Key.Key)
	}
	switch {
	case s.rows >= s.rowsMax || s.copyRows >= stepCopyRowsMax || s.copyBytes >= stepBytesMax:
		return Stop, nil
	case s.projector.PerPartition():
		return NextPartition, nil
	}
	return NextRow, nil
}

// Of is how far the build of a copy has come.
func (b *Builds) Of(id mutation.TableID) Progress {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.progress[id]
}

// note remembers what has been written.
func (b *Builds) note(id mutation.TableID, p Progress) {
	b.mu.Lock()
	b.progress[id] = p
	b.mu.Unlock()
	b.recovered(id)
}

// forgetOrphans removes the progress of copies that are gone.
func (b *Builds) forgetOrphans() error {
	b.mu.Lock()
	var known []mutation.TableID
	for id := range b.progress {
		known = append(known, id)
	}
	b.mu.Unlock()
	copies := b.store.Copies()
	for _, id := range known {
		if copies[id] {
			continue
		}
		if err := b.store.Forget(id); err != nil {
			return err
		}
		b.mu.Lock()
		delete(b.progress, id)
		b.mu.Unlock()
		b.recovered(id)
	}
	return nil
}

// Await returns once over says so, which it asks whenever a step fails or the schema changes. It ends with the error of
// the last step of the build if that failed.
func (b *Builds) Await(id mutation.TableID, over func() bool) error {
	return b.await(id, func() (bool, error) { return over(), nil })
}
