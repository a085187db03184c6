package types

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// FromJSON turns a JSON value into a value as Cassandra does; nil for null. Strings are taken for numbers, times, and for collections
// whose JSON stands in them. The error is an Invalid.
func (t *Type) FromJSON(j JSON) ([]byte, error) {
	if j.kind() == jsonNull {
		return nil, nil
	}
	if len(t.elems) > 0 {
		return t.elemsFromJSON(j)
	}
	switch t.kind {
	case KindBoolean:
		return booleanFromJSON(j)
	case KindTinyint, KindSmallint, KindInt, KindBigint, KindCounter:
		return t.integerFromJSON(j)
	case KindVarint, KindDecimal:
		return t.bigFromJSON(j)
	case KindFloat, KindDouble:
		return t.floatFromJSON(j)
	case KindBlob:
		return blobFromJSON(j)
	case KindTimestamp:
		if _, class := jsonInteger(j); class == "Long" {
			return t.parseScalar(j.text)
		}
	}
	if j.kind() != jsonString {
		return nil, expected(jsonExpected[t.kind], j)
	}
	return t.textFromJSON(j.String())
}

// jsonExpected names in Cassandra's errors what types take that take strings alone.
var jsonExpected = map[Kind]string{
	KindASCII:     "an ascii string",
	KindText:      "a UTF-8 string",
	KindDate:      "a string representation of a date value",
	KindTime:      "a string representation of a time value",
	KindDuration:  "a string representation of a duration",
	KindInet:      "a string representation of an inet value",
	KindTimestamp: "a long or a datestring representation of a timestamp value",
	KindUUID:      "a string representation of a uuid",
	KindTimeUUID:  "a string representation of a timeuuid",
}

// expected says what a type takes, and what it was given.
func expected(what string, got JSON) error {
	return invalidf("Expected %s, but got a %s: %s", what, got.class(), got.shown())
}

// textFromJSON turns a string into a value of a type that is written as one.
func (t *Type) textFromJSON(s string) ([]byte, error) {
	switch {
	case t.kind == KindTimeUUID && s != "":
		if _, ok := parseUUID(s); !ok {
			return nil, invalidf("Unknown timeuuid representation: %s", Shown(s))
		}
	case t.kind == KindDuration && s == "":
		return AppendDuration(nil, 0, 0, 0), nil
	}
	return t.parseScalar(s)
}

func booleanFromJSON(j JSON) ([]byte, error) {
	switch {
	case j.kind() == jsonString && j.String() == "":
		return []byte{0}, nil
	case j.kind() == jsonString, j.kind() == jsonBoolean:
		return parseBoolean(j.String())
	}
	return nil, expected("a boolean value", j)
}

// jsonIntegers name the integer types in Cassandra's errors about JSON.
var jsonIntegers = map[Kind]string{
	KindTinyint: "a byte value", KindSmallint: "a short value", KindInt: "an int value", KindBigint: "a bigint value", KindCounter: "a bigint value",
}

func (t *Type) integerFromJSON(j JSON) ([]byte, error) {
	if j.kind() == jsonString {
		return t.parseScalar(strings.TrimPrefix(j.String(), "+"))
	}
	if j.kind() != jsonNumber {
		return nil, expected(jsonIntegers[t.kind], j)
	}
	v, class := jsonInteger(j)
	b, ok := EncodeInt64(t, v)
	switch {
	case ok && (class == "Integer" || class == "Long"):
		return b, nil
	case t.kind == KindTinyint || t.kind == KindSmallint:
		return nil, invalidf("Unable to make %s from '%s'", integerWords[t.kind].name, j.shown())
	}
	return nil, expected(jsonIntegers[t.kind], j)
}

// jsonInteger is a number without fraction, and the class Java keeps a number in: v is 0 but for Integer and Long.
func jsonInteger(j JSON) (v int64, class string) {
	if j.kind() != jsonNumber || j.name {
		return 0, ""
	}
	if strings.ContainsAny(j.text, ".eE") {
		return 0, "Double"
	}
	v, err := strconv.ParseInt(j.text, 10, 64)
	switch {
	case err != nil:
		return 0, "BigInteger"
	case v == int64(int32(v)):
		return v, "Integer"
	}
	return v, "Long"
}

