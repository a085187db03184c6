package database

import (
	"fmt"

	"github.com/eskerdb/esker/database/auth"
)

// unauthorized is a refusal in Cassandra's words.
func unauthorized(format string, args ...any) error {
	return &auth.UnauthorizedError{Message: fmt.Sprintf(format, args...)}
}

// permit refuses a statement to a user who lacks what it needs. It is asked at each execution, of what roles there are then.
func (d *Database) permit(u *auth.User, list []need) error {
	if !d.auth {
		return nil
	}
	if u == nil {
		return unauthorized("You have not logged in")
	}
	roles := d.roles.Load()
	for i := range list {
		if err := permitOne(roles, u, &list[i]); err != nil {
			return err
		}
	}
	return nil
}

// permitBatch is permit for the statements of a batch.
func (d *Database) permitBatch(u *auth.User, entries []BatchEntry) error {
	if !d.auth {
		return nil
	}
	for i := range entries {
		if err := d.permit(u, entries[i].Statement.needs); err != nil {
			return err
		}
	}
	return d.permit(u, nil)
}

func permitOne(roles *auth.Snapshot, u *auth.User, n *need) error {
	if n.superuser {
		if !roles.Superuser(u.Name) {
			return unauthorized("User %s is not a superuser: nobody else may do this", u.Name)
		}
		return nil
	}
	if roles.PermitsOne(u, n.memo, n.permission, n.on) || n.or.Kind != 0 && roles.Permits(u, n.permission, n.or) {
		return nil
	}
	return lacks(u.Name, n.permission, n.on)
}

// lacks says which permission a user does not have.
func lacks(user string, p auth.Permissions, on auth.Resource) error {
	return unauthorized("User %s has no %s permission on %s or any of its parents", user, p, on)
}
