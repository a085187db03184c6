package planner

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"hash"
	"math/big"
	"strings"
	"unicode/utf16"

	"github.com/eskerdb/esker/cql/types"
	"gopkg.in/inf.v0"
)

// maskText stands for a text whose mask is the default one.
const maskText = "****"

// maskPadding stands for a character where no other is given.
const maskPadding = '*'

// What the functions that mask take beside the value.
var (
	maskedTextParameter = fixedParameterAs("[text|varchar|ascii]", types.Text, types.ASCII)
	maskIntParameter    = fixedParameter(types.Int)
	maskOptionParameter = fixedParameter(types.Text).orNone()
)

// addMaskFunctions adds mask_*: they show something else in the place of a value.
func addMaskFunctions(into functionTable) {
	into.addGeneric(maskConstantOverload(func(*types.Type) []byte { return nil }), "mask_null")
	into.addGeneric(maskConstantOverload(maskDefault), "mask_default")
	into.addGeneric(maskReplaceOverload, "mask_replace")
	into.addGeneric(maskPartsOverload(func(at, begin, end int32) bool { return at >= begin && at <= end }), "mask_inner")
	into.addGeneric(maskPartsOverload(func(at, begin, end int32) bool { return at < begin || at > end }), "mask_outer")
	into.addGeneric(maskHashOverload, "mask_hash")
}

// maskConstantOverload is a function that makes one value of all of a type.
func maskConstantOverload(mask func(of *types.Type) []byte) func(g *genericCall) (*overload, error) {
	return func(g *genericCall) (*overload, error) {
		args, err := g.types(anyParameter(false))
		if err != nil {
			return nil, err
		}
		value := mask(args[0])
		return &overload{args: args, result: args[0], eval: func([][]byte) ([]byte, error) { return value, nil }}, nil
	}
}

// maskDefault is what mask_default shows of a type: zero, the epoch, four stars, the empty collection.
func maskDefault(of *types.Type) []byte {
	switch of.Kind() {
	case types.KindText, types.KindASCII:
		return []byte(maskText)
	case types.KindVarint:
		return types.AppendVarint(nil, new(big.Int))
	case types.KindDecimal:
		return types.AppendDecimal(nil, new(inf.Dec))
	case types.KindDate:
		return types.AppendDate(nil, 0)
	case types.KindTimeUUID:
		return types.MinTimeUUID(0)
	case types.KindInet:
		return make([]byte, 4)
	case types.KindDuration:
		return types.AppendDuration(nil, 0, 0, 0)
	case types.KindList, types.KindSet, types.KindMap:
		return of.AppendCollection(nil, nil)
	case types.KindTuple, types.KindUDT:
		out := []byte{}
		for _, e := range of.Elems() {
			out = types.AppendElem(out, maskDefault(e))
		}
		return out
	}
	return make([]byte, max(of.FixedWidth(), 0)) // of a blob the empty one
}

// maskReplaceOverload is mask_replace: its second argument, of the type of the first.
func maskReplaceOverload(g *genericCall) (*overload, error) {
	value := anyParameter(true)
	same := parameter{text: value.text, infer: func(_ *operand, receiver *types.Type) *types.Type {
		return value.infer(g.args[0], receiver)
	}}
	args, err := g.types(value, same)
	if err != nil {
		return nil, err
	}
	return &overload{args: args, result: args[0], eval: func(args [][]byte) ([]byte, error) { return args[1], nil }}, nil
}

// maskPartsOverload is a function that shows a padding for those characters of a text that are hidden: at is the place of one,
// begin how many there are before the inner ones, end the place of the last inner one.
func maskPartsOverload(hidden func(at, begin, end int32) bool) func(g *genericCall) (*overload, error) {
	return func(g *genericCall) (*overload, error) {
		args, err := g.types(maskedTextParameter, maskIntParameter, maskIntParameter, maskOptionParameter)
		if err != nil {
			return nil, err
		}
		of := args[0]
		args = []*types.Type{of, types.Int, types.Int, types.Text}[:len(args)]
		return &overload{args: args, result: of, eval: func(args [][]byte) ([]byte, error) {
			padding := uint16(maskPadding)
			if len(args) == 4 && args[3] != nil {
				given := utf16.Encode([]rune(string(args[3])))
				if len(given) != 1 {
					return nil, invalidf("The padding argument for function system.%s should be single-character, but '%s' has %d characters.",
						g.name, types.Shown(string(args[3])), len(given))
				}
				padding = given[0]
			}
			if len(args[0]) == 0 {
				return args[0], nil
			}
			return maskParts(of, args, padding, hidden), nil
		}}, nil
	}
}

