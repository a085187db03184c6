package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/eskerdb/esker/client"
)

const (
	// chunksMax is how many chunks are in memory: one that is read, some that are parsed and some that are sent.
	chunksMax  = 12
	parsersMax = 4
	// drainMax is how long batches under way may take to be answered after an interruption.
	drainMax = 5 * time.Second
)

// Run loads files into a table. The error is nil even if rows were rejected, as long as they are no more than allowed;
// it is ErrTooManyErrors or ErrInterrupted, or what made it impossible to go on. The report is true whatever the error.
func Run(ctx context.Context, o Options) (Report, error) {
	l, err := newLoad(o)
	if err != nil {
		return Report{}, err
	}
	defer l.close()
	return l.run(ctx)
}

func (l *load) run(ctx context.Context) (Report, error) {
	began := l.options.Clock.Now()
	if err := l.connect(ctx); err != nil {
		return l.report(began), interrupted(ctx, err)
	}
	if err := l.examine(ctx); err != nil {
		return l.report(began), interrupted(ctx, err)
	}
	if l.options.DryRun {
		return l.dryRun(ctx)
	}
	if err := l.prepare(ctx); err != nil {
		return l.report(began), interrupted(ctx, err)
	}
	if err := l.resume(); err != nil {
		return l.report(began), err
	}
	err := l.transfer(ctx)
	if errors.Is(err, ErrTooManyErrors) {
		err = fmt.Errorf("%w: %d rows rejected, see %s", err, l.tracker.now().rejected, l.bad.reasonsPath)
	}
	return l.report(began), errors.Join(err, l.end(err))
}

// load is one run of a load. Its fields but the tracker's and lanes' insides are set before goroutines start.
type load struct {
	options  Options
	table    table
	planner  *planner
	inputs   []*input
	tracker  *tracker
	bad      *badFiles
	lanes    []*lane
	free     chan *chunk // chunks that may be used
	resumed  int64       // rows of earlier runs
	pause    func(context.Context, time.Duration) error
	complete bool // all files were read; set by the reader
	mark     mark
}

// mark is the load's checkpoint.
type mark struct {
	path  string // empty if there is none: streams cannot be read again
	state checkpoint
}

func newLoad(o Options) (*load, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	l := &load{options: o, free: make(chan *chunk, chunksMax), pause: pause}
	if l.table, err = parseTarget(o.Target); err != nil {
		return nil, err
	}
	if l.planner, err = newPlanner(&l.table, o); err != nil {
		return nil, err
	}
	errorsMax, err := parseLimit(o.Errors.Max)
	if err != nil {
		return nil, err
	}
	if l.inputs, err = findInputs(o.Files); err != nil {
		return nil, err
	}
	l.bad = newBadFiles(o.Errors.Dir, l.table.name)
	if err := l.bad.refuseInputs(l.inputs); err != nil {
		return nil, err
	}
	l.tracker = newTracker(errorsMax, l.bad, l.free)
	for range chunksMax {
		l.free <- &chunk{}
	}
	for range o.Sending.Connections {
		l.lanes = append(l.lanes, &lane{dial: l.dial, pause: func(ctx context.Context, d time.Duration) error { return l.pause(ctx, d) }})
	}
	return l, nil
}

func (l *load) dial(ctx context.Context) (*client.Conn, error) {
	o := l.options.Server
	o.InFlight = l.options.Sending.InFlight
	return client.Dial(ctx, o)
}

// connect makes the first connection and reads the table's columns.
func (l *load) connect(ctx context.Context) error {
	conn, err := l.dial(ctx)
	if err != nil {
		return err
	}
	l.lanes[0].conn = conn
	return l.table.readColumns(ctx, conn)
}

// examine makes the layouts of all files before anything is sent.
func (l *load) examine(ctx context.Context) error {
	for _, in := range l.inputs {
		if err := in.examine(ctx, l.planner, l.options.Streams.Err); err != nil {
			return err
		}
		in.acked = in.body
	}
	return nil
}

// prepare prepares the statements of all layouts.
func (l *load) prepare(ctx context.Context) error {
	ids := map[string][]byte{}
	for _, in := range l.inputs {
		if in.layout == nil {
			continue
		}
		if ids[in.layout.insert] == nil {
			s, err := l.lanes[0].conn.Prepare(ctx, in.layout.insert)
			if err != nil {
				return fmt.Errorf("%s: %w", l.table, err)
			}
			ids[in.layout.insert] = s.ID
		}
		in.layout.id = ids[in.layout.insert]
	}
	return nil
}

// resume takes up the checkpoint if there is one, else makes it.
func (l *load) resume() error {
	l.mark.state = checkpoint{Version: checkpointVersion, Table: l.table.String(), Settings: settingsOf(l.options), Timestamp: l.options.Sending.Timestamp}
	if l.mark.state.Timestamp == 0 {
		l.mark.state.Timestamp = l.options.Clock.Now().UnixMicro()
	}
	for _, in := range l.inputs {
		if in.isStream {
			fmt.Fprintf(l.options.Streams.Err, "%s: can be read only once: there is no checkpoint\n", in.path)
			return nil
		}
	}
	l.mark.path = l.options.Checkpoint
	if l.mark.path == "" {
		l.mark.path = l.table.name + ".checkpoint"
	}
	old, err := readCheckpoint(l.mark.path)
	if err != nil {
		return err
	}
	if old == nil || !old.hasProgress() {
		return l.saveMark()
	}
	if err := old.fits(l.mark.path, l.mark.state.Table, l.mark.state.Settings, l.inputs); err != nil {
		return err
	}
	l.takeUp(old)
	return nil
}

