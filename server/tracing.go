package server

import (
	"net"
	"net/netip"
	"strconv"

	"github.com/eskerdb/esker/database/tracing"
	"github.com/eskerdb/esker/server/wire"
)

// traced carries out a statement whose client wants to know how. Its answer waits for the commit log, so that the trace
// ends with it.
func (r *request) traced(m wire.Request) (wire.Answer, error) {
	c := r.conn
	r.trace = c.server.database.Trace(traceStart(m, c.socket.RemoteAddr()))
	defer r.trace.End() // also where a promise inside the program is broken
	answer, err := r.execute(m)
	switch {
	case err != nil:
		answer = c.refusal(err)
	case r.ticket.Waits():
		answer = r.settled(answer)
		r.trace.Step("Waited for the commit log, by its mode")
	}
	if refused, ok := answer.Message.(*wire.Error); ok {
		r.trace.Step("Refused: %s", refused.Message)
	}
	answer.TracingID = r.trace.ID()
	return answer, nil
}

// traceStart is what a trace says of a request.
func traceStart(m wire.Request, from net.Addr) tracing.Start {
	s := tracing.Start{Command: "QUERY", Parameters: map[string]string{}}
	if tcp, ok := from.(*net.TCPAddr); ok {
		s.Client, _ = netip.AddrFromSlice(tcp.IP)
	}
	switch m := m.(type) {
	case *wire.Query:
		s.Request = "Execute CQL3 query"
		s.Parameters["query"] = string(m.Text)
		describeParams(s.Parameters, &m.Params)
	case *wire.Execute:
		s.Request = "Execute CQL3 prepared query"
		describeParams(s.Parameters, &m.Params)
	case *wire.Prepare:
		s.Request = "Preparing CQL3 query"
		s.Parameters["query"] = string(m.Text)
	case *wire.Batch:
		s.Request = "Execute batch of CQL3 queries"
		s.Parameters["consistency_level"] = m.Consistency.String()
		s.Parameters["statements"] = strconv.Itoa(len(m.Entries))
	}
	return s
}

func describeParams(to map[string]string, p *wire.QueryParams) {
	to["consistency_level"] = p.Consistency.String()
	if p.PageSize > 0 {
		to["page_size"] = strconv.Itoa(int(p.PageSize))
	}
	serial := p.SerialConsistency
	if serial == 0 {
		serial = wire.Serial
	}
	to["serial_consistency_level"] = serial.String()
}
