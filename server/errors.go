package server

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/database/auth"
	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/server/wire"
)

// unpreparedError is an EXECUTE of a statement that the server does not have; drivers prepare it again.
type unpreparedError struct{ id []byte }

// Error is what Cassandra says.
func (e *unpreparedError) Error() string {
	return fmt.Sprintf("Prepared query with ID %s not found (either the query was not prepared on this host (maybe the host"+
		" has been restarted?) or you have prepared too many queries and it has been evicted from the internal cache)", hex.EncodeToString(e.id))
}

// tombstoneFailure is what drivers are told of a ReadFailureError: this node failed, because of too many tombstones.
var tombstoneFailure = wire.ReadFailure{
	Consistency: wire.One, BlockFor: 1, Failures: 1,
	Reasons: []wire.FailureReason{{Node: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Code: wire.ReasonTombstones}},
}

// errorMessage is the ERROR that tells a client of err.
func errorMessage(err error) *wire.Error {
	var (
		protocol   *wire.ProtocolError
		syntax     *cql.SyntaxError
		invalid    *planner.InvalidError
		config     *planner.ConfigError
		exists     *planner.ExistsError
		function   *planner.FunctionError
		unprepared *unpreparedError
		full       *memory.FullError
		limited    *database.RateError
		failed     *database.ReadFailureError
		stranger   *auth.CredentialsError
		denied     *auth.UnauthorizedError
	)
	out := &wire.Error{Message: err.Error()}
	switch {
	case errors.As(err, &protocol):
		out.Code = protocol.Code
	case errors.As(err, &stranger):
		out.Code = wire.CodeBadCredentials
	case errors.As(err, &denied):
		out.Code = wire.CodeUnauthorized
	case errors.As(err, &syntax):
		out.Code = wire.CodeSyntax
	case errors.As(err, &invalid):
		out.Code = wire.CodeInvalid
	case errors.As(err, &config):
		out.Code = wire.CodeConfig
	case errors.As(err, &exists):
		out.Code, out.Detail = wire.CodeAlreadyExists, wire.AlreadyExists{Keyspace: exists.Keyspace, Table: exists.Table}
	case errors.As(err, &function):
		out.Code = wire.CodeFunctionFailure
		out.Detail = wire.FunctionFailure{Keyspace: function.Keyspace, Function: function.Function, Arguments: function.Arguments}
	case errors.As(err, &unprepared):
		out.Code, out.Detail = wire.CodeUnprepared, wire.Unprepared{ID: unprepared.id}
	case errors.As(err, &failed):
		out.Code, out.Detail = wire.CodeReadFailure, tombstoneFailure
	case errors.Is(err, lsm.ErrTooLarge), errors.Is(err, lsm.ErrUnknownTable):
		out.Code = wire.CodeInvalid
	case errors.Is(err, lsm.ErrReadOnly), errors.Is(err, lsm.ErrUncertain):
		// Not a write failure: drivers show that without its text, and the text says what the operator must do.
		out.Code = wire.CodeServer
	case errors.Is(err, lsm.ErrOverloaded), errors.Is(err, lsm.ErrDiskFull), errors.As(err, &full), errors.As(err, &limited):
		out.Code = wire.CodeOverloaded // nothing was done, and it may be tried again
	default: // corrupt files, a closed store, and what no one foresaw
		out.Code = wire.CodeServer
	}
	return out
}
