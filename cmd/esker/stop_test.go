package main

import (
	"encoding/binary"
	"os"
	"syscall"
	"testing"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/server/wire"
)

// However a server stops under load, whatever it acknowledged is there at the next start.
func TestStopUnderLoadLosesNothingAcknowledged(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		dir := t.TempDir()
		p := startServer(t, "--data", dir)
		p.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
			"CREATE TABLE ks.t (k int PRIMARY KEY)")
		acknowledged := writeUntilStopped(t, p, signal)
		p = startServer(t, "--data", dir)
		for _, k := range p.keys() {
			delete(acknowledged, k)
		}
		if len(acknowledged) > 0 {
			t.Errorf("%s: %d acknowledged rows are lost", signal, len(acknowledged))
		}
		if code := p.stop(syscall.SIGTERM); code != 0 {
			t.Errorf("exit %d: %s", code, p.log.String())
		}
	}
}

// keys are the keys of ks.t.
func (p *process) keys() (out []uint32) {
	p.t.Helper()
	c, err := client.Dial(p.t.Context(), client.Options{Addr: p.address})
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.Close()
	result, err := c.Query(p.t.Context(), "SELECT k FROM ks.t")
	if err != nil {
		p.t.Fatal(err)
	}
	for {
		row, err := result.Next(p.t.Context())
		if err != nil {
			p.t.Fatal(err)
		}
		if row == nil {
			return out
		}
		out = append(out, binary.BigEndian.Uint32(row[0]))
	}
}

// writeUntilStopped writes rows without waiting, stops the server on the way, and returns what was acknowledged.
func writeUntilStopped(t *testing.T, p *process, signal os.Signal) map[uint32]bool {
	t.Helper()
	c, err := client.Dial(t.Context(), client.Options{Addr: p.address, InFlight: 512})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	insert, err := c.Prepare(t.Context(), "INSERT INTO ks.t (k) VALUES (?)")
	if err != nil {
		t.Fatal(err)
	}
	calls := map[uint32]*client.Call{}
	for k := uint32(0); ; k++ {
		if k == 3000 {
			if err := p.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
		}
		value := wire.Value{Bytes: binary.BigEndian.AppendUint32(nil, k)}
		call, err := c.SendExecute(t.Context(), insert, []wire.Value{value}, client.RequestOptions{})
		if err != nil {
			break // the connection has ended
		}
		calls[k] = call
	}
	p.rest.Wait()
	_ = p.cmd.Wait() // a kill is an error here
	acknowledged := map[uint32]bool{}
	for k, call := range calls {
		if _, err := call.Wait(t.Context()); err == nil {
			acknowledged[k] = true
		}
	}
	if len(acknowledged) < 2000 {
		t.Errorf("%s: only %d of %d writes were acknowledged", signal, len(acknowledged), len(calls))
	}
	return acknowledged
}
