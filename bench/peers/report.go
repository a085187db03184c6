package main

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
	"text/tabwriter"

	"github.com/eskerdb/esker/bench"
)

// report is what all peers did.
type report struct {
	bench.Report
	config    config
	results   []result
	pipelined *pipelined // nil: not measured
}

// columns of the table, with their headings.
var columns = []struct{ name, heading string }{
	{bench.NameIngest, "ingest, rows/s"}, {nameSingles, "single rows/s"}, {bench.NameDisk, "bytes/row"}, {bench.NameHour, "1 h p50, µs"},
	{bench.NameLast, "last row p50, µs"}, {bench.NameHourly, "24 h → 24 p50, µs"}, {bench.NameRollup, "rollup of all, s"},
}

// write prints the report as a table, as markdown, or as the JSON that `esker bench compare` reads.
func (r *report) write(out io.Writer, format string) error {
	switch format {
	case "json":
		for _, res := range r.results {
			if res.missing == nil {
				r.Sections = append(r.Sections, res.section)
			}
		}
		if p := r.pipelined; p != nil {
			r.Sections = append(r.Sections, p.esker, p.cassandra)
		}
		return r.Write(out, "json")
	case "markdown":
		_, err := io.WriteString(out, r.markdown())
		return err
	case "table":
		return r.table(out)
	}
	return fmt.Errorf("PEERS_OUTPUT %s: it is table, markdown or json", format)
}

func (r *report) table(out io.Writer) error {
	fmt.Fprintf(out, "%s\n%s\n\n", r.Head(), r.legend())
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, line := range r.lines() {
		fmt.Fprintln(t, strings.Join(line, "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, res := range r.results {
		fmt.Fprintf(out, "%s: %s\n", res.name, res.how)
	}
	if r.pipelined == nil {
		return nil
	}
	fmt.Fprintln(out)
	for _, line := range r.pipelined.lines() {
		fmt.Fprintln(t, strings.Join(line, "\t"))
	}
	return t.Flush()
}

func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n\n", r.Head(), r.legend())
	for i, line := range r.lines() {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(line, " | "))
		if i == 0 {
			fmt.Fprintf(&b, "|---|%s\n", strings.Repeat("---:|", len(columns)))
		}
	}
	b.WriteString("\n")
	for _, res := range r.results {
		fmt.Fprintf(&b, "- %s: %s\n", res.name, res.how)
	}
	if r.pipelined != nil {
		b.WriteString("\n" + r.pipelined.markdown())
	}
	return b.String()
}

func (r *report) legend() string {
	return fmt.Sprintf("Workload %s, %d devices × %d readings, %d rounds in turn, medians. In parentheses: how many times better esker is, in process or over CQL, than this store; below 1 it is worse.",
		r.config.shape, r.config.devices, r.config.ticks, r.config.rounds)
}

// lines are the cells of the table, headings first.
func (r *report) lines() [][]string {
	head := []string{""}
	for _, c := range columns {
		head = append(head, c.heading)
	}
	lines := [][]string{head}
	for i := range r.results {
		res := &r.results[i]
		line := []string{res.name}
		if res.missing != nil {
			line = append(line, "not run: "+res.missing.Error())
			for len(line) < len(head) {
				line = append(line, "")
			}
			lines = append(lines, line)
			continue
		}
		for _, c := range columns {
			line = append(line, r.cell(res, c.name))
		}
		lines = append(lines, line)
	}
	return lines
}

// cell is a value with its ratio to esker.
func (r *report) cell(res *result, name string) string {
	m := find(&res.section, name)
	if m == nil {
		return "–"
	}
	text := bench.Number(m.Value)
	for i := range r.results {
		esker := &r.results[i]
		if esker.name != res.against || esker.name == res.name || esker.missing != nil {
			continue
		}
		if e := find(&esker.section, name); e != nil && m.Value > 0 && e.Value > 0 {
			ratio := m.Value / e.Value
			if m.MoreIsBetter() {
				ratio = 1 / ratio
			}
			text += fmt.Sprintf(" (×%s)", bench.Number(ratio))
		}
	}
	return text
}

func find(s *bench.Section, name string) *bench.Measurement {
	for i := range s.Measurements {
		if s.Measurements[i].Name == name {
			return &s.Measurements[i]
		}
	}
	return nil
}

// eskerVersion is what the binary says of itself, on one line.
func eskerVersion(program string) string {
	out, err := exec.Command(program, "version").Output()
	if err != nil {
		return "(unknown)"
	}
	lines := strings.Split(string(out), "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(strings.TrimPrefix(lines[i], "esker "), "commit ")
	}
	return strings.Join(lines[:min(2, len(lines))], " ")
}