// bigFromJSON reads varints and decimals. A number with a fraction passes through a double, as in Cassandra: strings keep all digits.
func (t *Type) bigFromJSON(j JSON) ([]byte, error) {
	text := j.String()
	if _, class := jsonInteger(j); class == "Double" {
		text = javaDouble(j.double(), 64)
	}
	if t.kind == KindDecimal && text == "" && j.kind() == jsonString {
		return []byte{}, nil
	}
	if k := j.kind(); k == jsonString || k == jsonNumber {
		if t.kind == KindVarint {
			if v, ok := new(big.Int).SetString(text, 10); ok && len(text) <= numberTextMax && !strings.Contains(text, "_") {
				return AppendVarint(nil, v), nil
			}
		} else if b, err := parseDecimal(text); err == nil {
			return b, nil
		}
	}
	return nil, invalidf("Value '%s' is not a valid representation of a %s value", j.shown(), t.name)
}

// double is the number as Java's reader keeps one with a fraction.
func (j JSON) double() float64 {
	v, _ := strconv.ParseFloat(j.text, 64) // too large is infinite
	return v
}

func (t *Type) floatFromJSON(j JSON) ([]byte, error) {
	switch j.kind() {
	case jsonString:
		return t.parseScalar(javaNumber(j.String()))
	case jsonNumber:
		if t.kind == KindFloat {
			return AppendFloat(nil, float32(j.double())), nil
		}
		return AppendDouble(nil, j.double()), nil
	}
	return nil, expected("a "+t.name+" value", j)
}

// javaNumber takes off what Java admits around the text of a float: blanks, and a letter for its type.
func javaNumber(s string) string {
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	if n := len(s) - 1; n > 0 && isDigit(s[n-1]) && strings.IndexByte("fFdD", s[n]) >= 0 {
		return s[:n]
	}
	return s
}

func blobFromJSON(j JSON) ([]byte, error) {
	if j.kind() != jsonString {
		return nil, invalidf("Value '%s' is not a valid blob representation: it is a %s, and not a string", j.shown(), j.class())
	}
	b, err := parseBlob(j.String())
	if err != nil {
		return nil, invalidf("Value '%s' is not a valid blob representation: %s", j.shown(), Shown(err.Error()))
	}
	return b, nil
}

// jsonElements names in Cassandra's errors what types of elements take.
var jsonElements = map[Kind]string{
	KindList: "a list", KindSet: "a list (representing a set)", KindMap: "a map", KindTuple: "a list representation of a tuple", KindUDT: "a map",
}

// elemsFromJSON reads a collection, tuple or user type. A string holds its JSON.
func (t *Type) elemsFromJSON(j JSON) ([]byte, error) {
	if j.kind() == jsonString {
		inner, err := ReadJSON(j.String())
		if err != nil {
			return nil, invalidf("Error decoding JSON string: %v", err)
		}
		if j = inner; j.kind() == jsonNull {
			return nil, nil
		}
	}
	want := jsonArray
	if t.kind == KindMap || t.kind == KindUDT {
		want = jsonObject
	}
	if j.kind() != want {
		return nil, expected(jsonElements[t.kind], j)
	}
	switch t.kind {
	case KindMap:
		return t.mapFromJSON(j)
	case KindTuple:
		return t.tupleFromJSON(j)
	case KindUDT:
		return t.fieldsFromJSON(j)
	}
	var elems [][]byte
	err := j.eachElement(func(e JSON) error {
		v, err := t.elems[0].FromJSON(e)
		if err == nil && v == nil {
			err = invalidf("Invalid null element in %s", collectionNames[t.kind])
		}
		elems = append(elems, v)
		return err
	})
	if err != nil {
		return nil, err
	}
	return t.AppendCollection(nil, t.InOrder(elems)), nil
}

func (t *Type) mapFromJSON(j JSON) ([]byte, error) {
	var elems [][]byte
	at := map[string]int{} // of names, which come again: the last value counts
	err := j.EachField(func(name string, value JSON) error {
		v, err := t.elems[1].FromJSON(value)
		if err == nil && v == nil {
			err = invalidf("Invalid null value in map")
		}
		if err != nil {
			return err
		}
		if i, again := at[name]; again {
			elems[i+1] = v
			return nil
		}
		k, err := t.elems[0].FromJSON(JSON{text: name, name: true})
		if err == nil && k == nil {
			err = invalidf("Invalid null key in map")
		}
		at[name] = len(elems)
		elems = append(elems, k, v)
		return err
	})
	if err != nil {
		return nil, err
	}
	return t.AppendCollection(nil, t.InOrder(elems)), nil
}

