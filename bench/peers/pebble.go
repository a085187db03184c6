package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"

	"github.com/eskerdb/esker/bench"
)

// groupRows is how many rows an atomic write has where a store is loaded in merged arrival.
const groupRows = 500

// pebbleStore keeps a row under device and time, its values packed one after the other.
type pebbleStore struct {
	db   *pebble.DB
	work *bench.Workload
}

// openPebble returns how to open Pebble with a compression.
func openPebble(compression *sstable.CompressionProfile) func(context.Context, *config, *bench.Workload, string) (store, error) {
	return func(_ context.Context, _ *config, w *bench.Workload, dir string) (store, error) {
		o := &pebble.Options{MemTableSize: 64 << 20, Logger: silent{}}
		o.Levels[0].Compression = func() *sstable.CompressionProfile { return compression } // of the others too
		cache := pebble.NewCache(64 << 20)
		defer cache.Unref()
		o.Cache = cache
		db, err := pebble.Open(dir, o)
		if err != nil {
			return nil, err
		}
		return &pebbleStore{db: db, work: w}, nil
	}
}

type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}

func (s *pebbleStore) key(dst []byte, device int, millis int64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, s.work.Names[device]...), uint64(millis))
}

// value packs which columns there are and their values.
func (s *pebbleStore) value(dst []byte, r *bench.Reading) []byte {
	dst = binary.AppendUvarint(dst, uint64(r.Present))
	for i, c := range s.work.Columns {
		if !r.Has(i) {
			continue
		}
		switch c.Kind {
		case bench.Double:
			dst = binary.BigEndian.AppendUint64(dst, r.Words[i])
		case bench.Float, bench.Int:
			dst = binary.BigEndian.AppendUint32(dst, uint32(r.Words[i]))
		case bench.Bool:
			dst = append(dst, byte(r.Words[i]))
		case bench.Text:
			text := r.Text(i)
			dst = append(append(dst, byte(len(text))), text...)
		}
	}
	return dst
}

func (s *pebbleStore) load(ctx context.Context) error {
	const writers = 2
	failures := make([]error, writers)
	var wait sync.WaitGroup
	for i := range writers {
		wait.Go(func() { failures[i] = s.loadSome(ctx, i*s.work.Devices/writers, (i+1)*s.work.Devices/writers) })
	}
	wait.Wait()
	return errors.Join(failures...)
}

func (s *pebbleStore) loadSome(ctx context.Context, from, to int) error {
	batch, rows := s.db.NewBatch(), 0
	var key, value []byte
	commit := func() error {
		if rows == 0 {
			return nil
		}
		rows = 0
		err := batch.Commit(pebble.Sync)
		batch.Reset()
		return err
	}
	err := merged(ctx, s.work, from, to, func(device int, r *bench.Reading) error {
		key, value = s.key(key[:0], device, r.Millis), s.value(value[:0], r)
		if err := batch.Set(key, value, nil); err != nil {
			return err
		}
		if rows++; rows < groupRows {
			return nil
		}
		return commit()
	})
	return errors.Join(err, commit(), batch.Close())
}

func (s *pebbleStore) settle(ctx context.Context) error {
	return errors.Join(s.db.Flush(), s.db.Compact(ctx, []byte{0}, []byte{0xff}, true))
}

// bytes is that of the table files: the log and obsolete files are Pebble's own affair.
func (s *pebbleStore) bytes() (int64, error) {
	m := s.db.Metrics()
	total := m.Total()
	return int64(total.TablesSize), nil
}

// scan calls each with the rows of a device from start to before end.
func (s *pebbleStore) scan(device int, start, end int64, each func(millis int64, value []byte)) error {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: s.key(nil, device, start), UpperBound: s.key(nil, device, end)})
	if err != nil {
		return err
	}
	for it.First(); it.Valid(); it.Next() {
		key := it.Key()
		each(int64(binary.BigEndian.Uint64(key[len(key)-8:])), it.Value())
	}
	return errors.Join(it.Error(), it.Close())
}

// first is the first column of a row, which is a double; false if the row has none.
func first(value []byte) (float64, bool) {
	present, n := binary.Uvarint(value)
	if present&1 == 0 {
		return 0, false
	}
	return math.Float64frombits(binary.BigEndian.Uint64(value[n:])), true
}

func (s *pebbleStore) hour(_ context.Context, device int, start int64) (rows int, sum float64, err error) {
	err = s.scan(device, start, start+hourMillis, func(_ int64, value []byte) {
		v, _ := first(value)
		rows, sum = rows+1, sum+v
	})
	return rows, sum, err
}

func (s *pebbleStore) last(_ context.Context, device int) (int64, error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: s.key(nil, device, 0), UpperBound: s.key(nil, device, math.MaxInt64)})
	if err != nil {
		return 0, err
	}
	if !it.Last() {
		return 0, errors.Join(io.ErrUnexpectedEOF, it.Close())
	}
	key := it.Key()
	return int64(binary.BigEndian.Uint64(key[len(key)-8:])), it.Close()
}

// hours adds up the first column by the hour.
type hours [24]struct {
	count         int
	sum, min, max float64
}

func (h *hours) add(hour int, v float64) {
	e := &h[hour]
	if e.count == 0 {
		e.min, e.max = v, v
	}
	e.count++
	e.sum += v
	e.min, e.max = min(e.min, v), max(e.max, v)
}

func (h *hours) averages() (out []float64) {
	for i := range h {
		if h[i].count > 0 {
			out = append(out, h[i].sum/float64(h[i].count))
		}
	}
	return out
}

func (s *pebbleStore) byHour(device int) (h hours, err error) {
	start := s.work.Start
	err = s.scan(device, start, start+24*hourMillis, func(millis int64, value []byte) {
		if v, ok := first(value); ok {
			h.add(int((millis-start)/hourMillis), v)
		}
	})
	return h, err
}

func (s *pebbleStore) hourly(_ context.Context, device int) ([]float64, error) {
	h, err := s.byHour(device)
	return h.averages(), err
}

func (s *pebbleStore) rollup(context.Context) (int, error) {
	const readers = 2
	failures, groups := make([]error, readers), make([]int, readers)
	var wait sync.WaitGroup
	for i := range readers {
		wait.Go(func() {
			for device := i; device < s.work.Devices && failures[i] == nil; device += readers {
				var h hours
				h, failures[i] = s.byHour(device)
				groups[i] += len(h.averages())
			}
		})
	}
	wait.Wait()
	return groups[0] + groups[1], errors.Join(failures...)
}

func (s *pebbleStore) close() error { return s.db.Close() }
