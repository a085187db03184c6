package cqltest

import (
	"strconv"
	"strings"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/internal/model"
	"github.com/eskerdb/esker/schema"
)

// elements are some members of a set or entries of a map, as a literal and as what writing them leaves.
func (g *generator) elements(c *schema.Column) (word string, cells []model.Cell) {
	of := c.Type.Elems()
	var words []string
	for _, member := range g.words[of[0].Kind()] {
		if !g.chance(30) {
			continue
		}
		cell := model.Cell{Column: c.Name, Path: g.parsed(of[0], member), Value: []byte{}}
		if c.Type.Kind() == types.KindMap {
			options := g.words[of[1].Kind()]
			value := options[g.rng.IntN(len(options))]
			cell.Value = g.parsed(of[1], value)
			member += ": " + value
		}
		words, cells = append(words, member), append(cells, cell)
	}
	return "{" + strings.Join(words, ", ") + "}", cells
}

func (g *generator) parsed(t *types.Type, word string) []byte {
	v, err := parseValue(t, word)
	if err != nil {
		panic(err) // the words are ours
	}
	return v.Bytes
}

// whole is a literal that takes the place of all there was in a multi-cell column.
func (g *generator) whole(c *schema.Column) (word string, cells []model.Cell) {
	word, cells = "null", nil
	if !g.chance(15) {
		word, cells = g.elements(c)
	}
	return word, append(cells, model.Cell{Column: c.Name, Before: 1})
}

// change is an assignment to a multi-cell column, or to an element of it.
func (g *generator) change(c *schema.Column) (text string, cells []model.Cell) {
	switch n := g.rng.IntN(100); {
	case n < 30:
		word, cells := g.elements(c)
		return c.Name + " = " + c.Name + " + " + word, cells
	case n < 45:
		word, cells := g.gone(c)
		return c.Name + " = " + c.Name + " - " + word, cells
	case n < 70 && c.Type.Kind() == types.KindMap:
		at, cell := g.one(c)
		options := g.words[c.Type.Elems()[1].Kind()]
		word := "null"
		if g.chance(70) {
			word = options[g.rng.IntN(len(options))]
			cell.Value = g.parsed(c.Type.Elems()[1], word)
		}
		return at + " = " + word, []model.Cell{cell}
	}
	word, cells := g.whole(c)
	return c.Name + " = " + word, cells
}

// gone are some members or keys as a set, and what taking them away leaves.
func (g *generator) gone(c *schema.Column) (word string, cells []model.Cell) {
	var words []string
	for _, member := range g.words[c.Type.Elems()[0].Kind()] {
		if g.chance(30) {
			words = append(words, member)
			cells = append(cells, model.Cell{Column: c.Name, Path: g.parsed(c.Type.Elems()[0], member)})
		}
	}
	return "{" + strings.Join(words, ", ") + "}", cells
}

// one is an element by its member or key, and what deleting it leaves.
func (g *generator) one(c *schema.Column) (text string, cell model.Cell) {
	options := g.words[c.Type.Elems()[0].Kind()]
	word := options[g.rng.IntN(len(options))]
	return c.Name + "[" + word + "]", model.Cell{Column: c.Name, Path: g.parsed(c.Type.Elems()[0], word)}
}

// removal is what DELETE names of a column, and what that leaves.
func (g *generator) removal(c *schema.Column) (text string, cell model.Cell) {
	if g.table.Multicell(c) && g.chance(60) {
		return g.one(c)
	}
	return c.Name, model.Cell{Column: c.Name}
}

// lists are the timestamps of the elements of a multi-cell column, and what is left of their TTLs.
func lists(v model.Value) (written, left string) {
	var timestamps, lives []string
	for _, e := range v.Elements {
		life := "null"
		if e.TTL > 0 {
			life = strconv.FormatInt(e.TTL, 10)
		}
		timestamps, lives = append(timestamps, strconv.FormatInt(e.Timestamp, 10)), append(lives, life)
	}
	return "[" + strings.Join(timestamps, ", ") + "]", "[" + strings.Join(lives, ", ") + "]"
}
