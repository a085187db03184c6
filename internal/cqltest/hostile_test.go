package cqltest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/server"
	"github.com/eskerdb/esker/server/wire"
)

const (
	hostileRuns       = 3
	hostileStatements = 1000
	soakRuns          = 200
)

// A server that is sent whatever comes to mind, right and nearly right, about buckets, query tables, indexes and time
// functions answers each statement or refuses it by name: no panic, no server error, no answer that depends on the size
// of pages. Afterwards every copy equals its base, also behind a restart, and every byte on the disk is sound.
func TestHostileStatements(t *testing.T) {
	runs := hostileRuns
	if os.Getenv("ESKER_SOAK") != "" {
		runs = soakRuns
	}
	t.Logf("%d of %d runs of %d statements", runs, soakRuns, hostileStatements)
	first := firstSeed(t)
	for seed := first; seed < first+uint64(runs); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			h := &hostile{hostileText: newHostileText(seed), t: t, seed: seed}
			h.open()
			for range hostileStatements {
				h.step()
			}
			h.afterwards()
		})
	}
}

// hostile is one run against one server.
type hostile struct {
	*hostileText
	t      *testing.T
	seed   uint64
	served *Served
	sent   []string
	ok     int
}

func (h *hostile) open() {
	var err error
	tuning := lsm.Tuning{NoFastLane: h.seed%4 == 1, ShareRows: int64(h.seed % 3)}
	if h.served, err = OpenServed(context.Background(), Options{Seed: h.seed, Tuning: tuning, Events: h.events()}); err != nil {
		h.t.Fatal(err)
	}
	for _, text := range []string{
		"CREATE KEYSPACE h WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}", "USE h",
	} {
		if _, err := h.served.Query(text, 0); err != nil {
			h.t.Fatal(err)
		}
	}
}

// events are what a server says of its own faults.
func (h *hostile) events() server.Events {
	return server.Events{
		Panicked: func(_ net.Addr, value any, stack []byte) { h.t.Errorf("panic: %v\n%s", value, stack) },
		Failed:   func(_ net.Addr, err error) { h.t.Errorf("server error: %v", err) },
	}
}

// fatal ends the run with what was sent.
func (h *hostile) fatal(format string, args ...any) {
	h.t.Helper()
	h.t.Fatalf("ESKER_SEED=%d: %s\n\nsent before:\n%s", h.seed, fmt.Sprintf(format, args...), strings.Join(h.sent, ";\n"))
}

// refusals are the codes with which a statement may be refused.
var refusals = []wire.ErrorCode{
	wire.CodeOverloaded, wire.CodeReadFailure, wire.CodeFunctionFailure, wire.CodeSyntax, wire.CodeInvalid, wire.CodeConfig,
	wire.CodeAlreadyExists, wire.CodeUnprepared, wire.CodeProtocol,
}

// query sends a statement; nil without an error is a refusal.
func (h *hostile) query(text string, page int) *Answer {
	answer, err := h.served.Query(text, page)
	return h.judged(text, answer, err)
}

func (h *hostile) judged(text string, answer *Answer, err error) *Answer {
	h.t.Helper()
	if err == nil {
		h.ok++
		return answer
	}
	var refused *Refusal
	if !errors.As(err, &refused) || !slices.Contains(refusals, wire.ErrorCode(refused.Code)) {
		h.fatal("%s\n%v", text, err)
	}
	if len(refused.Message) < 8 {
		h.fatal("%s\nis refused without a word: %q", text, refused.Message)
	}
	return nil
}

// step is a statement, or weather.
func (h *hostile) step() {
	if h.IntN(40) == 0 {
		verb := pick(h, []Verb{VerbFlush, VerbCompact, VerbRestart, VerbCrash, VerbAdvance})
		h.sent = append(h.sent, "-- "+string(verb))
		if err := h.served.Weather(&Step{Verb: verb, Advance: pick(h, advances)}); err != nil {
			h.fatal("%s: %v", verb, err)
		}
		return
	}
	text := h.statement()
	if h.IntN(20) == 0 {
		text = h.mangled(text)
	}
	h.sent = append(h.sent, text)
	if h.undo == nil && h.IntN(4) == 0 {
		h.execute(text)
		return
	}
	answer := h.query(text, 0)
	if answer == nil && h.undo != nil {
		h.undo()
	}
	if answer != nil && strings.HasPrefix(text, "SELECT") {
		h.paged(text, answer)
		h.filtered(text, answer)
	}
}

// paged compares an answer with the same in small pages. Between them time passes, so that it is asked again before it counts.
func (h *hostile) paged(text string, whole *Answer) {
	if strings.Contains(text, "now()") || strings.Contains(text, "uuid()") || strings.Contains(text, "system_views") {
		return
	}
	parts := h.query(text, 1+h.IntN(3))
	if parts == nil { // sorted answers over several partitions have no pages
		return
	}
	if slices.Equal(whole.Lines(), parts.Lines()) {
		return
	}
	if again := h.query(text, 0); again != nil && slices.Equal(whole.Lines(), again.Lines()) {
		h.fatal("%s\nanswers at once\n%s\nand in pages\n%s", text, strings.Join(whole.Lines(), "\n"), strings.Join(parts.Lines(), "\n"))
	}
}

