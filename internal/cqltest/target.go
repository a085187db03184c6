package cqltest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/server/wire"
)

// Target is where a script runs.
type Target interface {
	// Query runs a statement and reads all its pages; pageSize 0 asks for everything at once. What the
	// client is told of is a *Refusal.
	Query(text string, pageSize int) (*Answer, error)
	// Execute prepares a statement and executes it with each line of values; the last answer counts.
	Execute(text string, lines []string, pageSize int) (*Answer, error)
	// Weather does what is no statement: flush, compact, restart, crash, advance, settle.
	Weather(step *Step) error
}

// ErrSkip is what Weather returns where what follows in the script can have no meaning.
var ErrSkip = errors.New("the rest says nothing here")

// Conn is a Target over the protocol.
type Conn struct {
	ctx  context.Context
	addr string
	conn *client.Conn
}

// Dial connects to a server; ctx bounds all that is done over the connection.
func Dial(ctx context.Context, addr, keyspace string) (*Conn, error) {
	return DialAs(ctx, addr, keyspace, "", "")
}

// DialAs is Dial with a login, unless the name is empty.
func DialAs(ctx context.Context, addr, keyspace, name, password string) (*Conn, error) {
	c, err := client.Dial(ctx, client.Options{Addr: addr, Keyspace: keyspace, Username: name, Password: password})
	if err != nil {
		return nil, err
	}
	return &Conn{ctx: ctx, addr: addr, conn: c}, nil
}

// Login implements LoginTarget.
func (c *Conn) Login(name, password string) error {
	next, err := DialAs(c.ctx, c.addr, c.conn.Keyspace(), name, password)
	if err != nil {
		return refusal(err)
	}
	err = c.conn.Close()
	c.conn = next.conn
	return err
}

// Close ends the connection.
func (c *Conn) Close() error { return c.conn.Close() }

func requestOptions(pageSize int) client.RequestOptions {
	if pageSize == 0 {
		pageSize = -1
	}
	return client.RequestOptions{PageSize: int32(pageSize)}
}

// Query implements Target.
func (c *Conn) Query(text string, pageSize int) (*Answer, error) {
	return c.answer(c.conn.QueryWith(c.ctx, text, nil, requestOptions(pageSize)))
}

// Execute implements Target.
func (c *Conn) Execute(text string, lines []string, pageSize int) (*Answer, error) {
	st, err := c.conn.Prepare(c.ctx, text)
	if err != nil {
		return nil, refusal(err)
	}
	markers := make([]*types.Type, len(st.Binds))
	for i, b := range st.Binds {
		if markers[i], err = client.TypeOf(b.Type); err != nil {
			return nil, err
		}
	}
	var last *Answer
	for _, line := range lines {
		values, err := parseValues(line, markers)
		if err != nil {
			return nil, err
		}
		bound := make([]wire.Value, len(values))
		for i, v := range values {
			switch {
			case v.Unset:
				bound[i] = wire.Unset
			case v.Bytes == nil:
				bound[i] = wire.Null
			default:
				bound[i] = wire.Value{Bytes: v.Bytes}
			}
		}
		if last, err = c.answer(c.conn.Execute(c.ctx, st, bound, requestOptions(pageSize))); err != nil {
			return nil, err
		}
	}
	return last, nil
}

func (c *Conn) answer(r *client.Result, err error) (*Answer, error) {
	if err != nil {
		return nil, refusal(err)
	}
	out := &Answer{HasRows: r.HasRows()}
	for _, col := range r.Columns {
		t, err := client.TypeOf(col.Type)
		if err != nil {
			return nil, err
		}
		out.Columns = append(out.Columns, Column{Name: col.Name, Type: t})
	}
	for more := out.HasRows; more; {
		if err := out.page(r); err != nil {
			return nil, err
		}
		if more, err = r.NextPage(c.ctx); err != nil {
			return nil, refusal(err)
		}
	}
	out.Warnings = r.Warnings
	return out, nil
}

// page takes the rows of the page that is there.
func (a *Answer) page(r *client.Result) error {
	before := len(a.Rows)
	for {
		row, err := r.NextInPage()
		if err != nil {
			return refusal(err)
		}
		if row == nil {
			a.Pages = append(a.Pages, len(a.Rows)-before)
			return nil
		}
		a.Rows = append(a.Rows, append([][]byte(nil), row...))
	}
}

// refusal makes a server's answer comparable.
func refusal(err error) error {
	var e *client.Error
	if errors.As(err, &e) {
		return &Refusal{Code: int(e.Code), Message: e.Message}
	}
	return fmt.Errorf("connection: %w", err)
}

// waitMax is how much of an advance is waited for where nobody can turn the clock.
const waitMax = 3 * time.Second

// Weather implements Target for a server that cannot be told: to one that keeps its promises only time
// makes a difference.
func (c *Conn) Weather(step *Step) error {
	if step.Verb != VerbAdvance {
		return nil
	}
	if step.Advance > waitMax {
		return ErrSkip
	}
	passed := time.NewTimer(step.Advance)
	defer passed.Stop()
	select {
	case <-passed.C:
		return nil
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}
