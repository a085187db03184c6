package ingest

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/cwriter"
	"github.com/vbauerster/mpb/v8/decor"
)

const (
	tickEvery          = 250 * time.Millisecond
	ticksPerCheckpoint = 4
	ticksPerLine       = 20 // where there is no terminal
)

// display shows the progress of a load: a bar on a terminal, else a line every few seconds.
type display struct {
	out     io.Writer
	clock   clock.Clock
	began   time.Time
	total   int64 // bytes of all files as stored; 0 if not known
	resumed int64 // rows that were there when it began
	skipped int64 // bytes that were done when it began
	started bool

	bars *mpb.Progress // nil without a terminal
	bar  *mpb.Bar
	line atomic.Pointer[string]
}

func newDisplay(l *load) *display {
	d := &display{out: l.options.Streams.Err, clock: l.options.Clock, began: l.options.Clock.Now(), resumed: l.resumed}
	for _, in := range l.inputs {
		d.total += in.size
		if in.isStream {
			d.total = 0
			break
		}
	}
	if f, ok := d.out.(*os.File); ok && cwriter.IsTerminal(int(f.Fd())) {
		d.bars = mpb.New(mpb.WithOutput(f))
		d.bar = d.bars.AddBar(d.total, mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
			if line := d.line.Load(); line != nil {
				return *line
			}
			return ""
		})))
	}
	return d
}

// show is called once a tick.
func (d *display) show(tick int, p progress) {
	if !d.started { // the first chunk of a file that goes on counts what was skipped
		d.started, d.skipped = p.raw > 0, p.raw
	}
	if d.bars != nil {
		line := d.text(p)
		d.line.Store(&line)
		d.bar.SetCurrent(min(p.raw, max(d.total-1, 0)))
		return
	}
	if tick%ticksPerLine == 0 {
		fmt.Fprintln(d.out, d.text(p))
	}
}

// text says how far the load is: `1234567 rows, 3 rejected, 45.2 of 310.0 MB, 812000 rows/s, 12 s left`.
func (d *display) text(p progress) string {
	seconds := d.clock.Now().Sub(d.began).Seconds()
	text := fmt.Sprintf("%d rows, %d rejected, %.1f", p.rows, p.rejected, float64(p.raw)/1e6)
	if d.total > 0 {
		text += fmt.Sprintf(" of %.1f", float64(d.total)/1e6)
	}
	text += " MB"
	if seconds > 0 {
		text += fmt.Sprintf(", %.0f rows/s", float64(p.rows-d.resumed)/seconds)
	}
	if done := p.raw - d.skipped; d.total > 0 && done > 0 {
		text += fmt.Sprintf(", %.0f s left", seconds*float64(max(d.total-p.raw, 0))/float64(done))
	}
	return text
}

// end takes the bar away.
func (d *display) end() {
	if d.bars == nil {
		return
	}
	d.bar.Abort(true)
	d.bars.Wait()
}
