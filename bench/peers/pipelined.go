package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/eskerdb/esker/bench"
)

// pipelined is the same load and the same questions over CQL into esker and into Cassandra, by esker's own client, which keeps many
// requests in flight: what the servers can do, where gocql is what both wait for.
type pipelined struct {
	esker, cassandra bench.Section // medians of the rounds
	missing          error         // why Cassandra was not run
}

// cassandraName is how it is called in the table.
const cassandraName = "Apache Cassandra 5.0.5"

// measurePipelined runs both in turn, again and again.
func measurePipelined(ctx context.Context, c *config) (*pipelined, error) {
	out := &pipelined{}
	peer := new(lazyNode)
	defer peer.stop()
	options := bench.Options{Seed: c.seed, Shapes: []bench.Shape{c.shape}, Devices: c.devices, Ticks: c.ticks, Reads: c.reads, Memory: eskerMemory, Clock: c.clock}
	var ours, theirs []bench.Section
	for round := range c.rounds {
		fmt.Fprintf(c.progress, "round %d of %d: pipelined\n", round+1, c.rounds)
		report, err := bench.RunTCP(ctx, options, bench.TCPOptions{Program: c.program, Singles: c.singles, Literals: c.singles})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", eskerOverCQL, err)
		}
		ours = append(ours, report.Sections[0])
		node, err := peer.start(ctx, c)
		if err != nil {
			out.missing = &missingError{err}
			continue
		}
		settle := func(ctx context.Context) error { return cassandraServer{node}.settle(ctx, nil) }
		report, err = bench.RunTCP(ctx, options, bench.TCPOptions{
			Addr: node.Addr(), PID: node.PID(), Singles: c.singles, Literals: c.singles, Peer: &bench.Peer{Name: cassandraName, Settle: settle},
		})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", cassandraName, err), ctx.Err())
		}
		theirs = append(theirs, report.Sections[0])
	}
	out.esker, out.cassandra = medians("esker", ours), medians(cassandraName, theirs)
	return out, nil
}

// lines are the cells of the table, headings first.
func (p *pipelined) lines() [][]string {
	lines := [][]string{{"the same client, many requests in flight", "", "esker", cassandraName, "how many times better esker is"}}
	for i := range p.esker.Measurements {
		m := &p.esker.Measurements[i]
		other := find(&p.cassandra, m.Name)
		if other == nil || m.Value <= 0 || other.Value <= 0 {
			continue
		}
		ratio := other.Value / m.Value
		if m.MoreIsBetter() {
			ratio = 1 / ratio
		}
		lines = append(lines, []string{m.Name, m.Unit, bench.Number(m.Value), bench.Number(other.Value), "×" + bench.Number(ratio)})
	}
	if p.missing != nil {
		lines = append(lines, []string{cassandraName, "not run: " + p.missing.Error(), "", "", ""})
	}
	return lines
}

func (p *pipelined) markdown() string {
	var b strings.Builder
	for i, line := range p.lines() {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(line, " | "))
		if i == 0 {
			b.WriteString("|---|---|---:|---:|---:|\n")
		}
	}
	return b.String()
}
