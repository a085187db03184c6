package planner

import (
	"fmt"
	"math"
	"math/big"
	"time"

	"github.com/eskerdb/esker/cql/types"
)

// operationNames are the functions of arithmetic, as Cassandra names them.
var operationNames = map[byte]string{'+': "_add", '-': "_substract", '*': "_multiply", '/': "_divide", '%': "_modulo"}

// negateName is the function of a minus before a term.
const negateName = "_negate"

// addArithmetic adds the operations of numbers, of times with durations, and of texts.
func addArithmetic(into functionTable) {
	for op, name := range operationNames {
		into.family(name).operator = op
		for _, left := range numbers {
			for _, right := range numbers {
				result := resultOf(left, right)
				into.add(operation(op, left, right, result, numericEval(op, left, right, result)), name)
			}
		}
	}
	for _, of := range numbers {
		into.add(overload{args: []*types.Type{of}, result: of, eval: strict(func(args [][]byte) ([]byte, error) { return negate(of, args[0]) })}, negateName)
	}
	for op, sign := range map[byte]int64{'+': 1, '-': -1} {
		for _, of := range []*types.Type{types.Timestamp, types.Date} {
			into.add(operation(op, of, types.Duration, of, func(a, b []byte) ([]byte, error) { return shifted(of, a, b, sign) }), operationNames[op])
		}
	}
	for _, t := range [][3]*types.Type{
		{types.Text, types.Text, types.Text}, {types.ASCII, types.ASCII, types.ASCII},
		{types.ASCII, types.Text, types.Text}, {types.Text, types.ASCII, types.Text},
	} {
		into.add(operation('+', t[0], t[1], t[2], joined), operationNames['+'])
	}
}

// Limits of what is computed: a statement may hold thousands of operators.
const (
	// textBytesMax is how long a text may become that is put together.
	textBytesMax = 16 << 20
	// varintBytesMax is how long the varints are that are computed with, and decimals without their scale.
	varintBytesMax = 256 << 10
)

var (
	errLongText   = javaError("the text would have more than 16 MiB")
	errLongNumber = javaError("numbers of more than 256 KiB are not computed with")
)

func joined(a, b []byte) ([]byte, error) {
	if len(a)+len(b) > textBytesMax {
		return nil, errLongText
	}
	return append(a[:len(a):len(a)], b...), nil
}

// operation is the overload of an operator. It is null where a side is null, or empty of a type without an empty value.
func operation(op byte, left, right, result *types.Type, eval func(a, b []byte) ([]byte, error)) overload {
	texts := result == types.Text || result == types.ASCII
	return overload{args: []*types.Type{left, right}, result: result, eval: func(args [][]byte) ([]byte, error) {
		if args[0] == nil || args[1] == nil || !texts && (len(args[0]) == 0 || len(args[1]) == 0) {
			return nil, nil
		}
		v, err := eval(args[0], args[1])
		if err != nil {
			failed := failedOn(string(op), []*types.Type{left, right})
			failed.Message = fmt.Sprintf("the operation '%s %c %s' failed: %v", left, op, right, err)
			return nil, failed
		}
		return v, nil
	}}
}

// numberWidth is the bytes of a number; of varint and decimal more than any other.
func numberWidth(t *types.Type) int {
	if t.Kind() == types.KindCounter {
		return 8
	}
	if w := t.FixedWidth(); w > 0 {
		return w
	}
	return math.MaxInt
}

func isFloating(t *types.Type) bool {
	return t.Kind() == types.KindFloat || t.Kind() == types.KindDouble || t.Kind() == types.KindDecimal
}

// resultOf is the type of an operation of two numbers: as wide as the wider, and floating if one is.
func resultOf(left, right *types.Type) *types.Type {
	width := max(numberWidth(left), numberWidth(right))
	if isFloating(left) || isFloating(right) {
		switch width {
		case 4:
			return types.Float
		case 8:
			return types.Double
		}
		return types.Decimal
	}
	switch width {
	case 1:
		return types.Tinyint
	case 2:
		return types.Smallint
	case 4:
		return types.Int
	case 8:
		return types.Bigint
	}
	return types.Varint
}

// numericEval computes an operation of two numbers as Java does.
func numericEval(op byte, left, right, result *types.Type) func(a, b []byte) ([]byte, error) {
	switch result.Kind() {
	case types.KindFloat:
		return func(a, b []byte) ([]byte, error) {
			return types.AppendFloat(nil, operateFloat32(op, float32(floatOf(left, a)), float32(floatOf(right, b)))), nil
		}
	case types.KindDouble:
		return func(a, b []byte) ([]byte, error) {
			return types.AppendDouble(nil, operateFloat64(op, floatOf(left, a), floatOf(right, b))), nil
		}
	case types.KindDecimal:
		return func(a, b []byte) ([]byte, error) { return operateDecimal(op, left, right, a, b) }
	case types.KindVarint:
		return func(a, b []byte) ([]byte, error) { return operateVarint(op, varintOf(left, a), varintOf(right, b)) }
	}
	return func(a, b []byte) ([]byte, error) {
		v, err := operateInt(op, types.DecodeInt64(a), types.DecodeInt64(b))
		return integerAs(result, v), err
	}
}

