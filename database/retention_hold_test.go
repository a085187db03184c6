package database

import (
	"fmt"
	"testing"
	"time"
)

// slowLog is a store that does something while a record is written and not yet durable.
type slowLog struct {
	Local
	meanwhile func()
}

func (s *slowLog) WaitDurable(sequence uint64) error {
	if f := s.meanwhile; f != nil {
		s.meanwhile = nil
		f()
	}
	return s.Local.WaitDurable(sequence)
}

// TestMergesWaitForStaticsToBeDurable: what a merge removes has ended by statics that a crash keeps, and none of it is kept longer by
// those that are about to be durable.
func TestMergesWaitForStaticsToBeDurable(t *testing.T) {
	w := newQuietWorld(t, "CREATE TABLE t (d text, ts timestamp, v int, tier text static, PRIMARY KEY (d, ts)) WITH retention = {'duration': '24h', 'by': 'ts'}",
		"CREATE RETENTION POLICY gold ON t WHERE tier = 'gold' KEEP 17520h")
	w.run("UPDATE t SET tier = 'free' WHERE d = 'a'")
	for i := range 24 {
		w.run(fmt.Sprintf("INSERT INTO t (d, ts, v) VALUES ('a', '%s', %d)", iso(w.clock.Now().Add(-time.Duration(i)*time.Hour)), i))
	}
	w.compact("t")
	table := w.db.Schema().Table("ks", "t")
	slow := &slowLog{Local: Local{w.store}}
	w.db.store = slow
	slow.meanwhile = func() {
		w.clock.Advance(12 * time.Hour)
		if err := w.store.Compact(table.ID); err != nil { // files alone: a flush would sync the log
			t.Error(err)
		}
	}
	w.run("UPDATE t SET tier = 'gold' WHERE d = 'a'")
	if slow.meanwhile != nil {
		t.Fatal("nobody waited")
	}
	w.expect("SELECT count(v) FROM t WHERE d = 'a'", "24")
	w.clock.Advance(48 * time.Hour)
	w.compact("t")
	w.expect("SELECT count(v) FROM t WHERE d = 'a'", "24")
}