// maskParts is a text with its hidden characters masked. As in Java a character beyond the 65,536 first is two, numbers of 32 bits
// wrap, and what a type cannot hold becomes a question mark.
func maskParts(of *types.Type, args [][]byte, padding uint16, hidden func(at, begin, end int32) bool) []byte {
	chars := utf16.Encode([]rune(string(args[0])))
	begin := int32(types.DecodeInt64(args[1]))
	end := int32(len(chars)) - 1 - int32(types.DecodeInt64(args[2]))
	for i := range chars {
		if hidden(int32(i), begin, end) {
			chars[i] = padding
		}
	}
	var out strings.Builder
	for i := 0; i < len(chars); i++ {
		c := rune(chars[i])
		if utf16.IsSurrogate(c) {
			c = '?'
			if i+1 < len(chars) {
				if pair := utf16.DecodeRune(rune(chars[i]), rune(chars[i+1])); pair != '\uFFFD' {
					c, i = pair, i+1
				}
			}
		}
		if of.Kind() == types.KindASCII && c >= 0x80 {
			c = '?'
		}
		out.WriteRune(c)
	}
	return []byte(out.String())
}

// maskHashOverload is mask_hash: the hash of a value's bytes by an algorithm, whose name is looked up for a null too.
func maskHashOverload(g *genericCall) (*overload, error) {
	args, err := g.types(anyParameter(false), maskOptionParameter)
	if err != nil {
		return nil, err
	}
	args = []*types.Type{args[0], types.Text}[:len(args)]
	return &overload{args: args, result: types.Blob, eval: func(args [][]byte) ([]byte, error) {
		digest := sha256.New
		if len(args) == 2 && args[1] != nil {
			if digest = maskDigests[strings.TrimPrefix(strings.ToUpper(string(args[1])), "OID.")]; digest == nil {
				return nil, invalidf("Hash algorithm not found: %s", types.Shown(string(args[1])))
			}
		}
		if args[0] == nil {
			return nil, nil
		}
		h := digest()
		h.Write(args[0])
		return h.Sum(nil), nil
	}}, nil
}

// maskDigests are the algorithms of mask_hash by name, in upper case, with the names and object identifiers that Java has for them.
var maskDigests = func() map[string]func() hash.Hash {
	out := map[string]func() hash.Hash{}
	add := func(digest func() hash.Hash, names ...string) {
		for _, n := range names {
			out[n] = digest
		}
	}
	const nist = "2.16.840.1.101.3.4.2."
	add(md5.New, "MD5")
	add(sha1.New, "SHA-1", "SHA1", "SHA", "1.3.14.3.2.26")
	add(sha256.New224, "SHA-224", "SHA224", nist+"4")
	add(sha256.New, "SHA-256", "SHA256", nist+"1")
	add(sha512.New384, "SHA-384", "SHA384", nist+"2")
	add(sha512.New, "SHA-512", "SHA512", nist+"3")
	add(sha512.New512_224, "SHA-512/224", "SHA512/224", nist+"5")
	add(sha512.New512_256, "SHA-512/256", "SHA512/256", nist+"6")
	add(func() hash.Hash { return sha3.New224() }, "SHA3-224", nist+"7")
	add(func() hash.Hash { return sha3.New256() }, "SHA3-256", nist+"8")
	add(func() hash.Hash { return sha3.New384() }, "SHA3-384", nist+"9")
	add(func() hash.Hash { return sha3.New512() }, "SHA3-512", nist+"10")
	return out
}()
