package database

import "time"

// checkViewFor is how long rows are compared in one View: it holds on to memory and files that would go.
const checkViewFor = 2 * time.Second

// checkView is what a check that may take long reads: a View, renewed from time to time and after each change of the schema.
type checkView struct {
	d      *Database
	view   View // nil: none is taken yet
	moment uint64
	from   time.Time
}

// renew takes a View unless the last one is young enough. define looks at the schema before it is taken.
func (c *checkView) renew(define func() error) (taken bool, err error) {
	now := c.d.clock.Now()
	if c.view != nil && !c.outdated() && now.Sub(c.from) < checkViewFor {
		return false, nil
	}
	c.close()
	c.moment = c.d.moment.Load() // before the schema and the View: if it passes meanwhile, they may not fit each other
	if err := define(); err != nil {
		return false, err
	}
	c.view, c.from = c.d.store.View(), now
	return true, nil
}

// outdated reports whether what was read may be of other definitions than those looked at: it is to be read again.
func (c *checkView) outdated() bool { return c.moment != c.d.moment.Load() }

func (c *checkView) close() {
	if c.view != nil {
		c.view.Close()
		c.view = nil
	}
}
