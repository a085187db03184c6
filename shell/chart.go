package shell

import (
	"github.com/guptarohit/asciigraph"

	"github.com/eskerdb/esker/server/wire"
)

// Chart draws a series of values in the terminal, height lines high.
func Chart(values []float64, caption string, height int) string {
	if len(values) == 0 {
		return caption + ": no values"
	}
	return asciigraph.Plot(values, asciigraph.Height(height), asciigraph.Width(72), asciigraph.Caption(caption), asciigraph.Precision(2))
}

// FormatTable is rows as the shell shows them.
func FormatTable(columns []wire.Column, rows [][][]byte) (string, error) {
	t, err := newTable(columns)
	if err != nil {
		return "", err
	}
	for _, r := range rows {
		t.add(r)
	}
	return t.String(), nil
}
