package catalog

import "net/netip"

// Client is one connection, as Cassandra describes it. What the client has not said yet is empty.
type Client struct {
	Address         netip.AddrPort
	User            string // anonymous where nobody is asked
	Stage           string // established, authenticating or ready
	ProtocolVersion int
	Options         map[string]string // of STARTUP
	Keyspace        string            // that it uses
	Requests        int64
	// TLSVersion and TLSCipher are empty of a connection in the clear.
	TLSVersion, TLSCipher string
}

// Served is what the server before the database knows.
type Served struct {
	Clients []Client
	// Prepared and Texts are how many statements were carried out by EXECUTE and by QUERY since the start.
	Prepared, Texts int64
}

// Statements says how the cache of prepared statements does.
type Statements struct {
	Kept    int
	Evicted int64
}

func (s *Source) clients() []values {
	var out []values
	served := s.catalog.status.Served()
	for i := range served.Clients {
		c := &served.Clients[i]
		row := values{
			"address": c.Address.Addr().Unmap().AsSlice(), "port": integer(int64(c.Address.Port())), "hostname": text(c.Address.Addr().Unmap().String()),
			"username": text(c.User), "connection_stage": text(c.Stage), "request_count": bigint(c.Requests), "ssl_enabled": boolean(c.TLSVersion != ""),
		}
		if c.ProtocolVersion != 0 {
			row["protocol_version"] = integer(int64(c.ProtocolVersion))
		}
		if c.Options != nil {
			row["client_options"] = mapValue(textMap, c.Options)
		}
		for column, option := range map[string]string{"driver_name": "DRIVER_NAME", "driver_version": "DRIVER_VERSION"} {
			if said, ok := c.Options[option]; ok {
				row[column] = text(said)
			}
		}
		if c.Keyspace != "" {
			row["keyspace_name"] = text(c.Keyspace)
		}
		if c.TLSVersion != "" {
			row["ssl_protocol"], row["ssl_cipher_suite"] = text(c.TLSVersion), text(c.TLSCipher)
		}
		out = append(out, row)
	}
	return out
}

// cqlMetrics are the five numbers of Cassandra's table of that name.
func (s *Source) cqlMetrics() (out []values) {
	served, kept := s.catalog.status.Served(), s.catalog.status.Statements()
	ratio := 0.0
	if all := served.Prepared + served.Texts; all > 0 {
		ratio = float64(served.Prepared) / float64(all)
	}
	for _, m := range []struct {
		name  string
		value float64
	}{
		{"prepared_statements_count", float64(kept.Kept)}, {"prepared_statements_evicted", float64(kept.Evicted)},
		{"prepared_statements_executed", float64(served.Prepared)}, {"prepared_statements_ratio", ratio},
		{"regular_statements_executed", float64(served.Texts)},
	} {
		out = append(out, values{"name": text(m.name), "value": number(m.value)})
	}
	return out
}