// filtered compares an answer with the same under ALLOW FILTERING, which may read another table: the same rows, in whatever order.
func (h *hostile) filtered(text string, whole *Answer) {
	for _, part := range []string{"ALLOW", "LIMIT", "now()", "uuid()", "system_", "GROUP", ";", "--", "/*"} {
		if strings.Contains(text, part) {
			return
		}
	}
	sorted := func(a *Answer) []string { return slices.Sorted(slices.Values(a.Lines()[1:])) }
	for range 2 { // time passes between two answers
		other := h.query(text+" ALLOW FILTERING", 0)
		if other == nil || slices.Equal(sorted(whole), sorted(other)) {
			return
		}
		if again := h.query(text, 0); again == nil || slices.Equal(sorted(again), sorted(other)) {
			return
		}
	}
	h.fatal("%s\nanswers another way with ALLOW FILTERING than\n%s", text, strings.Join(whole.Lines(), "\n"))
}

// execute prepares the statement and sends it with bytes for its markers, or with markers for its literals.
func (h *hostile) execute(text string) {
	ctx, conn := context.Background(), h.served.conn.conn
	for _, literal := range h.literals {
		if h.IntN(2) == 0 {
			text = strings.Replace(text, literal, "?", 1)
		}
	}
	st, err := conn.Prepare(ctx, text)
	if err != nil {
		h.judged(text, nil, refusal(err))
		return
	}
	for range 3 {
		values := make([]wire.Value, len(st.Binds))
		for i := range values {
			values[i] = h.bytes()
		}
		answer, err := h.served.conn.answer(conn.Execute(ctx, st, values, requestOptions(h.IntN(3))))
		h.judged(fmt.Sprintf("%s with %x", text, values), answer, err)
	}
}

// bytes is a value that may suit.
func (h *hostile) bytes() wire.Value {
	switch h.IntN(8) {
	case 0:
		return wire.Null
	case 1:
		return wire.Unset
	case 2:
		return wire.Value{Bytes: []byte{}}
	}
	b, err := hex.DecodeString(pick(h, []string{
		"61", "00000001", "0000000000000001", "0000019bbf000000", "7fffffffffffffff", "8000000000000000", "80005000", "80000001", "ffffffff",
		"00000001000000016100000001", "00000000", "2ed78000f1fc11f08080808080808080", "00", "01", "ff", "0000019bbf000000ff", "c3", "020000", "0000f4240e",
		"7ff0000000000000", "3ff8000000000000", "4575726f70652f4265726c696e", "7fffffff",
	}))
	if err != nil {
		h.t.Fatal(err)
	}
	return wire.Value{Bytes: b}
}

// afterwards holds copies to their bases, now and behind a restart, and the files to their checksums.
func (h *hostile) afterwards() {
	compared := 0
	for _, row := range h.query("SELECT rollup_name, state FROM system_views.rollup_progress WHERE keyspace_name = 'h'", 0).Rows {
		if string(row[1]) == "paused" { // it would never settle
			h.query(fmt.Sprintf("RESUME ROLLUP h.%q", row[0]), 0)
		}
	}
	for _, verb := range []Verb{VerbSettle, VerbCrash, VerbSettle, VerbCompact} {
		if err := h.served.Weather(&Step{Verb: verb}); err != nil {
			h.fatal("afterwards: %s: %v\n%s", verb, err, h.whyNotBuilt())
		}
		compared = h.copies()
	}
	rollups := h.rollups()
	fs := h.served.fs
	if err := h.served.Close(); err != nil {
		h.fatal("close: %v", err)
	}
	summary, err := lsm.Check(lsm.CheckOptions{FS: fs, Dir: dataDir, Report: func(d lsm.Damage) { h.fatal("%s", d) }})
	if err != nil {
		h.fatal("check: %v", err)
	}
	h.t.Logf("%d statements were carried out, %d copies and %d rollups equal their bases, %d files with %d rows are sound", h.ok, compared, rollups, summary.Files, summary.Rows)
}

// whyNotBuilt asks for the builds that do not end once more: REBUILD answers with the cause.
func (h *hostile) whyNotBuilt() string {
	answer, err := h.served.Query("SELECT table_name, state FROM system_views.query_tables WHERE keyspace_name = 'h'", 0)
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, row := range answer.Rows {
		if string(row[1]) != "live" {
			_, err := h.served.Query(fmt.Sprintf("REBUILD QUERY TABLE h.%q", row[0]), 0)
			out = append(out, fmt.Sprintf("%s: %v", row[0], err))
		}
	}
	return strings.Join(out, "\n")
}

// rollups runs CHECK ROLLUP on all there are.
func (h *hostile) rollups() int {
	answer := h.query("SELECT rollup_name, last_error FROM system_views.rollups WHERE keyspace_name = 'h'", 0)
	for _, row := range answer.Rows {
		name := fmt.Sprintf("CHECK ROLLUP h.%q", row[0])
		if found := h.query(name, 0); found == nil || len(found.Rows) > 0 || row[1] != nil {
			h.fatal("%s: %v, last error %s", name, found, row[1])
		}
	}
	return len(answer.Rows)
}

// copies runs CHECK QUERY TABLE on all there are.
func (h *hostile) copies() int {
	answer := h.query("SELECT base_table_name, table_name FROM system_views.query_tables WHERE keyspace_name = 'h'", 0)
	for _, row := range answer.Rows {
		if slices.Contains(h.promised, string(row[0])) {
			continue // its writers have broken what append_only promises
		}
		name := fmt.Sprintf("CHECK QUERY TABLE h.%q", row[1])
		if found := h.query(name, 0); found == nil || len(found.Rows) > 0 {
			h.fatal("%s: %v", name, found)
		}
	}
	return len(answer.Rows)
}
