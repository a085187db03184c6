package catalog

import (
	"maps"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/tracing"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/schema"
)

// Traces are requests that were traced.
type Traces interface {
	// Sessions are those that are kept.
	Sessions() []*tracing.Session
	// Session is the one with an id, or nil.
	Session(id [16]byte) *tracing.Session
}

var looseTextMap = types.MapOf(types.Text, types.Text)

// traceRows are the rows of a request in a table of system_traces; nil for other tables.
var traceRows = map[string]func(s *Source, t *tracing.Session) []values{
	"system_traces.sessions": (*Source).traceSession,
	"system_traces.events":   (*Source).traceEvents,
}

func (s *Source) traceSession(t *tracing.Session) []values {
	parameters := map[string]string{}
	maps.Copy(parameters, t.Parameters)
	row := values{
		"session_id": uuid(t.ID), "command": text(t.Command), "coordinator": s.catalog.node.Address,
		"coordinator_port": integer(int64(s.catalog.node.Port)), "duration": integer(t.Duration.Microseconds()),
		"request": text(t.Request), "started_at": millis(t.Began.UnixMicro()), "parameters": mapValue(looseTextMap, parameters),
	}
	if t.Client.IsValid() {
		row["client"] = t.Client.Unmap().AsSlice()
	}
	return []values{row}
}

func (s *Source) traceEvents(t *tracing.Session) []values {
	out := make([]values, len(t.Steps))
	for i := range t.Steps {
		step := &t.Steps[i]
		out[i] = values{
			"session_id": uuid(t.ID), "event_id": uuid(step.ID), "activity": text(step.Activity), "source": s.catalog.node.Address,
			"source_port": integer(int64(s.catalog.node.Port)), "source_elapsed": integer(step.Elapsed.Microseconds()), "thread": text("esker"),
		}
	}
	return out
}

// traced computes a table of system_traces.
func (s *Source) traced(rows func(*Source, *tracing.Session) []values) []values {
	var out []values
	for _, session := range s.catalog.status.Sessions() {
		out = append(out, rows(s, session)...)
	}
	return out
}

// trace is one partition of a table of system_traces, without computing the others.
func (s *Source) trace(t *schema.Table, req *mutation.ReadRequest) ([]virtualPartition, error) {
	key, err := t.PartitionLayout().Decode(req.Key.Key)
	if err != nil {
		return nil, err
	}
	if len(key[0]) != 16 {
		return nil, nil
	}
	session := s.catalog.status.Session([16]byte(key[0]))
	if session == nil {
		return nil, nil
	}
	return arrange(t, traceRows[t.QualifiedName()](s, session))
}