func (t *Type) tupleFromJSON(j JSON) ([]byte, error) {
	n := 0
	_ = j.eachElement(func(JSON) error { n++; return nil })
	switch {
	case n > len(t.elems):
		return nil, invalidf("Tuple contains extra items (expected %d): %s", len(t.elems), j.shown())
	case n < len(t.elems):
		return nil, invalidf("Tuple is missing items (expected %d): %s", len(t.elems), j.shown())
	}
	elems := make([][]byte, 0, n)
	err := j.eachElement(func(e JSON) error {
		v, err := t.elems[len(elems)].FromJSON(e)
		elems = append(elems, v)
		return err
	})
	if err != nil {
		return nil, err
	}
	return t.AppendCollection(nil, elems), nil
}

func (t *Type) fieldsFromJSON(j JSON) ([]byte, error) {
	values, unknown := JSONFields(j, t.fields)
	elems := make([][]byte, len(t.elems))
	for i, value := range values {
		if value == nil {
			continue
		}
		var err error
		if elems[i], err = t.elems[i].FromJSON(*value); err != nil {
			return nil, err
		}
	}
	if unknown != "" {
		return nil, invalidf("Unknown field '%s' in value of user defined type %s", Shown(unknown), t.name)
	}
	return t.AppendCollection(nil, elems), nil
}

// JSONFields finds the fields of an object by the names of columns or of fields of a type: without regard to case, but for those in
// quotes of their own. Values that are not given are nil; unknown is the first name that is none of them, or "".
func JSONFields(j JSON, names []string) (values []*JSON, unknown string) {
	places := make(map[string]int, len(names))
	for i, n := range names {
		places[n] = i
	}
	values = make([]*JSON, len(names))
	changed := make([]bool, len(names)) // the name was written otherwise than it is: as in Cassandra that value counts
	_ = j.EachField(func(written string, value JSON) error {
		name := strings.ToLower(written)
		if n := len(written); n > 1 && written[0] == '"' && written[n-1] == '"' {
			name = written[1 : n-1]
		}
		i, ok := places[name]
		switch {
		case !ok && unknown == "":
			unknown = quotedIfEmpty(name)
		case ok && (name != written || !changed[i]):
			values[i], changed[i] = &value, name != written
		}
		return nil
	})
	return values, unknown
}

// quotedIfEmpty makes an empty name one that can be seen.
func quotedIfEmpty(name string) string {
	if name == "" {
		return `""`
	}
	return name
}

// class is the class that a value has in Java, for errors that name it as Cassandra does.
func (j JSON) class() string {
	switch j.kind() {
	case jsonString:
		return "String"
	case jsonBoolean:
		return "Boolean"
	case jsonArray:
		return "ArrayList"
	case jsonObject:
		return "LinkedHashMap"
	}
	_, class := jsonInteger(j)
	return class
}

// shown is a value as Java prints it, but for a long one the beginning of it.
func (j JSON) shown() string {
	var b strings.Builder
	j.show(&b)
	return Shown(b.String())
}

// errShownEnough ends a walk over a value that is shown.
var errShownEnough = fmt.Errorf("enough is shown")

func (j JSON) show(b *strings.Builder) {
	separate := func(from int) error {
		switch {
		case b.Len() > shownMax:
			return errShownEnough
		case b.Len() > from:
			b.WriteString(", ")
		}
		return nil
	}
	switch j.kind() {
	case jsonArray:
		b.WriteByte('[')
		from := b.Len()
		_ = j.eachElement(func(e JSON) error {
			err := separate(from)
			e.show(b)
			return err
		})
		b.WriteByte(']')
	case jsonObject:
		b.WriteByte('{')
		from := b.Len()
		_ = j.EachField(func(name string, value JSON) error {
			err := separate(from)
			b.WriteString(Shown(name) + "=")
			value.show(b)
			return err
		})
		b.WriteByte('}')
	case jsonString:
		b.WriteString(Shown(j.String()))
	default:
		if _, class := jsonInteger(j); class == "Double" {
			b.WriteString(javaDouble(j.double(), 64))
			return
		}
		b.WriteString(j.text)
	}
}

// javaDouble is a number as Java writes it: with a fraction, and with an exponent below 0.001 and from 10000000 on.
func javaDouble(v float64, bits int) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 0):
		return strings.TrimPrefix(strconv.FormatFloat(v, 'f', -1, bits), "+") + "inity" // Go writes +Inf
	case a != 0 && (a < 1e-3 || a >= 1e7):
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', -1, bits), "e")
		if !strings.Contains(mantissa, ".") { // of numbers with two digits the nearest
			mantissa, exponent, _ = strings.Cut(strconv.FormatFloat(v, 'e', 1, bits), "e")
		}
		n, _ := strconv.Atoi(exponent)
		return mantissa + "E" + strconv.Itoa(n)
	}
	s := strconv.FormatFloat(v, 'f', -1, bits)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
