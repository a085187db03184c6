package settings

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// YAML writes values as a file that ReadFile reads; origins says behind each where it is from.
func YAML(values []Value, origins bool) []byte {
	var out bytes.Buffer
	level := ""
	for _, v := range values {
		name, indent := v.Name, ""
		if above, below, ok := strings.Cut(v.Name, "."); ok {
			if above != level {
				out.WriteString(above + ":\n")
			}
			level, name, indent = above, below, "  "
		}
		out.WriteString(indent + name + ":")
		if row := find(v.Name); row != nil && row.List {
			out.WriteString("\n" + indent + "  - " + scalarYAML(v))
		} else {
			out.WriteString(" " + scalarYAML(v))
		}
		if origins {
			out.WriteString(" # " + v.Origin)
		}
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// scalarYAML quotes a text unless its kind makes it one word.
func scalarYAML(v Value) string {
	if v.Kind != "text" {
		return v.Text
	}
	return strconv.Quote(v.Text)
}

// JSON writes values as one object of names, in their order; origins makes each value an object of value and origin.
func JSON(values []Value, origins bool) ([]byte, error) {
	out := []byte("{")
	for i, v := range values {
		if i > 0 {
			out = append(out, ',')
		}
		var value any = v.scalarJSON()
		if origins {
			value = struct {
				Value  any    `json:"value"`
				Origin string `json:"origin"`
			}{value, v.Origin}
		}
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		out = append(out, "\n  "+strconv.Quote(v.Name)+": "...)
		out = append(out, text...)
	}
	return append(out, "\n}\n"...), nil
}

// scalarJSON is a number or a boolean where the kind is one.
func (v Value) scalarJSON() any {
	switch v.Kind {
	case "boolean":
		return v.Text == "true"
	case "number":
		return json.Number(v.Text)
	}
	return v.Text
}
