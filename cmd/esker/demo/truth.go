package demo

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"
)

// truth is what the files say, computed with the standard library alone and none of esker's code.
type truth struct {
	sensorFiles  []string
	climateFiles []string
	sensorRows   int                              // lines of the sensor files
	sensors      map[string]map[time.Time]float64 // by sensor and time
	climate      map[time.Time]map[string]float64 // by time, then column
}

// reading is one value of a sensor.
type reading struct {
	at    time.Time
	value float64
}

const timeLayout = "2006-01-02 15:04:05"

func readTruth(dir string) (*truth, error) {
	t := &truth{sensors: map[string]map[time.Time]float64{}, climate: map[time.Time]map[string]float64{}}
	var err error
	if t.sensorFiles, err = filepath.Glob(filepath.Join(dir, "nab", "*.csv")); err != nil {
		return nil, err
	}
	if t.climateFiles, err = filepath.Glob(filepath.Join(dir, "occupancy", "data*.txt")); err != nil {
		return nil, err
	}
	if len(t.sensorFiles) == 0 || len(t.climateFiles) == 0 {
		return nil, fmt.Errorf("%s: no readings there", dir)
	}
	for _, f := range t.sensorFiles {
		if err := t.readSensor(f); err != nil {
			return nil, err
		}
	}
	for _, f := range t.climateFiles {
		if err := t.readClimate(f); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// rows calls each with every record but the header.
func rows(file string, each func(header, record []string) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.FieldsPerRecord = -1
	header, err := r.Read()
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := each(header, record); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
}

func (t *truth) readSensor(file string) error {
	name := strings.TrimSuffix(filepath.Base(file), ".csv")
	values := map[time.Time]float64{}
	t.sensors[name] = values
	return rows(file, func(_, record []string) error {
		at, value, err := parse(record[0], record[1])
		if err != nil {
			return err
		}
		t.sensorRows++
		old, seen := values[at]
		// One load has one write timestamp: of two readings at one time the one whose bytes are larger stays.
		if !seen || larger(value, old) {
			values[at] = value
		}
		return nil
	})
}

func larger(a, b float64) bool {
	var x, y [8]byte
	binary.BigEndian.PutUint64(x[:], math.Float64bits(a))
	binary.BigEndian.PutUint64(y[:], math.Float64bits(b))
	return bytes.Compare(x[:], y[:]) > 0
}

func parse(at, value string) (time.Time, float64, error) {
	when, err := time.Parse(timeLayout, at)
	if err != nil {
		return when, 0, err
	}
	v, err := strconv.ParseFloat(value, 64)
	return when, v, err
}

// readClimate reads a file whose rows begin with a number that the header does not name.
func (t *truth) readClimate(file string) error {
	return rows(file, func(header, record []string) error {
		at, err := time.Parse(timeLayout, record[1])
		if err != nil {
			return err
		}
		row := map[string]float64{}
		for i := 1; i < len(header); i++ {
			if row[header[i]], err = strconv.ParseFloat(record[i+1], 64); err != nil {
				return err
			}
		}
		t.climate[at] = row
		return nil
	})
}

// distinct is how many (sensor, time) there are.
func (t *truth) distinct() int {
	n := 0
	for _, values := range t.sensors {
		n += len(values)
	}
	return n
}

// latest is the last reading of a sensor.
func (t *truth) latest(sensor string) reading {
	var out reading
	for at, v := range t.sensors[sensor] {
		if at.After(out.at) {
			out = reading{at, v}
		}
	}
	return out
}

// since are the readings of a sensor from a time on, newest first.
func (t *truth) since(sensor string, from time.Time) []reading {
	var out []reading
	for at, v := range t.sensors[sensor] {
		if !at.Before(from) {
			out = append(out, reading{at, v})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].at.After(out[j].at) })
	return out
}

// hour is what one hour of a day sums up to.
type hour struct {
	at                  time.Time
	count               int
	sum, min, max       float64
	first, last         float64
	firstTime, lastTime time.Time
}

// byHour sums up a column of the climate over the hours of a day.
func (t *truth) byHour(day time.Time, column string) []hour {
	byTime := map[time.Time]*hour{}
	for at, row := range t.climate {
		if at.Before(day) || !at.Before(day.AddDate(0, 0, 1)) {
			continue
		}
		start := at.Truncate(time.Hour)
		h := byTime[start]
		if h == nil {
			h = &hour{at: start, min: math.Inf(1), max: math.Inf(-1), firstTime: at.Add(time.Hour)}
			byTime[start] = h
		}
		v := row[column]
		h.count++
		h.sum += v
		h.min, h.max = min(h.min, v), max(h.max, v)
		if at.Before(h.firstTime) {
			h.first, h.firstTime = v, at
		}
		if !at.Before(h.lastTime) {
			h.last, h.lastTime = v, at
		}
	}
	out := make([]hour, 0, len(byTime))
	for _, h := range byTime {
		out = append(out, *h)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].at.Before(out[j].at) })
	return out
}

// occupied counts the climate's rows with somebody in the room.
func (t *truth) occupied() (rows int, last time.Time) {
	for at, row := range t.climate {
		if row["Occupancy"] == 1 {
			rows++
			if at.After(last) {
				last = at
			}
		}
	}
	return rows, last
}

// between counts the readings of all sensors from one time up to another, which is not included.
func (t *truth) between(from, to time.Time) (n int) {
	for _, readings := range t.sensors {
		for at := range readings {
			if !at.Before(from) && at.Before(to) {
				n++
			}
		}
	}
	return n
}
