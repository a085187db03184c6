package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Measurement is one line of a report.
type Measurement struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Goal   float64 `json:"goal,omitempty"` // what the project wants at the standard size; 0: none
	Detail string  `json:"detail,omitempty"`
}

// MoreIsBetter says whether a larger value is a better one.
func (m *Measurement) MoreIsBetter() bool { return strings.HasSuffix(m.Unit, "/s") }

// Section is the measurements of one load.
type Section struct {
	Name         string        `json:"name"` // of the way it was loaded, with the shape
	Shape        Shape         `json:"shape"`
	Devices      int           `json:"devices"`
	Readings     int           `json:"readings"` // of each device
	Measurements []Measurement `json:"measurements"`
	Chart        string        `json:"chart,omitempty"` // lines of text, shown below
}

func (s *Section) Note(name string, value float64, unit, detail string) {
	s.Measurements = append(s.Measurements, Measurement{Name: name, Value: value, Unit: unit, Goal: goal(name, s.Shape), Detail: detail})
}

// Machine is where and with what it was measured.
type Machine struct {
	CPU     string `json:"cpu"`
	Cores   int    `json:"cores"`
	Memory  int64  `json:"memory"` // bytes; 0: not known
	OS      string `json:"os"`
	Go      string `json:"go"`
	Version string `json:"version"` // of esker, with its commit
}

// Report is what one run measured.
type Report struct {
	Machine  Machine   `json:"machine"`
	Seed     uint64    `json:"seed"`
	Started  string    `json:"started"` // RFC 3339
	Sections []Section `json:"sections"`
}

// ThisMachine describes the machine; version is that of esker.
func ThisMachine(version string) Machine {
	return Machine{
		CPU: field("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(), Memory: kilobytes("/proc/meminfo", "MemTotal"),
		OS: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), Version: version,
	}
}

// field is the value of the first line of a file of /proc that begins with name; empty if there is none.
func field(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// kilobytes is a field like "123 kB", in bytes; 0: not known.
func kilobytes(file, name string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(field(file, name), " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

// Formats are the names of the forms that Write knows.
var Formats = []string{"table", "json", "markdown"}

// Write prints the report as a table for terminals, as JSON for Compare, or as markdown for documents.
func (r *Report) Write(out io.Writer, format string) error {
	switch format {
	case "json":
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", " ")
		return encoder.Encode(r)
	case "table":
		return r.writeTable(out)
	case "markdown":
		return r.writeMarkdown(out)
	}
	return fmt.Errorf("bench: a report is not written as %q, but as one of %v", format, Formats)
}

// Read reads a report that was written as JSON.
func Read(in io.Reader) (*Report, error) {
	r := new(Report)
	if err := json.NewDecoder(in).Decode(r); err != nil {
		return nil, fmt.Errorf("bench: a report: %w", err)
	}
	return r, nil
}

// Head is one line that says where, with what and when.
func (r *Report) Head() string {
	m := &r.Machine
	return fmt.Sprintf("%s, %d cores, %.1f GiB, %s, %s, esker %s, seed %d, %s",
		m.CPU, m.Cores, float64(m.Memory)/(1<<30), m.OS, m.Go, m.Version, r.Seed, r.Started)
}

// title names a section with its size.
func (s *Section) title() string {
	if s.Devices == 0 {
		return s.Name
	}
	return fmt.Sprintf("%s: %d devices × %d readings", s.Name, s.Devices, s.Readings)
}

func (r *Report) writeTable(out io.Writer) error {
	fmt.Fprintln(out, r.Head())
	for i := range r.Sections {
		s := &r.Sections[i]
		fmt.Fprintf(out, "\n%s\n", s.title())
		t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for j := range s.Measurements {
			m := &s.Measurements[j]
			fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", m.Name, Number(m.Value), m.Unit, m.wanted(), m.Detail)
		}
		if err := t.Flush(); err != nil {
			return err
		}
		if s.Chart != "" {
			fmt.Fprintf(out, "\n%s", s.Chart)
		}
	}
	return nil
}

func (r *Report) writeMarkdown(out io.Writer) error {
	fmt.Fprintln(out, r.Head())
	for i := range r.Sections {
		s := &r.Sections[i]
		fmt.Fprintf(out, "\n### %s\n\n| what | value | unit | goal | |\n|---|---:|---|---|---|\n", s.title())
		for j := range s.Measurements {
			m := &s.Measurements[j]
			fmt.Fprintf(out, "| %s | %s | %s | %s | %s |\n", m.Name, Number(m.Value), m.Unit, m.wanted(), m.Detail)
		}
		if s.Chart != "" {
			fmt.Fprintf(out, "\n```\n%s```\n", s.Chart)
		}
	}
	return nil
}

// wanted is the goal of the measurement, if it has one.
func (m *Measurement) wanted() string {
	switch {
	case m.Goal == 0:
		return ""
	case m.MoreIsBetter():
		return "≥ " + Number(m.Goal)
	}
	return "≤ " + Number(m.Goal)
}

// Number writes a value with three digits or more, thousands apart.
func Number(v float64) string {
	switch {
	case v >= 1000 || v <= -1000:
		return thousands(strconv.FormatFloat(v, 'f', 0, 64))
	case v >= 100 || v <= -100 || v == 0:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 0.1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

func thousands(digits string) string {
	start := len(digits) % 3
	if start == 0 {
		start = 3
	}
	b := digits[:start]
	for i := start; i < len(digits); i += 3 {
		b += "," + digits[i:i+3]
	}
	return b
}
