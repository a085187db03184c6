package demo

import "context"

// sight shows what an operator sees of buckets, query tables and busy partitions.
func (d *demo) sight(ctx context.Context) error {
	d.title("What the server tells of its tables: time buckets, query tables, busy partitions (esker admin buckets, querytables, toppartitions)")
	buckets, err := d.show(ctx, "SELECT bucket_start, partitions, rows, bytes FROM system_views.buckets WHERE keyspace_name = 'demo' AND table_name = 'climate'", 3)
	if err != nil {
		return err
	}
	d.check("time buckets are there", len(buckets) > 0, true)
	copies, err := d.show(ctx, "SELECT base_table_name, table_name, state FROM system_views.query_tables WHERE keyspace_name = 'demo'", 3)
	if err != nil {
		return err
	}
	state := ""
	if len(copies) > 0 {
		state = string(copies[0][2])
	}
	d.check("the query table is", state, "live")
	_, err = d.show(ctx, "SELECT partition, reads, writes FROM system_views.top_partitions WHERE keyspace_name = 'demo' AND table_name = 'readings' LIMIT 3", 3)
	return err
}
