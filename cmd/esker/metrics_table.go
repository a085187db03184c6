package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/server"
	"github.com/eskerdb/esker/server/wire"
)

// counted is what one look at a node found.
type counted struct {
	server server.Counters
	// certificate is when the server's certificate ends, in seconds since 1970; 0: it has none.
	certificate int64
	database    database.Statistics
}

// family is one metric with all its labels.
type family struct {
	name   string
	kind   string // counter, gauge or histogram
	labels []string
	help   string
	// read adds the values, each with its labels; times reads those of a histogram.
	read  func(c *counted, add func(value float64, labels ...string))
	times func(c *counted, add func(d server.Durations, labels ...string))
}

const (
	counter   = "counter"
	gauge     = "gauge"
	histogram = "histogram"
)

// families are all metrics of esker's own, in the order of docs/metrics.md.
var families = slices.Concat(serverFamilies, statementFamilies, storeFamilies, tableFamilies, rollupFamilies)

// one is a metric without labels.
func one[N int | int64 | uint64 | float64](value func(c *counted) N) func(*counted, func(float64, ...string)) {
	return func(c *counted, add func(float64, ...string)) { add(float64(value(c))) }
}

// each is a metric with a value for each entry of a map.
func each(values func(c *counted) map[string]uint64) func(*counted, func(float64, ...string)) {
	return func(c *counted, add func(float64, ...string)) {
		for label, n := range values(c) {
			add(float64(n), strings.ToLower(label))
		}
	}
}

func bit(set bool) int {
	if set {
		return 1
	}
	return 0
}

var serverFamilies = []family{
	{name: "esker_requests_total", kind: counter, labels: []string{"opcode"}, help: "Requests that were answered, by the opcode of the protocol.",
		read: each(func(c *counted) map[string]uint64 { return c.server.Requests })},
	{name: "esker_request_duration_seconds", kind: histogram, labels: []string{"answer"},
		help: "Time from reading a request to its answer, by what the answer was: read, write, schema, prepare, other or failed.",
		times: func(c *counted, add func(server.Durations, ...string)) {
			for answer, d := range c.server.Answers {
				add(d, answer)
			}
		}},
	{name: "esker_requests_in_flight", kind: gauge, help: "Requests that were read and are not answered.", read: one(func(c *counted) int { return c.server.InFlight })},
	{name: "esker_errors_total", kind: counter, labels: []string{"error"}, help: "Errors that clients were answered with, by kind.",
		read: func(c *counted, add func(float64, ...string)) {
			for code, n := range c.server.Errors {
				add(float64(n), errorName(code))
			}
		}},
	{name: "esker_received_bytes_total", kind: counter, help: "Bytes of the protocol that clients sent, decrypted.", read: one(func(c *counted) uint64 { return c.server.BytesIn })},
	{name: "esker_sent_bytes_total", kind: counter, help: "Bytes of the protocol that clients were sent, before encryption.", read: one(func(c *counted) uint64 { return c.server.BytesOut })},
	{name: "esker_connections", kind: gauge, help: "Connections that are open.", read: one(func(c *counted) int { return c.server.Open })},
	{name: "esker_connections_opened_total", kind: counter, help: "Connections that were let in.", read: one(func(c *counted) uint64 { return c.server.Opened })},
	{name: "esker_connections_refused_total", kind: counter, labels: []string{"cause"}, help: "Connections that were closed at once: too many connections, too many of one address, shutdown, or accept failed.",
		read: each(func(c *counted) map[string]uint64 { return c.server.Refused })},
	{name: "esker_connections_closed_total", kind: counter, labels: []string{"cause"},
		help: "Connections that ended, by cause: client, shutdown, startup (not ready in time), frame (not finished in time), crowded (made room for others), unread or stalled (the client does not read), protocol, network, language (TLS where none is spoken, or none where it is).",
		read: each(func(c *counted) map[string]uint64 { return c.server.Closed })},
	{name: "esker_logins_total", kind: counter, labels: []string{"result"}, help: "Logins with a name and a password: accepted or refused.",
		read: func(c *counted, add func(float64, ...string)) {
			add(float64(c.server.LoggedIn), "accepted")
			add(float64(c.server.LoginsBad), "refused")
		}},
	{name: "esker_tls_certificate_end_timestamp_seconds", kind: gauge, help: "When the certificate that clients are shown ends; 0: there is none.",
		read: one(func(c *counted) int64 { return c.certificate })},
}

// errorName is the kind of an error, as labels have it.
func errorName(code wire.ErrorCode) string {
	if name, ok := errorNames[code]; ok {
		return name
	}
	return fmt.Sprintf("0x%04x", int(code))
}

var errorNames = map[wire.ErrorCode]string{
	wire.CodeServer: "server", wire.CodeProtocol: "protocol", wire.CodeBadCredentials: "bad_credentials", wire.CodeUnavailable: "unavailable",
	wire.CodeOverloaded: "overloaded", wire.CodeBootstrapping: "bootstrapping", wire.CodeTruncate: "truncate", wire.CodeWriteTimeout: "write_timeout",
	wire.CodeReadTimeout: "read_timeout", wire.CodeReadFailure: "read_failure", wire.CodeFunctionFailure: "function_failure",
	wire.CodeWriteFailure: "write_failure", wire.CodeSyntax: "syntax", wire.CodeUnauthorized: "unauthorized", wire.CodeInvalid: "invalid",
	wire.CodeConfig: "config", wire.CodeAlreadyExists: "already_exists", wire.CodeUnprepared: "unprepared",
}

