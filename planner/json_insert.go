package planner

import (
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// jsonInsert is INSERT … JSON, checked: an INSERT of all columns, whose values are read from a JSON object when it is bound.
type jsonInsert struct {
	text    boundTerm
	columns []*schema.Column
	names   []string    // of columns
	unset   bool        // DEFAULT UNSET
	bucket  *bucketTerm // of an adopted bucket column, which the object may leave out; nil: there is none
}

// jsonColumn is the value of a column in the JSON object that is inserted.
type jsonColumn int

func (t jsonColumn) bind(_ []Value, ctx Context) ([]byte, bool, error) {
	v := ctx.json[t]
	return v.Bytes, v.Unset, nil
}

func (c *compiler) prepareInsertJSON(stmt *cql.Insert) (*Prepared, error) {
	w, err := c.newWriter(stmt.Into, stmt.Using)
	if err != nil {
		return nil, err
	}
	if w.table.Counter {
		return nil, errCounterInsert
	}
	j := &jsonInsert{columns: w.table.Columns(), unset: stmt.Unset}
	ins := newInsert(w)
	for i, col := range j.columns {
		j.names = append(j.names, col.Name)
		if err := ins.set(col, jsonColumn(i)); err != nil {
			return nil, err
		}
	}
	if b := bucketColumnOf(w.table); b != nil {
		j.bucket = &bucketTerm{w.table, b, ins.clustering[0]}
	}
	if j.text, err = c.term(stmt.JSON, c.spec(w.table, "[json]", types.Text)); err != nil {
		return nil, err
	}
	if text, ok := j.text.(constant); ok { // what is wrong with it is told when the statement is prepared
		if _, err := j.row(text); err != nil {
			return nil, err
		}
	}
	if !stmt.IfNotExists {
		return j.given(ins.preparedInto(c, ins.bindInto)), nil
	}
	p, err := c.insertIfAbsent(ins)
	if err != nil {
		return nil, err
	}
	return j.given(p), nil
}

// given makes a statement read the object before it binds.
func (j *jsonInsert) given(p *Prepared) *Prepared {
	bind, into := p.bind, p.into
	p.bind = func(values []Value, ctx Context) (Plan, error) {
		if err := j.read(values, &ctx); err != nil {
			return nil, err
		}
		return bind(values, ctx)
	}
	if into != nil {
		p.into = func(b *WriteBuffer, values []Value, ctx *Context) error {
			own := *ctx
			if err := j.read(values, &own); err != nil {
				return err
			}
			return into(b, values, &own)
		}
	}
	return p
}

// read puts the values of the columns into the context.
func (j *jsonInsert) read(values []Value, ctx *Context) error {
	text, unset, err := bindTerm(j.text, values, ctx)
	switch {
	case err != nil:
		return err
	case unset:
		return invalidf("Could not decode JSON string as a map: the value is unset")
	}
	if ctx.json, err = j.row(text); err != nil || j.bucket == nil {
		return err
	}
	place := &ctx.json[j.bucket.column.Position]
	if t := ctx.json[len(j.bucket.table.PartitionKey)]; place.Bytes != nil || t.Bytes == nil {
		return nil
	}
	place.Unset = false
	place.Bytes, _, err = j.bucket.bind(values, *ctx)
	return err
}

// row reads the values of the columns from a JSON object.
func (j *jsonInsert) row(text []byte) ([]Value, error) {
	if text == nil {
		return nil, invalidf("Got null for INSERT JSON values")
	}
	object, err := types.ReadJSON(string(text))
	switch {
	case err == nil && object.IsNull():
		return nil, invalidf("Got null for INSERT JSON values")
	case err == nil && !object.IsObject():
		err = invalidf("it is no object with the names and values of columns")
	}
	if err != nil {
		return nil, invalidf("Could not decode JSON string as a map: %v. (String was: %s)", err, types.Shown(string(text)))
	}
	fields, unknown := types.JSONFields(object, j.names)
	out := make([]Value, len(j.columns))
	for i, f := range fields {
		if f == nil {
			out[i].Unset = j.unset
			continue
		}
		if out[i].Bytes, err = j.columns[i].Type.FromJSON(*f); err != nil {
			return nil, invalidf("Error decoding JSON value for %s: %v", j.columns[i].Name, err)
		}
	}
	if unknown != "" {
		return nil, invalidf("JSON values map contains unrecognized column: %s", types.Shown(unknown))
	}
	return out, nil
}
