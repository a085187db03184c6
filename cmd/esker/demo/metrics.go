package demo

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// metricsShown are the lines that the demo shows of a page of metrics.
var metricsShown = []string{
	`esker_requests_total{opcode="query"}`, `esker_requests_total{opcode="batch"}`, `esker_commitlog_records_total`, `esker_commitlog_syncs_total`,
	`esker_table_memtable_rows{keyspace="demo",table="readings"}`, `esker_rollup_computed_rows_total{keyspace="demo",table="climate_1h"}`,
}

// metrics shows what Prometheus reads, and that it counts what was asked.
func (d *demo) metrics(ctx context.Context) error {
	d.title("What Prometheus reads (http://%s/metrics)", d.server.metrics)
	before, err := d.scrape(ctx)
	if err != nil {
		return err
	}
	for _, name := range metricsShown {
		if value, ok := before[name]; ok {
			d.say("    %s %s", name, strconv.FormatFloat(value, 'f', -1, 64))
		}
	}
	const asked = 25
	for range asked {
		if _, err := d.count(ctx, "SELECT count(*) FROM demo.readings WHERE sensor = 'nyc_taxi' AND ts >= '2014-07-01' AND ts < '2014-07-02'"); err != nil {
			return err
		}
	}
	after, err := d.scrape(ctx)
	if err != nil {
		return err
	}
	const counted = `esker_requests_total{opcode="query"}`
	d.check(fmt.Sprintf("after %d SELECTs more, %s grew by", asked, counted), int(after[counted]-before[counted]), asked)
	return nil
}

// pageBytesMax is how long a page of metrics may be.
const pageBytesMax = 16 << 20

// scrape reads the page of metrics: values by name and labels.
func (d *demo) scrape(ctx context.Context) (map[string]float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.server.metrics+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	out := map[string]float64{}
	lines := bufio.NewScanner(io.LimitReader(answer.Body, pageBytesMax))
	for lines.Scan() {
		at := strings.LastIndexByte(lines.Text(), ' ')
		if at < 0 || lines.Text()[0] == '#' {
			continue
		}
		if out[lines.Text()[:at]], err = strconv.ParseFloat(lines.Text()[at+1:], 64); err != nil {
			return nil, fmt.Errorf("metrics: %q: %w", lines.Text(), err)
		}
	}
	return out, lines.Err()
}