var statementFamilies = []family{
	{name: "esker_prepared_statements", kind: gauge, help: "Prepared statements that are kept.", read: one(func(c *counted) int { return c.database.Statements.Kept })},
	{name: "esker_prepared_statements_bytes", kind: gauge, help: "Memory that prepared statements take, about.", read: one(func(c *counted) int64 { return c.database.Statements.Bytes })},
	{name: "esker_prepared_statements_limit_bytes", kind: gauge, help: "Memory that prepared statements may take.", read: one(func(c *counted) int64 { return c.database.Statements.BytesMax })},
	{name: "esker_prepared_statement_lookups_total", kind: counter, labels: []string{"result"}, help: "Look-ups of prepared statements by an id or a text: hit or miss.",
		read: func(c *counted, add func(float64, ...string)) {
			add(float64(c.database.Statements.Hits), "hit")
			add(float64(c.database.Statements.Misses), "miss")
		}},
	{name: "esker_prepared_statements_evicted_total", kind: counter, help: "Prepared statements that made room for others.", read: one(func(c *counted) uint64 { return c.database.Statements.Evicted })},
	{name: "esker_statement_texts_total", kind: counter, labels: []string{"result"}, help: "Texts that were not prepared: known, by their shape, so that only literals were read, or parsed.",
		read: func(c *counted, add func(float64, ...string)) {
			add(float64(c.database.Texts.Known), "known")
			add(float64(c.database.Texts.Parsed), "parsed")
		}},
	{name: "esker_reads_running", kind: gauge, help: "SELECTs that read rows now; others wait.", read: one(func(c *counted) int { return c.database.ReadsRunning })},
	{name: "esker_reads_limit", kind: gauge, help: "SELECTs that may read rows at a time.", read: one(func(c *counted) int { return c.database.ReadsMax })},
	{name: "esker_memory_used_bytes", kind: gauge, labels: []string{"use"}, help: "Memory taken, by use: memtables, blocks, requests, heap.",
		read: func(c *counted, add func(float64, ...string)) {
			for _, u := range c.database.Memory {
				add(float64(u.Used), u.Name)
			}
		}},
	{name: "esker_memory_limit_bytes", kind: gauge, labels: []string{"use"}, help: "Memory that a use may take.",
		read: func(c *counted, add func(float64, ...string)) {
			for _, u := range c.database.Memory {
				add(float64(u.Max), u.Name)
			}
		}},
}

var storeFamilies = []family{
	{name: "esker_cache_blocks", kind: gauge, help: "Blocks of table files that are kept in memory.", read: one(func(c *counted) int { return c.database.Cache.Blocks })},
	{name: "esker_cache_lookups_total", kind: counter, labels: []string{"result"}, help: "Blocks of table files that were asked for: hit, found in memory, or miss, read from a file.",
		read: func(c *counted, add func(float64, ...string)) {
			add(float64(c.database.Cache.Hits), "hit")
			add(float64(c.database.Cache.Misses), "miss")
		}},
	{name: "esker_commitlog_written_bytes_total", kind: counter, help: "Bytes appended to the commit log.", read: one(func(c *counted) int64 { return c.database.Store.Log.Bytes })},
	{name: "esker_commitlog_records_total", kind: counter, help: "Records appended to the commit log.", read: one(func(c *counted) int64 { return c.database.Store.Log.Records })},
	{name: "esker_commitlog_writes_total", kind: counter, help: "Writes to the file of the commit log, each of one record or several.", read: one(func(c *counted) int64 { return c.database.Store.Log.Writes })},
	{name: "esker_commitlog_syncs_total", kind: counter, help: "Syncs of the commit log.", read: one(func(c *counted) int64 { return c.database.Store.Log.Syncs })},
	{name: "esker_commitlog_sync_seconds_total", kind: counter, help: "Time that syncs of the commit log took.", read: one(func(c *counted) float64 { return c.database.Store.Log.SyncTime.Seconds() })},
	{name: "esker_commitlog_held_bytes", kind: gauge, help: "Bytes of the commit log that are not in table files yet.", read: one(func(c *counted) int64 { return c.database.Store.LogBytes })},
	{name: "esker_commitlog_segments", kind: gauge, help: "Segments of the commit log that are in use.", read: one(func(c *counted) int { return c.database.Store.Log.Segments })},
	{name: "esker_commitlog_spare_segments", kind: gauge, help: "Segments of the commit log that wait to be written over.", read: one(func(c *counted) int { return c.database.Store.Log.Spares })},
	{name: "esker_store_read_only", kind: gauge, help: "1 after a write or sync failed: nothing is written until a restart.", read: one(func(c *counted) int { return bit(c.database.Store.ReadOnly != nil) })},
	{name: "esker_store_disk_full", kind: gauge, help: "1 while writes are refused for want of space.", read: one(func(c *counted) int { return bit(c.database.Store.DiskFull != nil) })},
}
