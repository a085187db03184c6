package demo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/eskerdb/esker/cql/types"
)

// hotAbove is what the demo counts readings above, in degrees Fahrenheit.
const hotAbove = 105

// applications shows what else an application of Cassandra brings along: user types, collections, JSON, counters, arithmetic.
func (d *demo) applications(ctx context.Context) error {
	d.title("What else an application of Cassandra brings along: types, collections, JSON, counters, arithmetic")
	for _, text := range []string{
		"CREATE TYPE IF NOT EXISTS demo.place (hall text, floor int)",
		"CREATE TABLE IF NOT EXISTS demo.sensors (sensor text PRIMARY KEY, place frozen<place>, tags map<text, text>, alarms set<text>, notes list<text>)",
		"INSERT INTO demo.sensors JSON '{\"sensor\": \"" + shownSensor + "\", \"place\": {\"hall\": \"north\", \"floor\": 2}, \"tags\": {\"unit\": \"F\"}}'",
		"UPDATE demo.sensors SET tags['line'] = '4', alarms = alarms + {'hot'}, notes = notes + ['bearing replaced'] WHERE sensor = '" + shownSensor + "'",
		"CREATE TABLE IF NOT EXISTS demo.hot_readings (sensor text, day date, seen counter, PRIMARY KEY (sensor, day))",
		"TRUNCATE demo.hot_readings", // of a demo before
	} {
		d.say("%s;", text)
		if _, err := d.conn.Query(ctx, text); err != nil {
			return err
		}
	}
	if _, err := d.show(ctx, "SELECT sensor, place.hall, tags, tags['unit'], alarms FROM demo.sensors", 5); err != nil {
		return err
	}
	rows, err := d.show(ctx, "SELECT JSON place, tags, alarms, notes FROM demo.sensors", 5)
	if err != nil {
		return err
	}
	d.check("what JSON and UPDATE wrote", len(rows) == 1 && string(rows[0][0]) ==
		`{"place": {"hall": "north", "floor": 2}, "tags": {"line": "4", "unit": "F"}, "alarms": ["hot"], "notes": ["bearing replaced"]}`, true)
	if err := d.countHot(ctx); err != nil {
		return err
	}
	return d.celsius(ctx)
}

// countHot counts in a counter of the server, one reading after another, and compares with the file.
func (d *demo) countHot(ctx context.Context) error {
	want := map[string]int64{}
	for at, value := range d.truth.sensors[shownSensor] {
		if value > hotAbove {
			want[at.Format(time.DateOnly)]++
		}
	}
	for _, day := range slices.Sorted(maps.Keys(want)) {
		for range want[day] {
			text := fmt.Sprintf("UPDATE demo.hot_readings SET seen = seen + 1 WHERE sensor = '%s' AND day = '%s'", shownSensor, day)
			if _, err := d.conn.Query(ctx, text); err != nil {
				return err
			}
		}
	}
	rows, err := d.show(ctx, "SELECT day, seen FROM demo.hot_readings WHERE sensor = '"+shownSensor+"'", 5)
	if err != nil {
		return err
	}
	right := len(rows) == len(want)
	for _, row := range rows {
		right = right && types.DecodeInt64(row[1]) == want[string(types.Date.AppendText(nil, row[0], types.TextOptions{}))]
	}
	d.check("counters as in the file", right, true)
	return nil
}

// celsius has the server convert the newest reading.
func (d *demo) celsius(ctx context.Context) error {
	rows, err := d.show(ctx, "SELECT ts, value, (value - 32) * 5 / 9 AS celsius FROM demo.readings WHERE sensor = '"+shownSensor+"' LIMIT 3", 3)
	if err != nil {
		return err
	}
	want := (d.truth.latest(shownSensor).value - 32) * 5 / 9
	d.check("converted by the server", len(rows) == 3 && types.DecodeFloat64(rows[0][2]) == want, true)
	return nil
}
