package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	chunkBytes = 256 << 10 // of text that is parsed in one go
	// recordBytesMax is the longest record. A longer one is a quote that is not closed, most of the time.
	recordBytesMax = 16 << 20
	zstdMemoryMax  = 256 << 20
)

// input is a file to load.
type input struct {
	path     string // "-" is the standard input
	size     int64  // as stored, in bytes; 0 of streams
	modified int64  // nanoseconds since 1970; 0 of streams
	isStream bool   // can be read only once

	layout *layout // nil of a file without records
	body   place   // where the first record begins
	kept   *text   // of streams: opened, read up to body
	acked  place   // guarded by tracker.mu; everything before it is stored or rejected
}

// place is a place in the decoded text of a file.
type place struct {
	Bytes int64 `json:"bytes"`
	Lines int   `json:"lines"` // that end before it
	Rows  int64 `json:"rows"`  // stored of those before it
}

// device is the file's name without folder and extensions.
func (in *input) device() string {
	name := filepath.Base(in.path)
	for _, extension := range []string{".gz", ".zst"} {
		name = strings.TrimSuffix(name, extension)
	}
	return strings.TrimSuffix(name, filepath.Ext(name))
}

// findInputs expands patterns and looks whether the files are there.
func findInputs(names []string) ([]*input, error) {
	var inputs []*input
	streams := 0
	for _, name := range names {
		paths, err := expand(name)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			in, err := newInput(path)
			if err != nil {
				return nil, err
			}
			if path == "-" {
				streams++
			}
			inputs = append(inputs, in)
		}
	}
	if streams > 1 {
		return nil, errors.New("the standard input can be loaded only once")
	}
	return inputs, nil
}

func expand(name string) ([]string, error) {
	if _, err := os.Stat(name); name == "-" || err == nil || !strings.ContainsAny(name, "*?[") {
		return []string{name}, nil
	}
	paths, err := filepath.Glob(name)
	if err != nil {
		return nil, fmt.Errorf("pattern %s: %w", name, err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("pattern %s: no file matches", name)
	}
	return paths, nil
}

func newInput(path string) (*input, error) {
	if path == "-" {
		return &input{path: path, isStream: true}, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s: is a folder", path)
	}
	if !info.Mode().IsRegular() {
		return &input{path: path, isStream: true}, nil
	}
	return &input{path: path, size: info.Size(), modified: info.ModTime().UnixNano()}, nil
}

// text is a file that is open: its records as they are read.
type text struct {
	path      string
	delimiter byte
	decoded   io.Reader
	raw       *counter
	close     func()
	carry     []byte // read already, not given out yet
	ended     bool   // decoded has nothing more
}

// counter counts what is read through it.
type counter struct {
	from io.Reader
	n    atomic.Int64
}

// Read reads and counts.
func (c *counter) Read(b []byte) (int, error) {
	n, err := c.from.Read(b)
	c.n.Add(int64(n))
	return n, err
}

// open opens the file at its beginning. ctx ends reading of streams.
func (in *input) open(ctx context.Context, stdin io.Reader, delimiter byte) (*text, error) {
	t := &text{path: in.path, delimiter: delimiter, close: func() {}}
	from := stdin
	if in.path != "-" {
		f, err := os.Open(in.path)
		if err != nil {
			return nil, err
		}
		t.close = func() { _ = f.Close() }
		from = f
	}
	if in.isStream {
		from = newStream(ctx, from)
	}
	t.raw = &counter{from: from}
	t.decoded = t.raw
	switch filepath.Ext(in.path) {
	case ".gz":
		z, err := gzip.NewReader(t.raw)
		if err != nil {
			t.close()
			return nil, fmt.Errorf("%s: %w", in.path, err)
		}
		t.decoded = z
	case ".zst":
		z, err := zstd.NewReader(t.raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(zstdMemoryMax))
		if err != nil {
			t.close()
			return nil, fmt.Errorf("%s: %w", in.path, err)
		}
		closeFile := t.close
		t.close = func() { z.Close(); closeFile() }
		t.decoded = z
	}
	return t, nil
}

// skip passes n bytes of decoded text.
func (t *text) skip(n int64) error {
	if f, ok := t.raw.from.(*os.File); ok && t.decoded == io.Reader(t.raw) {
		if _, err := f.Seek(n, io.SeekStart); err != nil {
			return err
		}
		t.raw.n.Store(n)
		return nil
	}
	if _, err := io.CopyN(io.Discard, t.decoded, n); err != nil {
		return fmt.Errorf("%s: skip %d bytes: %w", t.path, n, err)
	}
	return nil
}

// next fills buf, from its beginning, with whole records: as many as fit, or one that is longer. Nothing is the end.
func (t *text) next(buf []byte) ([]byte, error) {
	buf = append(buf[:0], t.carry...)
	t.carry = t.carry[:0]
	for {
		if err := t.fill(&buf); err != nil {
			return nil, err
		}
		if t.ended {
			return buf, nil
		}
		if end := recordsEnd(buf, t.delimiter); end > 0 {
			t.carry = append(t.carry, buf[end:]...)
			return buf[:end], nil
		}
		if len(buf) >= recordBytesMax {
			return nil, fmt.Errorf("%s: a record is longer than %d bytes: is a quote not closed?", t.path, recordBytesMax)
		}
		buf = append(make([]byte, 0, min(2*cap(buf), recordBytesMax)), buf...)
	}
}

// fill reads until buf's capacity is full or the text ends.
func (t *text) fill(buf *[]byte) error {
	if cap(*buf) < chunkBytes {
		*buf = append(make([]byte, 0, chunkBytes), *buf...)
	}
	b := *buf
	for len(b) < cap(b) && !t.ended {
		n, err := t.decoded.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			t.ended = true
		} else if err != nil {
			return fmt.Errorf("%s: %w", t.path, err)
		}
	}
	*buf = b
	return nil
}

// stream reads what cannot be waited for and left: a terminal, a pipe.
type stream struct {
	ctx    context.Context
	blocks chan block
	ahead  chan []byte // buffers to read into
	have   []byte
	err    error
	buf    []byte
}

type block struct {
	bytes []byte
	err   error
}

// newStream starts a goroutine that reads ahead one block. Nothing can end a read of a terminal or a pipe: the
// goroutine stays in it until the read ends by itself.
func newStream(ctx context.Context, from io.Reader) *stream {
	s := &stream{ctx: ctx, blocks: make(chan block, 1), ahead: make(chan []byte, 1)}
	s.ahead <- make([]byte, chunkBytes)
	go func() {
		for {
			select {
			case buf := <-s.ahead:
				n, err := from.Read(buf[:cap(buf)])
				s.blocks <- block{buf[:n], err}
				if err != nil {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return s
}

// Read returns ctx's error when it has ended.
func (s *stream) Read(b []byte) (int, error) {
	for len(s.have) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		if s.buf != nil {
			s.ahead <- s.buf
			s.buf = nil
		}
		select {
		case next := <-s.blocks:
			s.have, s.err, s.buf = next.bytes, next.err, next.bytes
			if next.err != nil {
				s.buf = nil
			}
		case <-s.ctx.Done():
			return 0, s.ctx.Err()
		}
	}
	n := copy(b, s.have)
	s.have = s.have[n:]
	return n, nil
}
