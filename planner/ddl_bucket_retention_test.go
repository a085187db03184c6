package planner

import (
	"testing"

	"github.com/eskerdb/esker/partition"
)

// TestNiceSteps: files are split by between a sixteenth and a thirty-second of the retention, where that is a nice step.
func TestNiceSteps(t *testing.T) {
	last := niceSteps[len(niceSteps)-1]
	for keep := int64(16 * minuteMillis); keep < 40*last; keep += keep/7 + 1 {
		step := niceStep(keep / retentionSteps)
		if n := keep / step; n < retentionSteps || n > 2*retentionSteps && step < last {
			t.Errorf("%d ms are %d steps of %d", keep, n, step)
		}
	}
	if got := niceStep(1); got != minuteMillis {
		t.Errorf("the shortest step is %d", got)
	}
}

func TestRetentionSplitsFiles(t *testing.T) {
	s := schemaOf(t)
	run := func(text string) {
		t.Helper()
		var err error
		if s, _, err = alter(s, text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	run("CREATE TABLE t (k int, site text static, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH retention = {'duration': '48h', 'by': 'ts'}")
	expect := func(what string, step int64, epoch int) {
		t.Helper()
		b := s.Table("ks", "t").Bucket
		if b == nil || b.Bucketing() != (partition.Bucketing{SizeMillis: step}) || b.Epoch != epoch || b.MaxFutureMillis != 0 {
			t.Errorf("%s: %+v, want steps of %d in epoch %d", what, b, step, epoch)
		}
	}
	expect("48 hours", 3*hourMillis, 0)
	run("ALTER TABLE t WITH comment = 'x'")
	expect("another option", 3*hourMillis, 0)
	run("ALTER TABLE t WITH retention = {'duration': '49h', 'by': 'ts'}")
	expect("about the same", 3*hourMillis, 0)
	run("ALTER TABLE t WITH retention = {'duration': '30d', 'by': 'ts'}")
	expect("30 days", 1*dayMillis, 1)
	run("CREATE RETENTION POLICY p ON t WHERE site = 'x' KEEP 6h")
	expect("a policy of 6 hours", 2*hourMillis, 2)
	run("CREATE RETENTION POLICY q ON t WHERE site = 'y' KEEP forever")
	expect("one that keeps for ever", dayMillis, 3)
	run("ALTER TABLE t WITH time_bucket = {'column': 'ts', 'size': '6h', 'max_future': 'none'}")
	expect("as declared", 6*hourMillis, 4)
	run("ALTER TABLE t WITH retention = {'duration': '2h', 'by': 'ts'}")
	expect("and not by the retention", 6*hourMillis, 4)
	run("ALTER TABLE t WITH time_bucket = {}")
	expect("nothing declared", dayMillis, 5)
	run("DROP RETENTION POLICY ks.q")
	run("DROP RETENTION POLICY ks.p")
	expect("no policies", 5*minuteMillis, 6)
	run("ALTER TABLE t WITH compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_size': '1', 'compaction_window_unit': 'HOURS'}")
	expect("the window of the strategy", hourMillis, 7)
	run("ALTER TABLE t WITH compaction = {'class': 'SizeTieredCompactionStrategy'} AND retention = 'forever'")
	if b := s.Table("ks", "t").Bucket; !b.Bucketing().IsNone() || len(b.Former) == 0 {
		t.Errorf("no retention: %+v", b)
	}
	run("CREATE TABLE c (k int, ts timestamp, e timestamp, PRIMARY KEY (k, ts)) WITH retention = {'column': 'e'}")
	run("CREATE TABLE n (k int, c int, ts timestamp, v int, PRIMARY KEY (k, c, ts)) WITH retention = {'duration': '1d', 'by': 'ts'}")
	for _, name := range []string{"c", "n"} {
		if b := s.Table("ks", name).Bucket; b != nil {
			t.Errorf("table %s: %+v", name, b)
		}
	}
}
