package demo

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/shell"
)

// settled waits until no window of a rollup waits to be computed, of any age.
func (d *demo) settled(ctx context.Context) error {
	return d.wait(ctx, "rollups", func() (bool, error) {
		n, err := d.count(ctx, "SELECT sum(dirty_windows) FROM system_views.rollups")
		return n == 0, err
	})
}

const (
	shownDay = "2015-02-12"
	// byHourQuestion asks the base table; which level answers is the server's business.
	byHourQuestion = "SELECT floor(ts, 1h) AS hour, count(temperature) AS count, avg(temperature) AS avg, min(temperature) AS min, max(temperature) AS max " +
		"FROM demo.climate WHERE room = 'office' AND ts >= '" + shownDay + "' AND ts < '2015-02-13' GROUP BY room, floor(ts, 1h) ORDER BY ts ASC"
)

func (d *demo) dayByHour(ctx context.Context) error {
	d.title("A day by the hour: the base table is asked, a rollup answers")
	rows, err := d.show(ctx, byHourQuestion, 24)
	if err != nil {
		return err
	}
	day, _ := time.Parse(time.DateOnly, shownDay)
	want := d.truth.byHour(day, "Temperature")
	d.check("hours", len(rows), len(want))
	d.check("hours as in the files", sameHours(rows, want), len(want))
	averages := make([]float64, 0, len(rows))
	for _, row := range rows {
		averages = append(averages, types.DecodeFloat64(row[2]))
	}
	d.say("\n%s", shell.Chart(averages, "office, average temperature by the hour, "+shownDay, 10))
	_, err = d.show(ctx, "EXPLAIN "+byHourQuestion, 8)
	return err
}

// sameHours counts the rows that are as computed.
func sameHours(rows [][][]byte, want []hour) (right int) {
	for i := range min(len(rows), len(want)) {
		if sameHour(rows[i], want[i]) {
			right++
		}
	}
	return right
}

// sameHour compares a row of hourly values; sums of floats may differ in their last bits.
func sameHour(cells [][]byte, h hour) bool {
	avg := h.sum / float64(h.count)
	return types.DecodeInt64(cells[0]) == h.at.UnixMilli() && types.DecodeInt64(cells[1]) == int64(h.count) &&
		math.Abs(types.DecodeFloat64(cells[2])-avg) <= 1e-12*math.Abs(h.sum) &&
		types.DecodeFloat64(cells[3]) == h.min && types.DecodeFloat64(cells[4]) == h.max
}

// lateCorrection changes a reading that is years old: the levels follow.
func (d *demo) lateCorrection(ctx context.Context) error {
	d.title("A reading of that day is corrected, years late")
	day, _ := time.Parse(time.DateOnly, shownDay)
	at := day.Add(10 * time.Hour)
	right, ok := d.truth.climate[at]["Temperature"]
	if !ok {
		return fmt.Errorf("the files have no reading at %s", at)
	}
	const wrong = 99.5
	insert := fmt.Sprintf("INSERT INTO demo.climate (room, ts, temperature) VALUES ('office', '%s', ", at.Format(timeLayout))
	d.say("cqlsh> %s%v);", insert, wrong)
	if _, err := d.conn.Query(ctx, insert+fmt.Sprint(wrong)+")"); err != nil {
		return err
	}
	const highest = "SELECT max_temperature FROM demo.climate_1d WHERE room = 'office' AND ts = '" + shownDay + "'"
	highestIs := func(want float64) (float64, error) {
		var got float64
		err := d.wait(ctx, "the day", func() (bool, error) {
			rows, err := d.rows(ctx, highest)
			if err != nil || len(rows) != 1 {
				return false, err
			}
			got = types.DecodeFloat64(rows[0][0])
			return got == want, nil
		})
		return got, err
	}
	got, err := highestIs(wrong)
	if err != nil {
		return err
	}
	d.check("highest temperature of the day, in the daily level", got, wrong)
	d.say("cqlsh> %s%v);", insert, right)
	if _, err := d.conn.Query(ctx, insert+fmt.Sprint(right)+")"); err != nil {
		return err
	}
	want := math.Inf(-1)
	for _, h := range d.truth.byHour(day, "Temperature") {
		want = max(want, h.max)
	}
	if got, err = highestIs(want); err != nil {
		return err
	}
	d.check("and when it is put right again", got, want)
	return d.checkRollups(ctx, "demo.climate_1h", "demo.climate_1d")
}

// checkRollups has rollups compared with the rows that they stand for.
func (d *demo) checkRollups(ctx context.Context, names ...string) error {
	if err := d.settled(ctx); err != nil {
		return err
	}
	for _, name := range names {
		differences, err := d.show(ctx, "CHECK ROLLUP "+name, 3)
		if err != nil {
			return err
		}
		d.check("windows of "+name+" that differ from the readings", len(differences), 0)
	}
	return nil
}

