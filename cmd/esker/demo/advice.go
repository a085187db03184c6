package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cql/types"
)

// acrossQuestion asks all sensors for one hour, which the key of demo.readings does not serve.
const acrossQuestion = "SELECT sensor, ts, value FROM demo.readings WHERE ts >= '2014-04-14 10:00:00+0000' AND ts < '2014-04-14 11:00:00+0000'"

// advice asks what no key serves, takes the server's advice, and asks again.
func (d *demo) advice(ctx context.Context) error {
	d.title("A question that no key serves, and what the server says to do")
	create, err := d.refused(ctx, acrossQuestion)
	if err != nil || create == "" {
		return err
	}
	d.say("\ncqlsh> %s", create)
	started := d.Clock.Now()
	if _, err := d.conn.Query(ctx, create); err != nil {
		return err
	}
	const name = "readings_by_ts_1h"
	err = d.wait(ctx, "query table built", func() (bool, error) {
		state, err := d.text(ctx, "SELECT state FROM system_views.query_tables WHERE keyspace_name = 'demo' AND base_table_name = 'readings' AND table_name = '"+name+"'")
		return state == "live", err
	})
	if err != nil {
		return err
	}
	d.say("   built over %d rows in %s, while reads and writes go on", d.truth.distinct(), d.Clock.Now().Sub(started).Round(time.Millisecond))
	found, err := d.show(ctx, acrossQuestion, 3)
	if err != nil {
		return err
	}
	from := time.Date(2014, 4, 14, 10, 0, 0, 0, time.UTC)
	d.check("readings of all sensors in that hour", len(found), d.truth.between(from, from.Add(time.Hour)))
	if _, err := d.show(ctx, "EXPLAIN ANALYZE "+acrossQuestion, 8); err != nil {
		return err
	}
	differences, err := d.show(ctx, "CHECK QUERY TABLE demo."+name, 3)
	if err != nil {
		return err
	}
	d.check("differences between the table and its copy", len(differences), 0)
	return nil
}

// refused runs a statement that must be refused, shows why, and returns the statement that is suggested.
func (d *demo) refused(ctx context.Context, text string) (create string, err error) {
	d.say("\ncqlsh> %s;", text)
	_, err = d.conn.Query(ctx, text)
	var refused *client.Error
	if !errors.As(err, &refused) {
		d.check("a question that no key serves is", "answered", "refused")
		return "", err
	}
	d.say("   %s", strings.ReplaceAll(refused.Message, "\n", "\n   "))
	_, create, _ = strings.Cut(refused.Message, "Create:  ")
	create, _, _ = strings.Cut(create, "\n")
	d.check("the refusal names the statement that helps", strings.HasPrefix(create, "CREATE QUERY TABLE"), true)
	return create, nil
}

// text is the one cell of an answer that has one; empty where there is none.
func (d *demo) text(ctx context.Context, statement string) (string, error) {
	result, err := d.conn.Query(ctx, statement)
	if err != nil {
		return "", err
	}
	cells, err := result.Next(ctx)
	if err != nil || len(cells) == 0 {
		return "", err
	}
	return string(cells[0]), nil
}

// gaps fills the hours in which a sensor reported nothing, and changes the size of the time buckets under the data.
func (d *demo) gaps(ctx context.Context) error {
	d.title("Hours without a reading are filled; other time buckets change no answer")
	const sensor = "TravelTime_387"
	day := time.Date(2015, 7, 12, 0, 0, 0, 0, time.UTC)
	text := fmt.Sprintf("SELECT floor(ts, 1h) AS hour, count(value) AS n, avg(value) AS avg FROM demo.readings WHERE sensor = '%s' AND ts >= '%s' AND ts < '%s' GROUP BY floor(ts, 1h) FILL(linear)",
		sensor, day.Format("2006-01-02 15:04:05-0700"), day.AddDate(0, 0, 1).Format("2006-01-02 15:04:05-0700"))
	before, err := d.show(ctx, text, 8)
	if err != nil {
		return err
	}
	rows := int64(0)
	for _, cells := range before {
		if cells[1] != nil {
			rows += types.DecodeInt64(cells[1])
		}
	}
	d.check("hours of the day", len(before), 24)
	alter := "ALTER TABLE demo.readings WITH time_bucket = {'column': 'ts', 'size': '6h'}"
	d.say("\ncqlsh> %s;", alter)
	if _, err := d.conn.Query(ctx, alter); err != nil {
		return err
	}
	after, err := d.show(ctx, text, 1)
	if err != nil {
		return err
	}
	d.check("the answer is the same", fmt.Sprint(after) == fmt.Sprint(before), true)
	return nil
}
