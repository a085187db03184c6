package cqltest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/eskerdb/esker/internal/cqltest/generate"
	"github.com/eskerdb/esker/internal/model"
)

// Versus runs the same statements on two servers, ours and the judge's, and says where their answers differ.
type Versus struct {
	// Ours opens an empty database; it is closed when a program is over.
	Ours func() (Target, func() error, error)
	// Judge is the server that is right.
	Judge Target
	// Meant says why a difference is meant to be; "" if it is not. nil is never.
	Meant func(*Disagreement) string
	// Keyspace on both, dropped and made anew for each program.
	Keyspace string

	// Statements compared so far, those of them that both refused, and how often each reason of Meant was met.
	Statements, Refused int
	Reasons             map[string]int

	schema judgeSchema
	apart  bool            // a difference that is meant has left them with different rows
	seen   map[string]bool // signatures that were simplified
}

// judgeSchema is what lies in the judge's keyspace. Changes of schema are slow there: what the next program can use of it stays.
type judgeSchema struct {
	steps   []generate.Step // with which programs begin; nil: unknown
	answers []*Refusal      // of each; nil: carried out
	written bool            // there may be rows
}

// schemaSteps counts the steps that make the schema at the beginning of a program.
func schemaSteps(program []generate.Step) int {
	n := slices.IndexFunc(program, func(s generate.Step) bool { return !strings.HasPrefix(s.Text, "CREATE ") })
	if n < 0 {
		return len(program)
	}
	return n
}

// Disagreement is a statement that two servers answer differently.
type Disagreement struct {
	At     int // which step of the program
	Step   generate.Step
	Kind   string  // what differs: ours refuses, judge refuses, code, columns, rows, pages, warnings
	Ours   *Answer // nil if refused
	Judges *Answer
	OurErr *Refusal // nil if not refused
	Error  *Refusal
}

// String shows both answers.
func (d *Disagreement) String() string {
	return fmt.Sprintf("%s: %s\njudge\n\t%s\nours\n\t%s", d.Kind, d.Step.Text, strings.Join(answered(d.Judges, d.Error), "\n\t"), strings.Join(answered(d.Ours, d.OurErr), "\n\t"))
}

// answered is an answer with its types, pages and warnings.
func answered(a *Answer, refused *Refusal) []string {
	if refused != nil {
		return []string{refused.Error()}
	}
	out := a.Lines()
	for _, c := range a.Columns {
		out = append(out, c.Name+" "+c.Type.String())
	}
	return append(out, fmt.Sprintf("pages %v, warnings %q", a.Pages, a.Warnings))
}

// Run carries out a program and returns the disagreements that are not meant to be. It ends at the first that leaves other rows
// behind than the judge has.
func (v *Versus) Run(program []generate.Step) (found []*Disagreement, err error) {
	ours, closeOurs, err := v.Ours()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeOurs()) }()
	if err := v.begin(ours); err != nil {
		return nil, err
	}
	v.apart = false
	kept := v.schema.steps != nil && slices.Equal(v.schema.steps, program[:schemaSteps(program)])
	if err := v.beginJudge(kept); err != nil {
		return nil, err
	}
	for i, step := range program {
		if step.Weather != "" {
			if err := ours.Weather(&Step{Verb: Verb(step.Weather)}); err != nil {
				return nil, fmt.Errorf("step %d: %s: %w", i, step.Weather, err)
			}
			continue
		}
		var d *Disagreement
		if kept && i < len(v.schema.steps) {
			d, err = v.askAgain(ours, i)
		} else {
			d, err = v.ask(ours, step, i < schemaSteps(program))
		}
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
		if v.apart {
			break
		}
		if d == nil {
			continue
		}
		d.At = i
		if strings.HasPrefix(step.Text, "SELECT") {
			d = v.simplify(ours, d)
		}
		found = append(found, d)
		if !d.harmless() {
			break
		}
	}
	return found, nil
}

// simplify leaves out of a SELECT what does not matter. It is asked at once, while both servers hold what it was asked of: afterwards much
// would have to be done again for each try.
func (v *Versus) simplify(ours Target, d *Disagreement) *Disagreement {
	if v.seen == nil {
		v.seen = map[string]bool{}
	}
	if v.seen[d.Signature()] {
		return d
	}
	v.seen[d.Signature()] = true
	model.Shrink(generate.Pieces(d.Step.Text), func(pieces []string) bool {
		step := d.Step
		step.Text = strings.Join(pieces, " ")
		if !strings.HasPrefix(step.Text, "SELECT ") {
			return false
		}
		simpler, err := v.ask(ours, step, false)
		if err != nil || simpler == nil || !simpler.like(d) {
			return false
		}
		simpler.At = d.At
		d = simpler
		return true
	})
	return d
}

