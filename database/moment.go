package database

import (
	"time"

	"github.com/eskerdb/esker/planner"
)

// contextOf is the moment a request is bound at: the server's, but for what the client says of its own.
func (d *Database) contextOf(req *Request) planner.Context {
	ctx := d.context(req.Timestamp)
	if req.NowSeconds != nil {
		ctx.NowSec = *req.NowSeconds
	}
	return ctx
}

// second is by when TTLs have ended for a request. What a retention ends does not ask the client.
func (req *Request) second(now time.Time) int64 {
	if req.NowSeconds != nil {
		return *req.NowSeconds
	}
	return now.Unix()
}
