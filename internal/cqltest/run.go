package cqltest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/eskerdb/esker/cql"
)

// Run says how a script is run.
type Run struct {
	Target Target
	// Judge leaves out what is only for esker.
	Judge bool
	// Rand makes weather between the statements: flushes, compactions, restarts and crashes, and small pages. Default none.
	Rand *rand.Rand
	// PageSize of answers, in rows, where there is no Rand. Default everything at once.
	PageSize int
	// Answers gets the answer of each step as lines, nil for steps without one, if it is set.
	Answers *[][]string
	// Compared counts the statements run whose answers were compared, or had to be carried out.
	Compared int
}

// Difference is an answer that is not the one wanted.
type Difference struct {
	Script    string
	Line      int
	Statement string
	What      string
}

// Error shows the step and the difference.
func (d *Difference) Error() string {
	return fmt.Sprintf("%s.test:%d: %s\n%s", d.Script, d.Line, d.Statement, d.What)
}

// Script runs a script in the keyspace that has its name, which it makes anew, and returns what differed.
// Any other error ends the run; ErrSkip is none.
func (r *Run) Script(s *Script) ([]*Difference, error) {
	for _, text := range []string{
		"DROP KEYSPACE IF EXISTS " + s.Name,
		"CREATE KEYSPACE " + s.Name + " WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
		"USE " + s.Name,
	} {
		if _, err := r.Target.Query(text, 0); err != nil {
			return nil, fmt.Errorf("%s: %w", text, err)
		}
	}
	var out []*Difference
	for i := range s.Steps {
		step := &s.Steps[i]
		if r.Judge && step.OnlyEsker != "" {
			r.note(nil)
			continue
		}
		if r.Rand != nil {
			if err := r.weather(); err != nil {
				return out, fmt.Errorf("%s.test:%d: weather: %w", s.Name, step.Line, err)
			}
		}
		d, err := r.step(step)
		switch {
		case errors.Is(err, ErrSkip):
			return out, nil
		case err != nil:
			return out, fmt.Errorf("%s.test:%d: %w", s.Name, step.Line, err)
		case d != nil:
			d.Script = s.Name
			out = append(out, d)
		}
	}
	return out, nil
}

func (r *Run) note(lines []string) {
	if r.Answers != nil {
		*r.Answers = append(*r.Answers, lines)
	}
}

// step runs one step.
func (r *Run) step(step *Step) (*Difference, error) {
	body := strings.Join(step.Body, "\n")
	switch step.Verb {
	case VerbCQL:
		return r.statements(step, body)
	case VerbLogin:
		return r.login(step, body)
	case VerbPlan:
		if r.Judge {
			r.note(nil)
			return nil, nil
		}
		return r.plan(step, body)
	case VerbPrepare:
		text, lines, ok := prepared(step.Body)
		if !ok {
			return nil, errors.New("prepare needs a statement that ends with a semicolon, and lines of values")
		}
		r.Compared += len(lines)
		answer, err := r.Target.Execute(text, lines, 0)
		return r.compare(step, text, answer, err)
	}
	r.note(nil)
	return nil, r.Target.Weather(step)
}

// LoginTarget is a Target that asks who it talks to.
type LoginTarget interface {
	Target
	// Login goes on as a role, in the keyspace in use. What the client is told of is a *Refusal: it goes on as before then.
	Login(name, password string) error
}

func (r *Run) login(step *Step, body string) (*Difference, error) {
	target, ok := r.Target.(LoginTarget)
	if !ok {
		return nil, errors.New("nobody is asked to log in here")
	}
	name, password, _ := strings.Cut(body, " ")
	err := target.Login(name, password)
	return r.compare(step, "login "+name, &Answer{}, err)
}

// prepared cuts the body of prepare into statement and values.
func prepared(body []string) (text string, lines []string, ok bool) {
	for i, line := range body {
		if strings.HasSuffix(line, ";") {
			return strings.Join(body[:i+1], "\n"), body[i+1:], i+1 < len(body)
		}
	}
	return "", nil, false
}

// statements runs all of a text. The answer wanted is that of the last; the others must be carried out.
func (r *Run) statements(step *Step, text string) (*Difference, error) {
	fragments := cql.Split(text)
	for i, f := range fragments {
		r.Compared++
		answer, err := r.Target.Query(f.Text, r.pageSize(f.Text))
		if i == len(fragments)-1 {
			return r.compare(step, f.Text, answer, err)
		}
		if err != nil {
			r.note(nil)
			return &Difference{Line: step.Line, Statement: f.Text, What: "want it carried out\ngot\n\t" + err.Error()}, nil
		}
	}
	return nil, errors.New("no statement")
}

// plan runs EXPLAIN. How long steps took is no part of the answer, only that it was measured; nor is, in weather, what
// flushes and compactions have to do with.
func (r *Run) plan(step *Step, body string) (*Difference, error) {
	answer, err := r.Target.Query("EXPLAIN "+body, 0)
	if answer != nil {
		answer.hideTimes()
	}
	if r.Rand != nil {
		short := *step
		short.Want = firstColumns(step.Want, planColumns)
		step = &short
		if answer != nil && answer.HasRows {
			answer.cut(planColumns)
		}
	}
	return r.compare(step, "EXPLAIN "+body, answer, err)
}

// planColumns of a plan do not depend on where rows lie: step, operation and object.
const planColumns = 3

func (r *Run) compare(step *Step, text string, answer *Answer, err error) (*Difference, error) {
	var refused *Refusal
	if err != nil && !errors.As(err, &refused) {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	what := Match(step.Want, answer, err)
	r.note(r.lines(step, what, answer, err))
	if what == "" {
		return nil, nil
	}
	return &Difference{Line: step.Line, Statement: strings.Join(strings.Fields(text), " "), What: what}, nil
}

// lines are the answer for a rewritten script. What matches stays as it was written, so that an error
// may name a part of the message only.
func (r *Run) lines(step *Step, what string, answer *Answer, err error) []string {
	switch {
	case what == "":
		return step.Want
	case err != nil:
		return []string{err.Error()}
	}
	return answer.Lines()
}

// weather does one thing now and then that must not change any answer.
func (r *Run) weather() error {
	for _, w := range []struct {
		verb    Verb
		percent int
	}{{VerbFlush, 20}, {VerbCompact, 10}, {VerbRestart, 5}, {VerbCrash, 5}} {
		if r.Rand.IntN(100) < w.percent {
			if err := r.Target.Weather(&Step{Verb: w.verb}); err != nil {
				return err
			}
		}
	}
	return nil
}

// pageSize is small in bad weather. Sorted answers over several partitions cannot be paged.
func (r *Run) pageSize(text string) int {
	upper := strings.ToUpper(text)
	switch {
	case strings.Contains(upper, "ORDER BY") && strings.Contains(upper, " IN "):
		return 0
	case r.Rand != nil:
		return r.Rand.IntN(4)
	}
	return r.PageSize
}