// backfill declares a rollup over readings that are there.
func (d *demo) backfill(ctx context.Context) error {
	d.title("A rollup over the readings of years, declared afterwards: days of New York, with percentiles")
	const create = `CREATE ROLLUP IF NOT EXISTS demo.readings_ny ON demo.readings AS
    SELECT sensor, floor(ts, 1d) AS day, count(value), avg(value), min(value), max(value), percentile(value, 0.5, 0.99)
    GROUP BY sensor, floor(ts, 1d) WITH time_zone = 'America/New_York'`
	d.say("%s;", create)
	started := d.Clock.Now()
	if _, err := d.conn.Query(ctx, create); err != nil {
		return err
	}
	err := d.wait(ctx, "rollup built", func() (bool, error) {
		rows, err := d.rows(ctx, "SELECT built FROM system_views.rollup_progress WHERE keyspace_name = 'demo' AND rollup_name = 'readings_ny'")
		return err == nil && len(rows) == 1 && types.DecodeFloat64(rows[0][0]) == 1, err
	})
	if err != nil {
		return err
	}
	d.say("   built from %d rows in %s", d.truth.distinct(), d.Clock.Now().Sub(started).Round(time.Millisecond))
	rows, err := d.show(ctx, "SELECT day, count_value, avg_value, p50_value, p99_value FROM demo.readings_ny WHERE sensor = 'nyc_taxi' AND "+
		"day >= '2014-11-01 04:00:00+0000' AND day < '2014-11-06 05:00:00+0000'", 6)
	if err != nil {
		return err
	}
	// Clocks went back on 2 November 2014: that day has 25 hours, and 50 half hours.
	longest := int64(0)
	for _, row := range rows {
		longest = max(longest, types.DecodeInt64(row[1]))
	}
	d.check("half hours of the day on which the clocks went back", longest, 50)
	return d.checkRollups(ctx, "demo.readings_ny")
}

// retention lets readings of two hours end after one, and keeps their minutes.
func (d *demo) retention(ctx context.Context) error {
	d.title("Readings for an hour, their minutes for ever")
	for _, text := range []string{
		"CREATE TABLE IF NOT EXISTS demo.recent (sensor text, ts timestamp, value double, PRIMARY KEY (sensor, ts)) WITH rollups = {'1m': 'forever'}",
		"TRUNCATE demo.recent",
	} {
		if _, err := d.conn.Query(ctx, text); err != nil {
			return err
		}
	}
	const seconds, kept = 2 * 3600, 3600
	now := d.Clock.Now().Truncate(time.Minute)
	var batch strings.Builder
	for i := 0; i < seconds; i += 10 {
		fmt.Fprintf(&batch, "INSERT INTO demo.recent (sensor, ts, value) VALUES ('s', %d, %d); ", now.Add(-time.Duration(seconds-i)*time.Second).UnixMilli(), i)
		if i%600 == 590 {
			if _, err := d.conn.Query(ctx, "BEGIN UNLOGGED BATCH "+batch.String()+"APPLY BATCH"); err != nil {
				return err
			}
			batch.Reset()
		}
	}
	if err := d.settled(ctx); err != nil {
		return err
	}
	const alter = "ALTER TABLE demo.recent WITH retention = {'duration': '1h', 'by': 'ts'}"
	d.say("%s;", alter)
	if _, err := d.conn.Query(ctx, alter); err != nil {
		return err
	}
	n, err := d.count(ctx, "SELECT count(*) FROM demo.recent")
	if err != nil {
		return err
	}
	d.check("readings of two hours, every ten seconds, that still show: no more than an hour's", n <= kept/10 && n > kept/10-60, true)
	n, err = d.count(ctx, "SELECT sum(count_value) FROM demo.recent_1m")
	if err != nil {
		return err
	}
	d.check("readings that the minutes stand for", n, seconds/10)
	if _, err := d.conn.Query(ctx, "ADMIN FLUSH demo.recent"); err != nil {
		return err
	}
	_, err = d.show(ctx, "EXPLAIN RETENTION demo.recent", 5)
	return err
}

// rows are the cells of a short answer.
func (d *demo) rows(ctx context.Context, text string) ([][][]byte, error) {
	result, err := d.conn.Query(ctx, text)
	if err != nil {
		return nil, err
	}
	var all [][][]byte
	for {
		cells, err := result.Next(ctx)
		if err != nil || cells == nil {
			return all, err
		}
		row := make([][]byte, len(cells))
		for i, c := range cells {
			row[i] = append([]byte(nil), c...)
		}
		all = append(all, row)
	}
}