// harmless says whether both servers hold the same afterwards.
func (d *Disagreement) harmless() bool {
	return strings.HasPrefix(strings.ToUpper(d.Step.Text), "SELECT") || d.OurErr != nil && d.Error != nil || d.Kind == "warnings"
}

func (v *Versus) begin(on Target) error {
	for _, text := range []string{
		"DROP KEYSPACE IF EXISTS " + v.Keyspace,
		"CREATE KEYSPACE " + v.Keyspace + " WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
		"USE " + v.Keyspace,
	} {
		if _, err := on.Query(text, 0); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	return nil
}

// tableName finds the name in a CREATE TABLE.
var tableName = regexp.MustCompile(`^CREATE TABLE (\w+)`)

// beginJudge empties the judge's keyspace, or only its tables.
func (v *Versus) beginJudge(kept bool) error {
	if !kept {
		v.schema = judgeSchema{}
		return v.begin(v.Judge)
	}
	if !v.schema.written {
		return nil
	}
	for i, s := range v.schema.steps {
		if m := tableName.FindStringSubmatch(s.Text); m != nil && v.schema.answers[i] == nil {
			if _, err := v.Judge.Query("TRUNCATE "+m[1], 0); err != nil {
				return err
			}
		}
	}
	v.schema.written = false
	return nil
}

// askAgain runs a statement on ours that the judge has answered.
func (v *Versus) askAgain(ours Target, at int) (*Disagreement, error) {
	d := &Disagreement{Step: v.schema.steps[at], Error: v.schema.answers[at]}
	if d.Error == nil {
		d.Judges = &Answer{}
	}
	var err error
	if d.Ours, d.OurErr, err = query(ours, d.Step); err != nil {
		return nil, err
	}
	return v.judge(d), nil
}

// ask runs one statement on both.
func (v *Versus) ask(ours Target, step generate.Step, schema bool) (*Disagreement, error) {
	d := &Disagreement{Step: step}
	var err error
	if d.Ours, d.OurErr, err = query(ours, step); err != nil {
		return nil, fmt.Errorf("ours: %s: %w", step.Text, err)
	}
	if d.Judges, d.Error, err = query(v.Judge, step); err != nil {
		return nil, fmt.Errorf("judge: %s: %w", step.Text, err)
	}
	v.note(d, schema)
	return v.judge(d), nil
}

// note remembers what the judge has carried out.
func (v *Versus) note(d *Disagreement, schema bool) {
	switch text := strings.ToUpper(d.Step.Text); {
	case schema:
		v.schema.steps, v.schema.answers = append(v.schema.steps, d.Step), append(v.schema.answers, d.Error)
	case d.Error != nil || strings.HasPrefix(text, "SELECT"):
	case strings.HasPrefix(text, "INSERT"), strings.HasPrefix(text, "UPDATE"), strings.HasPrefix(text, "DELETE"), strings.HasPrefix(text, "BEGIN"):
		v.schema.written = true
	default:
		v.schema = judgeSchema{}
	}
}

// judge counts a pair of answers, and returns it if they differ and are not meant to.
func (v *Versus) judge(d *Disagreement) *Disagreement {
	v.Statements++
	if d.Error != nil && d.OurErr != nil {
		v.Refused++
	}
	if d.Kind = d.compare(); d.Kind == "" {
		return nil
	}
	if v.Meant != nil {
		if reason := v.Meant(d); reason != "" {
			if v.Reasons == nil {
				v.Reasons = map[string]int{}
			}
			v.Reasons[reason]++
			v.apart = v.apart || !d.harmless()
			return nil
		}
	}
	return d
}

func query(t Target, step generate.Step) (*Answer, *Refusal, error) {
	answer, err := t.Query(step.Text, step.PageSize)
	var refused *Refusal
	if errors.As(err, &refused) {
		return nil, refused, nil
	}
	return answer, nil, err
}

// compare says what differs; "" if nothing does. Of the remaining time to live it counts only whether there is one.
func (d *Disagreement) compare() string {
	switch {
	case d.OurErr != nil && d.Error == nil:
		return "ours refuses"
	case d.OurErr == nil && d.Error != nil:
		return "judge refuses"
	case d.Error != nil && d.Error.Code != d.OurErr.Code:
		return "code"
	case d.Error != nil:
		return ""
	case d.Ours.HasRows != d.Judges.HasRows:
		return "rows"
	}
	// Cassandra calls to_json of a type as it was first called for that type since it was started.
	named := func(c Column) string {
		return strings.ReplaceAll(c.Name, "tojson(", "to_json(") + " " + c.Type.String()
	}
	if d.Ours.HasRows && !slices.EqualFunc(d.Ours.Columns, d.Judges.Columns, func(a, b Column) bool { return named(a) == named(b) }) {
		return "columns"
	}
	switch {
	case !slices.EqualFunc(d.Ours.Rows, d.Judges.Rows, d.sameRow):
		return "rows"
	case !slices.Equal(d.Ours.Pages, d.Judges.Pages):
		return "pages"
	case (len(d.Ours.Warnings) == 0) != (len(d.Judges.Warnings) == 0):
		return "warnings"
	}
	return ""
}

func (d *Disagreement) sameRow(a, b [][]byte) bool {
	for i := range a {
		if (a[i] == nil) != (b[i] == nil) {
			return false
		}
		if strings.HasPrefix(strings.TrimPrefix(d.Ours.Columns[i].Name, "system."), "ttl(") {
			continue
		}
		if string(a[i]) != string(b[i]) {
			return false
		}
	}
	return len(a) == len(b)
}

// shrinkRunsMax bounds how often a program is run to make it shorter.
const shrinkRunsMax = 200

// schemaTriesMax bounds the tries to make a table simpler: each takes the judge about a second.
const schemaTriesMax = 4

// Shrink makes a program as short as it can be so that it still ends in a disagreement of the same kind: first by leaving out
// steps, then by leaving out tokens of what is left.
func (v *Versus) Shrink(program []generate.Step, found *Disagreement) ([]generate.Step, *Disagreement) {
	runs := 0
	fails := func(p []generate.Step) bool {
		if runs++; runs > shrinkRunsMax {
			return false
		}
		all, err := v.Run(p)
		if err != nil || len(all) == 0 {
			return false
		}
		// It must be the last step: an earlier one of the same kind would do as well, but the step would be shrunk for nothing.
		d := all[len(all)-1]
		if d.At != len(p)-1 || !found.like(d) {
			return false
		}
		found = d
		return true
	}
	program = slices.Clone(program[:found.At+1])
	program[found.At] = found.Step
	// Most disagreements need no rows, and many no column that was added.
	for _, words := range []string{"CREATE ", "CREATE |ALTER "} {
		begins := regexp.MustCompile("^(" + words + ")")
		bare := slices.DeleteFunc(slices.Clone(program[:found.At]), func(s generate.Step) bool { return !begins.MatchString(s.Text) })
		if bare = append(bare, found.Step); fails(bare) {
			program = bare
			break
		}
	}
	schema := min(schemaSteps(program), len(program)-1)
	program = append(slices.Clone(program[:schema]), model.Shrink(program[schema:], func(rest []generate.Step) bool {
		return len(rest) > 0 && fails(slices.Concat(program[:schema], rest))
	})...)
	for i := len(program) - 1; i >= 0; i-- { // those that make the schema last, because they are slow
		if program[i].Text == "" {
			continue
		}
		with := func(tokens []string) []generate.Step {
			shorter := slices.Clone(program)
			shorter[i].Text = strings.Join(tokens, " ")
			return shorter
		}
		tries := 0
		program = with(model.Shrink(generate.Pieces(program[i].Text), func(tokens []string) bool {
			tries++
			shorter := with(tokens)
			return (i >= schema || tries <= schemaTriesMax) && shorter[i].Text != "" && fails(shorter)
		}))
	}
	program = model.Shrink(program, fails)
	return program, found
}

// like says whether another disagreement is likely to have the same cause.
func (d *Disagreement) like(o *Disagreement) bool { return d.Signature() == o.Signature() }

var namesInMessages = regexp.MustCompile(`\b[pcsvart]\d+\b|'(?:[^']|'')*'|\d+`)

// Signature is the same for disagreements that are likely to have the same cause: what differs, and the first words of refusals
// without the names and numbers in them.
func (d *Disagreement) Signature() string {
	out := d.Kind
	for _, r := range []*Refusal{d.Error, d.OurErr} {
		if r == nil {
			continue
		}
		words := strings.Fields(namesInMessages.ReplaceAllString(r.Message, "_"))
		out += fmt.Sprintf(" | %04x %s", r.Code, strings.Join(words[:min(6, len(words))], " "))
	}
	return out
}

// ProgramScript is a program as a script with the judge's answer to its last statement, to keep as a test what a run found.
func ProgramScript(program []generate.Step, d *Disagreement) string {
	var out strings.Builder
	for i, s := range program {
		switch {
		case s.Weather != "":
			fmt.Fprintf(&out, "%s\n\n", s.Weather)
			continue
		case s.PageSize > 0:
			fmt.Fprintf(&out, "# in pages of %d\n", s.PageSize)
		}
		fmt.Fprintf(&out, "cql\n%s;\n", s.Text)
		if i == d.At {
			fmt.Fprintf(&out, "----\n%s\n", strings.Join(scriptLines(d), "\n"))
		}
		out.WriteString("\n")
	}
	return out.String()
}

func scriptLines(d *Disagreement) []string {
	if d.Error != nil {
		return []string{d.Error.Error()}
	}
	return d.Judges.Lines()
}
