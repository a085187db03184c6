// Package cqltest runs the scripts of testdata/cql: in process, over TCP, and on a real Apache Cassandra.
//
// It knows the language of scripts, what their answers look like as text, and how to make weather
// around them: flushes, compactions, restarts, crashes and the passing of time. It is for tests only.
// docs/testing.md describes the language.
package cqltest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Verb is what a step does.
type Verb string

// The verbs of scripts.
const (
	VerbCQL     Verb = "cql"     // runs statements
	VerbPrepare Verb = "prepare" // prepares a statement and executes it with each line of values
	VerbPlan    Verb = "plan"    // shows the plan of a statement
	VerbFlush   Verb = "flush"   // writes what is in memory to files
	VerbCompact Verb = "compact" // merges the files of each table
	VerbRestart Verb = "restart" // closes and opens
	VerbCrash   Verb = "crash"   // the power fails, then opens
	VerbAdvance Verb = "advance" // time passes: advance 2h
	VerbSettle  Verb = "settle"  // waits for rollups
	VerbLogin   Verb = "login"   // goes on as another role: login name password
)

// bodies tells which verbs there are, and which of them have a text.
var bodies = map[Verb]bool{
	VerbCQL: true, VerbPrepare: true, VerbPlan: true,
	VerbFlush: false, VerbCompact: false, VerbRestart: false, VerbCrash: false, VerbAdvance: false, VerbSettle: false,
	VerbLogin: true,
}

const (
	separator   = "----"
	onlyEsker   = "only esker:"
	cqlExt      = ".test"
	okText      = "ok"
	errorText   = "error "
	warningText = "warning "
)

// Script is a file of steps. It runs in a keyspace that has its name.
type Script struct {
	Name      string
	Path      string // of its file; empty if it was not loaded from one
	OnlyEsker string // why it says nothing about Cassandra; else empty
	Steps     []Step

	lines []string
}

// Step is one paragraph of a script.
type Step struct {
	Line      int // of the verb, from 1
	Verb      Verb
	Advance   time.Duration // of VerbAdvance
	OnlyEsker string        // why it says nothing about Cassandra; else empty
	Body      []string      // lines of statements
	Want      []string      // lines of the answer; only "ok" if the script says nothing

	bodyEnd, wantEnd int // indexes of lines: what stands after the body, after the answer
}

// Load reads the scripts of a directory by name.
func Load(dir string) ([]*Script, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*"+cqlExt))
	if err != nil {
		return nil, err
	}
	var out []*Script
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		s, err := Parse(strings.TrimSuffix(filepath.Base(name), cqlExt), string(text))
		if err != nil {
			return nil, err
		}
		s.Path = name
		out = append(out, s)
	}
	return out, nil
}

// Parse reads the text of a script.
func Parse(name, text string) (*Script, error) {
	s := &Script{Name: name, lines: strings.Split(strings.TrimRight(text, "\n"), "\n")}
	reason := ""
	for at := 0; at < len(s.lines); {
		line := s.lines[at]
		switch {
		case line == "":
			if reason != "" && len(s.Steps) == 0 {
				s.OnlyEsker = reason
			}
			reason = ""
			at++
		case strings.HasPrefix(line, "#"):
			at++
		case strings.HasPrefix(line, onlyEsker):
			reason = strings.TrimSpace(strings.TrimPrefix(line, onlyEsker))
			if reason == "" {
				return nil, fmt.Errorf("%s:%d: a reason is missing after %q", name, at+1, onlyEsker)
			}
			at++
		default:
			step, err := parseStep(s.lines, at)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", name, at+1, err)
			}
			step.OnlyEsker, reason = reason, ""
			s.Steps = append(s.Steps, step)
			at = step.wantEnd
		}
	}
	return s, nil
}

// parseStep reads the paragraph that begins at a line.
func parseStep(lines []string, at int) (Step, error) {
	word, argument, _ := strings.Cut(lines[at], " ")
	step := Step{Line: at + 1, Verb: Verb(word), Want: []string{okText}}
	hasBody, known := bodies[step.Verb]
	if !known {
		return step, fmt.Errorf("no verb %q", word)
	}
	end := at
	for end < len(lines) && lines[end] != "" {
		end++
	}
	step.bodyEnd, step.wantEnd = end, end
	if step.Verb == VerbLogin {
		step.Body = []string{argument}
	} else if step.Verb == VerbAdvance {
		var err error
		if step.Advance, err = parseDuration(argument); err != nil {
			return step, err
		}
	} else if argument != "" {
		return step, fmt.Errorf("%s takes no argument", word)
	}
	if !hasBody {
		step.bodyEnd, step.wantEnd = at+1, at+1
		return step, nil
	}
	if i := slices.Index(lines[at:end], separator); i >= 0 {
		step.bodyEnd = at + i
		step.Want = lines[at+i+1 : end]
	}
	if step.Verb == VerbLogin {
		return step, nil
	}
	step.Body = lines[at+1 : step.bodyEnd]
	if len(step.Body) == 0 {
		return step, fmt.Errorf("%s without a statement", word)
	}
	return step, nil
}

// parseDuration is time.ParseDuration with days.
func parseDuration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		hours, err := time.ParseDuration(days + "h")
		return 24 * hours, err
	}
	return time.ParseDuration(text)
}

// Rewrite is the text of the script with other answers: a list of lines for each step, or nil where
// the answer stays.
func (s *Script) Rewrite(answers [][]string) string {
	var out []string
	at := 0
	for i, step := range s.Steps {
		if answers[i] == nil {
			continue
		}
		out = append(out, s.lines[at:step.bodyEnd]...)
		if !slices.Equal(answers[i], []string{okText}) {
			out = append(append(out, separator), answers[i]...)
		}
		at = step.wantEnd
	}
	return strings.Join(append(out, s.lines[at:]...), "\n") + "\n"
}
