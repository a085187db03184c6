package ingest

import (
	"bytes"
	"context"
	"errors"
)

// read reads all files into chunks. ctx ends it between two of them; inner, when all is lost.
func (l *load) read(ctx, inner context.Context, to chan<- *chunk) error {
	var number int64
	for _, in := range l.inputs {
		if in.layout == nil {
			continue
		}
		ended, err := l.readInput(ctx, inner, in, &number, to)
		if err != nil {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				return nil // a stream was interrupted
			}
			return err
		}
		if !ended {
			return nil
		}
	}
	l.complete = true
	return nil
}

// readInput reads one file from where it was acknowledged. ended is false if it was interrupted.
func (l *load) readInput(ctx, inner context.Context, in *input, number *int64, to chan<- *chunk) (ended bool, err error) {
	t := in.kept
	if t == nil {
		if t, err = in.open(ctx, l.options.Streams.In, l.options.Format.Delimiter); err != nil {
			return false, err
		}
		defer t.close()
		if err := t.skip(in.acked.Bytes); err != nil {
			return false, err
		}
	}
	at, raw := in.acked, int64(0)
	for {
		var c *chunk
		select {
		case c = <-l.free:
		case <-ctx.Done():
			return false, nil
		case <-inner.Done():
			return false, nil
		}
		if ctx.Err() != nil { // select chooses by chance where both are ready
			return false, nil
		}
		if c.text, err = t.next(c.text); err != nil {
			return false, err
		}
		if len(c.text) == 0 {
			l.free <- c
			return true, nil
		}
		c.number, c.file, c.begin = *number, in, at
		*number++
		at.Bytes += int64(len(c.text))
		at.Lines += bytes.Count(c.text, newline)
		c.end = at
		c.raw = t.raw.n.Load() - raw
		raw += c.raw
		to <- c
	}
}
