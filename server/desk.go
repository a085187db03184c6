package server

import (
	"sync"

	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/server/wire"
)

const (
	// deskBytes is how much is read of a socket at a time.
	deskBytes = 32 << 10
	// scratchBytesMax is the largest memory of a body that is kept for the next one, and the longest body whose
	// decoder is kept, as that refers to the body.
	scratchBytesMax = 64 << 10
	// contentBytesMax is the largest memory of rows that is kept for the next answer.
	contentBytesMax = 64 << 10
)

// desk is the memory for reading requests and carrying out one after another. Only connections that have something to
// do have one.
type desk struct {
	read    [deskBytes]byte
	scratch []byte // of bodies that are longer, or were compressed
	decoder wire.RequestDecoder
	values  []planner.Value
	entries []database.BatchEntry
	rows    wire.Rows
	content []byte // memory of the rows of an answer
	columns []wire.Column
	lease   memory.Lease // of the request that is carried out
}

// desks keeps desks that nobody sits at.
var desks = sync.Pool{New: func() any { return new(desk) }}

// trim ends a request whose answer is encoded: it gives up what a body of that many bytes, or the answer, made too large
// to keep, and what refers to statements.
func (d *desk) trim(bodyBytes int) {
	clear(d.entries)
	if bodyBytes > scratchBytesMax {
		d.decoder, d.values, d.entries = wire.RequestDecoder{}, nil, nil
	}
	if cap(d.content) > contentBytesMax {
		d.content = nil
	}
	d.rows = wire.Rows{}
}

// leave gives the desk to whoever needs one next, with the memory of bodies that was used at it.
func (d *desk) leave(scratch []byte) {
	if d.scratch = scratch; cap(scratch) > scratchBytesMax {
		d.scratch = nil
	}
	desks.Put(d)
}
