package server

import "time"

// Limits bound what clients may take. Zero values stand for the defaults named.
type Limits struct {
	// ConnectionsMax is how many connections may be open; those beyond are closed at once. Default 16384.
	ConnectionsMax int
	// InFlightMax is how many requests of one connection are worked on at a time; more wait in the
	// socket. Default 1024.
	InFlightMax int
	// InFlightTotalMax is the same for all connections together. Default 16384.
	InFlightTotalMax int
	// LongMax is how many statements run at a time, all connections together, that are known to take long: schema
	// changes, ADMIN, CHECK, DESCRIBE, a SELECT of everything. Default 64.
	LongMax int
	// FrameBytesMax is how long the body of a request may be. Default 16 MiB.
	FrameBytesMax int
	// UnreadBytesMax is how many bytes of answers may wait for a client that does not read them; a
	// connection that has more is closed when the next answer comes. They count in Options.Memory too.
	// Default 256 MiB.
	UnreadBytesMax int
	// StalledAfter is how long a client may leave a write of at most 256 KiB untaken before its
	// connection is closed. Default 60 s.
	StalledAfter time.Duration
}

func (l Limits) withDefaults() Limits {
	defaultTo := func(v *int, n int) {
		if *v <= 0 {
			*v = n
		}
	}
	defaultTo(&l.ConnectionsMax, 16384)
	defaultTo(&l.InFlightMax, 1024)
	defaultTo(&l.InFlightTotalMax, 16384)
	defaultTo(&l.LongMax, 64)
	defaultTo(&l.FrameBytesMax, 16<<20)
	defaultTo(&l.UnreadBytesMax, 256<<20)
	if l.StalledAfter <= 0 {
		l.StalledAfter = time.Minute
	}
	return l
}
