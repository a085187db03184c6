// Package auth knows who may do what: roles, their passwords and what they were granted, and whether a statement is
// permitted. It does not know sockets, nor where roles are stored: its owner gives it rows.
package auth

// User is who a connection acts for: the role it logged in as. It is shared and immutable; what the role may do is
// looked up at each statement, so that GRANT and REVOKE hold at once.
type User struct {
	Name string // of the role

	memo Memo
}

// CredentialsError refuses a login. Its text never tells whether the role exists.
type CredentialsError struct{ Message string }

// Error is what the client is told.
func (e *CredentialsError) Error() string { return e.Message }

// UnauthorizedError refuses a statement to a user that is logged in.
type UnauthorizedError struct{ Message string }

// Error is what the client is told.
func (e *UnauthorizedError) Error() string { return e.Message }