// integerAs is an integer as a value of a type, without the bits that it has no room for.
func integerAs(t *types.Type, v int64) []byte {
	switch t.Kind() {
	case types.KindTinyint:
		return types.AppendTinyint(nil, int8(v))
	case types.KindSmallint:
		return types.AppendSmallint(nil, int16(v))
	case types.KindInt:
		return types.AppendInt(nil, int32(v))
	}
	return types.AppendBigint(nil, v)
}

func operateInt(op byte, a, b int64) (int64, error) {
	switch op {
	case '+':
		return a + b, nil
	case '-':
		return a - b, nil
	case '*':
		return a * b, nil
	}
	if b == 0 {
		return 0, errIntegerZero
	}
	if op == '/' {
		return a / b, nil
	}
	return a % b, nil
}

func operateFloat32(op byte, a, b float32) float32 {
	switch op {
	case '+':
		return a + b
	case '-':
		return a - b
	case '*':
		return a * b
	case '/':
		return a / b
	}
	return float32(math.Mod(float64(a), float64(b)))
}

func operateFloat64(op byte, a, b float64) float64 {
	switch op {
	case '+':
		return a + b
	case '-':
		return a - b
	case '*':
		return a * b
	case '/':
		return a / b
	}
	return math.Mod(a, b)
}

func operateVarint(op byte, a, b *big.Int) ([]byte, error) {
	if a.BitLen()+b.BitLen() > 8*varintBytesMax {
		return nil, errLongNumber
	}
	out := new(big.Int)
	switch op {
	case '+':
		out.Add(a, b)
	case '-':
		out.Sub(a, b)
	case '*':
		out.Mul(a, b)
	default:
		if b.Sign() == 0 {
			return nil, errDecimalZero
		}
		if op == '/' {
			out.Quo(a, b)
		} else {
			out.Rem(a, b)
		}
	}
	return types.AppendVarint(nil, out), nil
}

func varintOf(t *types.Type, v []byte) *big.Int {
	if t.Kind() == types.KindVarint {
		return types.DecodeVarint(v)
	}
	return big.NewInt(types.DecodeInt64(v))
}

func operateDecimal(op byte, left, right *types.Type, a, b []byte) ([]byte, error) {
	x, err := decimalFrom(left, a)
	if err != nil {
		return nil, err
	}
	y, err := decimalFrom(right, b)
	if err != nil {
		return nil, err
	}
	if x.unscaled.BitLen()+y.unscaled.BitLen() > 8*varintBytesMax {
		return nil, errLongNumber
	}
	switch op {
	case '+':
		return x.plus(y).bytes()
	case '-':
		return x.plus(y.negated()).bytes()
	case '*':
		return x.times(y).bytes()
	case '/':
		x, err = x.dividedBy(y)
	default:
		x, err = x.modulo(y)
	}
	if err != nil {
		return nil, err
	}
	return x.bytes()
}

// decimalFrom is a number of any type as a decimal.
func decimalFrom(t *types.Type, v []byte) (decimal, error) {
	switch t.Kind() {
	case types.KindDecimal:
		return decodeDecimal(v), nil
	case types.KindVarint:
		return decimal{types.DecodeVarint(v), 0}, nil
	}
	// Cassandra takes the integers of fixed width by way of double too: 4 is 4.0.
	f := floatOf(t, v)
	switch {
	case math.IsNaN(f):
		return decimal{}, errNaN
	case math.IsInf(f, 0):
		return decimal{}, errInfinite
	}
	return decodeDecimal(decimalBytes(f)), nil
}

// negate is a number with the other sign; the least of a type without its opposite is itself.
func negate(t *types.Type, v []byte) ([]byte, error) {
	switch t.Kind() {
	case types.KindFloat:
		return types.AppendFloat(nil, -float32(types.DecodeFloat64(v))), nil
	case types.KindDouble:
		return types.AppendDouble(nil, -types.DecodeFloat64(v)), nil
	case types.KindDecimal:
		return decodeDecimal(v).negated().bytes()
	case types.KindVarint:
		return types.AppendVarint(nil, new(big.Int).Neg(types.DecodeVarint(v))), nil
	}
	return integerAs(t, -types.DecodeInt64(v)), nil
}

// shifted is a timestamp or date later or earlier by a duration.
func shifted(t *types.Type, v, duration []byte, sign int64) ([]byte, error) {
	months, days, nanos, err := types.DecodeDuration(duration)
	if err != nil {
		return nil, err
	}
	if t.Kind() == types.KindDate && nanos != 0 {
		return nil, javaError("The duration must have a day precision. Was: " + durationText(duration))
	}
	if nanos%nanosPerMilli != 0 {
		return nil, javaError("The duration must have a millisecond precision. Was: " + durationText(duration))
	}
	ms := MillisOf(t, v)
	if months != 0 || days != 0 {
		ms = addMonths(time.UnixMilli(ms).UTC(), sign*int64(months)).UnixMilli() + sign*int64(days)*dayMillis
	}
	return TimeAs(t, ms+sign*(nanos/nanosPerMilli)), nil
}