// takeUp goes on where old says.
func (l *load) takeUp(old *checkpoint) {
	l.mark.state.Timestamp = old.Timestamp
	l.bad.recordsBytes, l.bad.reasonsBytes = old.RecordsBytes, old.ReasonsBytes
	p := &l.tracker.progress
	p.rejected = old.Rejected
	for i, in := range l.inputs {
		if acked := old.Files[i].Acked; acked.Bytes > in.body.Bytes {
			in.acked = acked
			p.rows += acked.Rows
		}
	}
	l.resumed = p.rows
	fmt.Fprintf(l.options.Streams.Err, "checkpoint %s: goes on after %d rows (%d rejected)\n", l.mark.path, p.rows, p.rejected)
}

func (l *load) saveMark() error {
	if l.mark.path == "" {
		return nil
	}
	if err := l.tracker.checkpoint(&l.mark.state, l.inputs); err != nil {
		return err
	}
	return l.mark.state.write(l.mark.path)
}

// transfer reads, parses and sends until all files are done, ctx ends or something fails.
func (l *load) transfer(ctx context.Context) error {
	inner, fail := context.WithCancelCause(context.WithoutCancel(ctx))
	defer fail(nil)
	stop := context.AfterFunc(ctx, func() {
		if l.pause(inner, drainMax) == nil {
			fail(ErrInterrupted)
		}
	})
	defer stop()
	read, parsed := make(chan *chunk, chunksMax), make(chan batch, 2*len(l.lanes)*l.options.Sending.InFlight)
	var parsers, senders, rest sync.WaitGroup
	rest.Go(func() {
		defer close(read)
		if err := l.read(ctx, inner, read); err != nil {
			fail(err)
		}
	})
	for range min(runtime.GOMAXPROCS(0), parsersMax) {
		parsers.Go(func() { l.parse(inner, fail, read, parsed) })
	}
	for _, lane := range l.lanes {
		for range l.options.Sending.InFlight {
			senders.Go(func() { l.send(inner, fail, newSender(lane, l.mark.state.Timestamp), parsed) })
		}
	}
	done := make(chan struct{})
	rest.Go(func() { l.watch(done, fail) })
	parsers.Wait()
	close(parsed)
	senders.Wait()
	close(done)
	rest.Wait()
	if err := context.Cause(inner); err != nil {
		return err
	}
	if !l.complete {
		return ErrInterrupted
	}
	p := l.tracker.now()
	if l.tracker.errorsMax.exceeded(p.rejected, p.rejected+p.rows, true) {
		return ErrTooManyErrors
	}
	return nil
}

// parse makes rows of chunks and batches of rows.
func (l *load) parse(ctx context.Context, fail context.CancelCauseFunc, from <-chan *chunk, to chan<- batch) {
	g := newGrouper()
	for c := range from {
		if ctx.Err() != nil {
			continue
		}
		c.parse(l.options.Format.Delimiter)
		g.group(c)
		c.end.Rows = 0
		c.open.Store(1)
		for rows := c.order; len(rows) > 0; {
			var b batch
			b, rows = c.cut(rows, l.options.Sending.BatchRows)
			c.open.Add(1)
			select {
			case to <- b:
			case <-ctx.Done():
				return
			}
		}
		l.release(c, 0, fail)
	}
}

// send delivers batches.
func (l *load) send(ctx context.Context, fail context.CancelCauseFunc, s *sender, from <-chan batch) {
	for b := range from {
		if ctx.Err() != nil {
			continue
		}
		stored, err := s.deliver(ctx, b)
		if err != nil {
			fail(err)
			continue
		}
		l.release(b.chunk, stored, fail)
	}
}

// release ends a part of the work on c; the last one to do so hands c to the tracker.
func (l *load) release(c *chunk, stored int, fail context.CancelCauseFunc) {
	c.stored.Add(int64(stored))
	if c.open.Add(-1) > 0 {
		return
	}
	c.end.Rows = c.stored.Swap(0)
	if err := l.tracker.finish(c); err != nil {
		fail(err)
	}
}

// watch shows the progress and writes the checkpoint until done.
func (l *load) watch(done <-chan struct{}, fail context.CancelCauseFunc) {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	d := newDisplay(l)
	defer d.end()
	for tick := 1; ; tick++ {
		select {
		case <-ticker.C:
		case <-done:
			return
		}
		d.show(tick, l.tracker.now())
		if tick%ticksPerCheckpoint == 0 {
			if err := l.saveMark(); err != nil {
				fail(err)
			}
		}
	}
}

// end leaves the checkpoint as it has to be after err.
func (l *load) end(err error) error {
	if l.mark.path == "" {
		return nil
	}
	if saved := l.saveMark(); saved != nil {
		return saved
	}
	// A load that was given up has ended too: what was wrong with its options or files is going to change.
	if err == nil || errors.Is(err, ErrTooManyErrors) || !l.mark.state.hasProgress() {
		return os.Remove(l.mark.path)
	}
	fmt.Fprintf(l.options.Streams.Err, "checkpoint %s: started again, the load goes on\n", l.mark.path)
	return nil
}

func (l *load) report(began time.Time) Report {
	p := l.tracker.now()
	return Report{Rows: p.rows, Resumed: l.resumed, Rejected: p.rejected, Files: len(l.inputs), Elapsed: l.options.Clock.Now().Sub(began)}
}

func (l *load) close() {
	for _, lane := range l.lanes {
		lane.close()
	}
	for _, in := range l.inputs {
		if in.kept != nil {
			in.kept.close()
		}
	}
	_ = l.bad.close()
}

// interrupted replaces an error that ctx's end caused.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ErrInterrupted
	}
	return err
}
