package ingest

import (
	"bytes"
	"context"
	"fmt"
	"io"
)

var byteOrderMark = []byte("\xEF\xBB\xBF")

// examine reads the beginning of a file and makes its layout. Streams stay open, at their first record.
func (in *input) examine(ctx context.Context, p *planner, notes io.Writer) error {
	t, err := in.open(ctx, p.options.Streams.In, p.options.Format.Delimiter)
	if err != nil {
		return err
	}
	first, err := t.next(nil)
	if err != nil {
		t.close()
		return err
	}
	if err := in.readHead(first, p, notes); err != nil {
		t.close()
		return fmt.Errorf("%s: %w", in.path, err)
	}
	if !in.isStream {
		t.close()
		return nil
	}
	t.carry = append(bytes.Clone(first[in.body.Bytes:]), t.carry...)
	in.kept = t
	return nil
}

// readHead sets layout and body from the first records of the file.
func (in *input) readHead(first []byte, p *planner, notes io.Writer) error {
	start := 0
	if bytes.HasPrefix(first, byteOrderMark) {
		start = len(byteOrderMark)
	}
	s := scanner{delimiter: p.options.Format.Delimiter}
	s.reset(first[start:])
	var header [][]byte
	if !p.options.Format.NoHeader && s.next() {
		if s.fault != "" {
			return fmt.Errorf("header: %s", s.fault)
		}
		for _, field := range s.fields {
			header = append(header, bytes.Clone(field))
		}
	}
	in.body = place{Bytes: int64(start + s.at), Lines: s.line}
	if !s.next() && header == nil {
		fmt.Fprintf(notes, "%s: is empty\n", in.path)
		return nil
	}
	fields := len(header)
	if header == nil {
		fields = len(s.fields)
	} else if numbered(header, s.fields) {
		fields = len(s.fields)
		fmt.Fprintf(notes, "%s: rows begin with row numbers, which are left out\n", in.path)
	}
	var err error
	in.layout, err = p.plan(in.device(), header, fields)
	return err
}

// numbered tells whether records like first have a row number before the fields that the header names, or under an
// empty name.
func numbered(header, first [][]byte) bool {
	if len(first) == 0 {
		return false
	}
	_, isNumber := parseInteger(first[0])
	unnamed := len(first) == len(header) && len(trim(header[0])) == 0
	return isNumber && (len(first) == len(header)+1 || unnamed)
}
