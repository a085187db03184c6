package downsample

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

// oneState merges a state into an accumulator of it.
func oneState(t testing.TB, name string, of *types.Type, state []byte) (Stateful, error) {
	a := stateful(t, name, of)
	v := &mutation.Vector{}
	v.Reset(mutation.PhysicalBytes, 0)
	v.Append(state)
	a.MergeVectors([]*mutation.Vector{v}, 0, 1)
	return a, a.Err()
}

func doubles(values ...float64) (out [][]byte) {
	for _, v := range values {
		out = append(out, types.AppendDouble(nil, v))
	}
	return out
}

// The examples of docs/formats/rollup-state.md are what is stored.
func TestStatesAreAsTheirFormatSays(t *testing.T) {
	page, err := os.ReadFile("../docs/formats/rollup-state.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for i, part := range strings.Split(string(page), "```") {
		if i%2 == 1 {
			shown[strings.Join(strings.Fields(part), "")] = true
		}
	}
	moments, sketch := stateful(t, StateMoments, types.Double), stateful(t, StateSketch, types.Double)
	for _, v := range doubles(1.5, -2) {
		moments.Add(v)
	}
	for _, v := range doubles(2, -3, 1, 2) {
		sketch.Add(v)
	}
	registers := &registerState{}
	registers.add(2)
	registers.add(1)
	for name, a := range map[string]Accumulator{"moments": moments, "sketch": sketch, "registers": registers} {
		if got := hex.EncodeToString(a.Result()); !shown[got] {
			t.Errorf("the page does not show %s: %s", name, got)
		}
	}
}

// states are examples of a state, small and large.
func states(t testing.TB, name string) (out [][]byte) {
	a := stateful(t, name, types.Double)
	give := func() {
		out = append(out, a.Result())
		a.Reset()
	}
	for _, v := range doubles(1.5, -2, 0, math.Inf(1), math.Copysign(0, -1), math.MaxFloat64, math.SmallestNonzeroFloat64) {
		a.Add(v)
	}
	give()
	a.Add(types.AppendDouble(nil, math.NaN()))
	a.Add(types.AppendDouble(nil, math.NaN()))
	give()
	for _, n := range []int{1500, 60_000} {
		for i := range n {
			a.Add(types.AppendDouble(nil, float64(i)-700))
		}
		give()
	}
	return out
}

// A state that was cut, or in which a byte was turned, is refused or is another state: never the same one, and never a panic.
func TestCorruptStatesAreRefused(t *testing.T) {
	for _, name := range []string{StateMoments, StateSketch, StateRegisters} {
		refused := 0
		for _, state := range states(t, name) {
			if len(state) > 600 {
				state = append(state[:300:300], state[len(state)-300:]...)
			}
			for i := range state {
				if _, err := oneState(t, name, types.Double, state[:i]); err == nil && (name != StateRegisters || i < 2) {
					t.Errorf("%s cut to %d bytes was accepted", name, i)
				}
				turned := bytes.Clone(state)
				turned[i] ^= 1 << (i % 8)
				a, err := oneState(t, name, types.Double, turned)
				switch {
				case err == nil && !bytes.Equal(a.Result(), turned):
					t.Errorf("%s: %x was taken for another state", name, turned)
				case err != nil:
					refused++
					if !errors.Is(err, ErrState) {
						t.Errorf("%s: %v", name, err)
					}
				}
			}
			if _, err := oneState(t, name, types.Double, append(bytes.Clone(state), 0)); err == nil {
				t.Errorf("%s with a byte behind it was accepted", name)
			}
		}
		if refused == 0 {
			t.Errorf("%s: nothing was refused", name)
		}
	}
}

// An error stays until the accumulator is reset.
func TestAnErrorOfAStateEndsWithReset(t *testing.T) {
	for _, name := range []string{"stddev", "median", "distinct"} {
		needs, _ := Needs(name, types.Double)
		a, v := stateful(t, name, types.Double), &mutation.Vector{}
		v.Reset(mutation.PhysicalBytes, 0)
		v.Append([]byte{9})
		v.Append(states(t, needs[0])[0])
		a.MergeVectors([]*mutation.Vector{v}, 0, 2)
		if a.Err() == nil {
			t.Errorf("%s took a state of version 9", name)
		}
		a.Reset()
		a.MergeVectors([]*mutation.Vector{v}, 1, 2)
		if err := a.Err(); err != nil || a.Result() == nil {
			t.Errorf("%s after Reset: %v", name, err)
		}
	}
}

// Moments of which the squares are too small for the sum are of no numbers.
func TestMomentsThatNoNumbersHaveAreRefused(t *testing.T) {
	a := &moments{deviation{numbers: numbersOf(types.Int)}}
	a.n = 2
	a.sum.add(100, 0, false)
	a.squares.add(4999, 0, false) // 5000 is the least
	d, err := oneState(t, StateMoments, types.Int, a.append(nil))
	if err != nil {
		return
	}
	v := &mutation.Vector{}
	v.Reset(mutation.PhysicalBytes, 0)
	v.Append(d.Result())
	deviation := stateful(t, "stddev", types.Int)
	deviation.MergeVectors([]*mutation.Vector{v}, 0, 1)
	if deviation.Result(); !errors.Is(deviation.Err(), ErrState) {
		t.Errorf("stddev: %v", deviation.Err())
	}
}

// fuzzState: any bytes are refused, or are the one encoding of a state that can be merged and answers.
func fuzzState(f *testing.F, name string, functions ...string) {
	for _, s := range states(f, name) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, state []byte) {
		a, err := oneState(t, name, types.Double, state)
		if err == nil && !bytes.Equal(a.Result(), state) {
			t.Fatalf("%x is stored as %x", state, a.Result())
		}
		v := &mutation.Vector{}
		v.Reset(mutation.PhysicalBytes, 0)
		for range 3 {
			v.Append(state)
		}
		for _, function := range functions {
			b := stateful(t, function, types.Double)
			b.AddVector(v, 0, 0)
			b.MergeVectors([]*mutation.Vector{v}, 0, 3)
			if b.Result() == nil && b.Err() == nil && err == nil && function != "stddev" {
				t.Fatalf("%s of %x is null", function, state)
			}
		}
		for _, function := range append(functions, name) {
			for _, held := range []int{1, 1000, 1001} {
				checkMergedInto(t, name, function, held, state, err)
			}
		}
	})
}

// checkMergedInto merges a state that is one, or not, into an accumulator of values: what is refused gives no result.
func checkMergedInto(t *testing.T, name, function string, held int, state []byte, refused error) {
	b, v := stateful(t, function, types.Double), &mutation.Vector{}
	for i := range held {
		b.Add(types.AppendDouble(nil, float64(i)))
	}
	v.Reset(mutation.PhysicalBytes, 0)
	v.Append(state)
	for range 2 {
		b.MergeVectors([]*mutation.Vector{v}, 0, 1)
	}
	switch got := b.Result(); {
	case refused != nil && b.Err() == nil:
		t.Fatalf("%s with %d values took %x, which alone is %v", function, held, state, refused)
	case refused != nil && got != nil:
		t.Fatalf("%s with %d values and a state that is refused is %x", function, held, got)
	}
	if d, ok := Derive(b, function, types.Double, 0.5); ok && refused != nil && d.Result() != nil {
		t.Fatalf("%s with %d values, derived, has a result", function, held)
	}
	b.Reset()
	if b.Add(types.AppendDouble(nil, 7)); b.Err() != nil || function != "stddev" && b.Result() == nil {
		t.Fatalf("%s after Reset: %v", function, b.Err())
	}
}

// A state that turns out corrupt on the way leaves no result, whatever was held before.
func TestACorruptStateLeavesNoResult(t *testing.T) {
	for name, functions := range map[string][]string{
		StateMoments: {"stddev", "stddev_pop"}, StateSketch: {"median", "percentile"}, StateRegisters: {"distinct"},
	} {
		for _, state := range states(t, name) {
			if len(state) < 2 {
				continue
			}
			cut := state[:len(state)-1]
			_, err := oneState(t, name, types.Double, cut)
			for _, function := range append(functions, name) {
				for _, held := range []int{1, 999, 1000, 1001, 1002} {
					checkMergedInto(t, name, function, held, cut, err)
				}
			}
		}
	}
}

func FuzzMoments(f *testing.F)   { fuzzState(f, StateMoments, "stddev", "stddev_pop") }
func FuzzSketch(f *testing.F)    { fuzzState(f, StateSketch, "median", "percentile") }
func FuzzRegisters(f *testing.F) { fuzzState(f, StateRegisters, "distinct") }
