package catalog

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func (noStatus) Statements() Statements { return Statements{Kept: 3, Evicted: 4} }

func (noStatus) Served() Served {
	return Served{Prepared: 3, Texts: 1, Clients: []Client{
		{Address: netip.MustParseAddrPort("[::ffff:10.0.0.1]:70"), User: "anonymous", Stage: "established"},
		{
			Address: netip.MustParseAddrPort("[2001:db8::1]:80"), User: "ann", Stage: "ready", ProtocolVersion: 4, Keyspace: "ks", Requests: 5,
			Options: map[string]string{"DRIVER_NAME": "d", "A": "b"}, TLSVersion: "TLS 1.3", TLSCipher: "TLS_AES_128_GCM_SHA256",
		},
	}}
}

// Clients and their statements stand in the tables that Cassandra has for them; what a client has not said is null.
func TestClientsAndTheirStatements(t *testing.T) {
	s := testSource()
	var got []string
	for _, row := range readAll(t, s, "system_views.clients") {
		var columns []string
		for _, name := range slices.Sorted(maps.Keys(row)) {
			columns = append(columns, name+"="+row[name])
		}
		got = append(got, strings.Join(columns, " "))
	}
	slices.Sort(got)
	want := []string{
		"address=10.0.0.1 connection_stage=established hostname=10.0.0.1 port=70 request_count=0 ssl_enabled=false username=anonymous",
		"address=2001:db8::1 client_options={'A': 'b', 'DRIVER_NAME': 'd'} connection_stage=ready driver_name=d hostname=2001:db8::1 keyspace_name=ks" +
			" port=80 protocol_version=4 request_count=5 ssl_cipher_suite=TLS_AES_128_GCM_SHA256 ssl_enabled=true ssl_protocol=TLS 1.3 username=ann",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	metrics := map[string]string{}
	for _, row := range readAll(t, s, "system_views.cql_metrics") {
		metrics[row["name"]] = row["value"]
	}
	if want := map[string]string{
		"prepared_statements_count": "3", "prepared_statements_evicted": "4", "prepared_statements_executed": "3", "prepared_statements_ratio": "0.75",
		"regular_statements_executed": "1",
	}; !maps.Equal(metrics, want) {
		t.Errorf("%v", metrics)
	}
}
