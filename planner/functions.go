package planner

import (
	"slices"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
)

// overload is one signature of a scalar function.
type overload struct {
	args   []*types.Type
	result *types.Type
	eval   func(args [][]byte) ([]byte, error)
	step   stepFunction // of floor and time_bucket, else nil
}

// scalars are the scalar functions by name, in lower case.
var scalars = func() map[string][]overload {
	out := map[string][]overload{}
	addTimeFunctions(out)
	addBlobFunctions(out)
	addCasts(out)
	return out
}()

// castPrefix begins the names under which casts are kept, as in Cassandra's errors.
const castPrefix = "cast_as_"

// scalarFunction finds the overload of a function for arguments of these types; nil is an argument whose
// type only its receiver can tell. The receiver may be nil too.
func scalarFunction(name string, args []*types.Type, receiver *types.Type) (*Function, error) {
	name = strings.ToLower(name)
	all := scalars[name]
	if all == nil {
		return nil, invalidf("Unknown function '%s'", name)
	}
	var fits []overload
	for _, o := range all {
		exact, ok := o.accepts(args)
		if exact {
			return o.function(name), nil
		}
		if ok && (receiver == nil || assignable(o.result, receiver)) {
			fits = append(fits, o)
		}
	}
	switch len(fits) {
	case 0:
		called := name
		if strings.HasPrefix(name, castPrefix) {
			called = "system." + name
		}
		return nil, invalidf("Invalid call to function %s, none of its type signatures match (known type signatures: %s)", called, signatures(name, all))
	case 1:
		return fits[0].function(name), nil
	}
	return nil, invalidf("Ambiguous call to function %s (can be matched by following signatures: %s): use type casts to disambiguate", name, signatures(name, fits))
}

// accepts reports whether arguments of these types can be given, and whether they are of the very types.
func (o *overload) accepts(args []*types.Type) (exact, ok bool) {
	if len(args) != len(o.args) {
		return false, false
	}
	exact = true
	for i, a := range args {
		switch {
		case a == nil:
			exact = false
		case a.Equal(o.args[i]):
		case assignable(a, o.args[i]):
			exact = false
		default:
			return false, false
		}
	}
	return exact, true
}

func (o *overload) function(name string) *Function {
	return &Function{Name: name, Args: o.args, Result: o.result, Eval: o.eval, step: o.step}
}

func signatures(name string, all []overload) string {
	parts := make([]string, len(all))
	for i, o := range all {
		args := make([]string, len(o.args))
		for j, a := range o.args {
			args[j] = a.String()
		}
		parts[i] = "system." + name + " : (" + strings.Join(args, ", ") + ") -> " + o.result.String()
	}
	return strings.Join(parts, ", ")
}

// strict makes a function null where an argument is null, and likewise where one of a type that has no
// empty value is empty.
func strict(eval func(args [][]byte) ([]byte, error)) func(args [][]byte) ([]byte, error) {
	return func(args [][]byte) ([]byte, error) {
		for _, a := range args {
			if len(a) == 0 {
				return nil, nil
			}
		}
		return eval(args)
	}
}

// blobTypes are the types with functions to and from blob.
var blobTypes = []*types.Type{
	types.ASCII, types.Bigint, types.Boolean, types.Counter, types.Date, types.Decimal, types.Double, types.Duration,
	types.Float, types.Inet, types.Int, types.Smallint, types.Text, types.Time, types.Timestamp, types.TimeUUID,
	types.Tinyint, types.UUID, types.Varint,
}

func addBlobFunctions(into map[string][]overload) {
	for _, t := range blobTypes {
		names := []string{t.String()}
		if t == types.Text {
			names = append(names, "varchar")
		}
		for _, n := range names {
			to := []overload{{args: []*types.Type{t}, result: types.Blob, eval: func(args [][]byte) ([]byte, error) { return args[0], nil }}}
			into[n+"asblob"], into[n+"_as_blob"] = to, to
			for _, name := range []string{"blobas" + n, "blob_as_" + n} {
				into[name] = []overload{{args: []*types.Type{types.Blob}, result: t, eval: fromBlob(name, t)}}
			}
		}
	}
}

func fromBlob(name string, t *types.Type) func(args [][]byte) ([]byte, error) {
	return func(args [][]byte) ([]byte, error) {
		if args[0] == nil {
			return nil, nil
		}
		if err := t.Validate(args[0]); err != nil {
			return nil, invalidf("In call to function system.%s, value 0x%x is not a valid binary representation for type %s", name, args[0], t)
		}
		return args[0], nil
	}
}

// contextFunctions depend on the moment alone.
var contextFunctions = map[string]struct {
	of   *types.Type
	eval func(ctx Context) []byte
}{
	"now":               {types.TimeUUID, newTimeUUID},
	"currenttimeuuid":   {types.TimeUUID, newTimeUUID},
	"current_timeuuid":  {types.TimeUUID, newTimeUUID},
	"uuid":              {types.UUID, newUUID},
	"currenttimestamp":  {types.Timestamp, currentTimestamp},
	"current_timestamp": {types.Timestamp, currentTimestamp},
	"currentdate":       {types.Date, currentDate},
	"current_date":      {types.Date, currentDate},
	"currenttime":       {types.Time, currentTime},
	"current_time":      {types.Time, currentTime},
}

// contextFunction is the type and value of a function of the moment; ok is false if the call is none.
func contextFunction(call *cql.FunctionCall) (of *types.Type, eval func(ctx Context) []byte, ok bool) {
	f, ok := contextFunctions[strings.ToLower(call.Name)]
	if !ok || len(call.Args) != 0 || !systemFunction(call) {
		return nil, nil, false
	}
	return f.of, f.eval, true
}

// systemFunction reports whether a call names no keyspace, or that of the built-in functions.
func systemFunction(call *cql.FunctionCall) bool {
	return call.Keyspace == "" || call.Keyspace == "system"
}

// ticksPerMilli are the units of 100 ns in a millisecond.
const ticksPerMilli = 10_000

func newTimeUUID(ctx Context) []byte { return ticksUUID(ctx.NowTicks(), uuidNode(&ctx)) }

// uuidNode is the word of clock sequence and node of a timeuuid.
func uuidNode(ctx *Context) uint64 {
	r := ctx.Random()
	return uint64(types.DecodeInt64(r[:8])) | 1<<40 // the multicast bit: no real network card has this node
}

// ticksUUID is the timeuuid of a time in ticks since 1970.
func ticksUUID(ticks int64, node uint64) []byte {
	return types.AppendTimeUUID(nil, floorDiv(ticks, ticksPerMilli), uint16(floorMod(ticks, ticksPerMilli)), node)
}

// newUUID is a UUID of version 4.
func newUUID(ctx Context) []byte {
	r := ctx.Random()
	r[6], r[8] = r[6]&0x0F|0x40, r[8]&0x3F|0x80
	return slices.Clone(r[:])
}

func currentTimestamp(ctx Context) []byte { return types.AppendTimestampMillis(nil, ctx.NowMillis) }

func currentDate(ctx Context) []byte {
	return types.AppendDate(nil, int32(floorDiv(ctx.NowMillis, dayMillis)))
}

func currentTime(ctx Context) []byte {
	return types.AppendBigint(nil, floorMod(ctx.NowMillis, dayMillis)*nanosPerMilli)
}
