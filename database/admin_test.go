package database

import (
	"strconv"
	"strings"
	"testing"

	"github.com/eskerdb/esker/lsm"
)

// stored hides what a store can do beside.
type stored struct{ Store }

func TestAdmin(t *testing.T) {
	w := newWorld(t, "USE ks", "CREATE TABLE t (k int, c timestamp, v double, s text static, PRIMARY KEY (k, c)) WITH time_bucket = {'column': 'c', 'size': '1d'}",
		"CREATE TABLE u (k int PRIMARY KEY)")
	w.run("INSERT INTO ks.t (k, c, v) VALUES (1, '2001-09-09 01:00:00+0000', 0.5) USING TIMESTAMP 1000000",
		"INSERT INTO ks.t (k, c, v) VALUES (1, '2001-09-10 01:00:00+0000', 1.5) USING TIMESTAMP 2000000 AND TTL 60")
	if got := w.rows("ADMIN TABLESTATS ks.t"); len(got) != 1 || !strings.HasPrefix(got[0], "ks t 0 0 0 0 null 2 ") || !strings.HasSuffix(got[0], " 0 null null") {
		t.Errorf("before a flush: %q", got)
	}
	w.run("ADMIN FLUSH ks")
	w.run("DELETE FROM ks.t WHERE k = 1 AND c = '2001-09-09 01:00:00+0000'", "ADMIN FLUSH")
	// How many files a flush writes is up to the store.
	got := w.rows("ADMIN TABLESTATS")
	if len(got) != 2 || strings.Fields(got[0])[4] != "3" || !strings.HasPrefix(got[0], "ks t ") || !strings.HasPrefix(got[1], "ks u 0 ") {
		t.Errorf("after two flushes: %q", got)
	}
	files := w.rows("ADMIN TABLESTATS ks.t WITH FILES")
	if strconv.Itoa(len(files)) != strings.Fields(got[0])[2] || !strings.Contains(files[0], "sstable-") || !strings.HasSuffix(files[len(files)-1], " 1") {
		t.Errorf("files: %q", files)
	}
	columns := strings.Join(w.rows("ADMIN TABLESTATS ks.t WITH COLUMNS"), "\n")
	if !strings.Contains(columns, "ks t values v ") || !strings.Contains(columns, "ks t clustering c ") {
		t.Errorf("columns: %s", columns)
	}
	w.run("ADMIN COMPACT ks.t")
	if got := w.rows("ADMIN TABLESTATS ks.t"); len(got) != 1 || strings.Fields(got[0])[4] != "2" {
		t.Errorf("after a compaction there should be a row and a deletion: %q", got)
	}
	backup := w.rows("ADMIN BACKUP '/backups/b'")
	if len(backup) != 1 || !strings.HasPrefix(backup[0], "/backups/b ") {
		t.Errorf("backup: %q", backup)
	}
	w.refused("ADMIN BACKUP '/backups/b'", "not empty")
	if _, _, err := lsm.VerifyBackup(lsm.CheckOptions{FS: w.fs, Dir: "/backups/b", Schema: CheckSchema, Report: func(d lsm.Damage) { t.Error(d) }}); err != nil {
		t.Error(err)
	}
	w.db.store = stored{Local{w.store}}
	w.refused("ADMIN FLUSH", "looks after its files itself")
}
