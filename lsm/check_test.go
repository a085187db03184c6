package lsm

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm/commitlog"
)

// checkedStore is a closed store with something of everything in it: several files of several tables,
// tombstones, statics, ranges, what ends, and rows that only the log has.
func checkedStore(t *testing.T) (*vfs.Mem, *script) {
	mem := vfs.NewMem()
	s := newScript(mem, 5)
	s.run(120)
	s.open()
	for range 12 {
		s.write()
	}
	mustNot(t, s.store.Close())
	if len(s.errs) > 0 {
		t.Fatal(s.errs)
	}
	return mem, s
}

func checkIn(fs vfs.FS) (CheckSummary, []Damage, error) {
	var found []Damage
	sum, err := Check(CheckOptions{FS: fs, Dir: "data", Report: func(d Damage) { found = append(found, d) }})
	return sum, found, err
}

func sizeOf(t *testing.T, fs vfs.FS, name string) int64 {
	info, err := fs.Stat(vfs.Join("data", name))
	mustNot(t, err)
	return info.Size
}

// usedOf returns where the zeros at the end of a file begin.
func usedOf(t *testing.T, fs vfs.FS, name string) int64 {
	f, err := fs.Open(vfs.Join("data", name))
	mustNot(t, err)
	defer f.Close()
	data, err := io.ReadAll(f)
	mustNot(t, err)
	return int64(len(bytes.TrimRight(data, "\x00")))
}

func flip(t *testing.T, fs vfs.FS, name string, offset int64, bits byte) {
	f, err := fs.OpenReadWrite(vfs.Join("data", name))
	mustNot(t, err)
	var b [1]byte
	_, err = f.ReadAt(b[:], offset)
	mustNot(t, err)
	b[0] ^= bits
	_, err = f.WriteAt(b[:], offset)
	mustNot(t, err)
	mustNot(t, f.Sync())
	mustNot(t, f.Close())
}

// judge holds the law of a check: what it does not report does no harm, and where the store finds what is
// reported it refuses to answer and names the file.
func judge(t *testing.T, s *script, fs vfs.FS, name string) (reported bool) {
	t.Helper()
	_, found, err := checkIn(fs)
	verified := s.verify(fs)
	if err != nil && !errors.Is(err, ErrVersion) {
		t.Errorf("check: %v", err)
	}
	if len(found) == 0 && err == nil {
		if verified != nil {
			t.Errorf("nothing was found, but: %v", verified)
		}
		return false
	}
	named := func(d Damage) bool {
		// Where the log breaks off before a segment without header, it is the one before that is named.
		return d.File == name || commitlog.IsName(d.File) && commitlog.IsName(name)
	}
	if err == nil && !slices.ContainsFunc(found, named) {
		t.Errorf("the file is not named: %v", found)
	}
	switch {
	case verified == nil:
	case !errors.Is(verified, ErrCorrupt) && !errors.Is(verified, ErrVersion):
		t.Errorf("reported as %v, and neither answered right nor refused: %v", found, verified)
	case !strings.HasPrefix(name, "ma") && !strings.Contains(verified.Error(), strings.TrimSuffix(name, filepath.Ext(name))):
		// Without a whole manifest or its marker the files do not fit each other: the error names one of those.
		t.Errorf("the error of the store does not name the file: %v", verified)
	}
	return true
}

func TestCheckOfSoundStore(t *testing.T) {
	mem, s := checkedStore(t)
	before, err := mem.List("data")
	mustNot(t, err)
	sum, found, err := checkIn(mem)
	if err != nil || len(found) > 0 {
		t.Fatal(err, found)
	}
	if sum.Files < 4 || sum.Rows == 0 || sum.LogRecords == 0 || sum.Unflushed == 0 || sum.Tables != len(testTables()) || len(sum.Unknown) > 0 {
		t.Errorf("what was checked: %+v", sum)
	}
	after, err := mem.List("data")
	mustNot(t, err)
	if !slices.Equal(before, after) {
		t.Errorf("a check changed the directory: %v", after)
	}
	store := mustOpen(t, testOptions(mem, s.clock))
	if _, _, err := checkIn(mem); !errors.Is(err, ErrInUse) {
		t.Errorf("an open store was checked: %v", err)
	}
	mustNot(t, store.Close())
}

// TestCheckFindsEveryFlippedByte flips bytes of every file: a check names the file, or the byte does not
// matter to any answer.
func TestCheckFindsEveryFlippedByte(t *testing.T) {
	mem, s := checkedStore(t)
	names, err := mem.List("data")
	mustNot(t, err)
	every := 503
	if soak() {
		every = 1
	}
	rng := rand.New(rand.NewPCG(1, 1))
	flipped, found := 0, 0
	for _, name := range names {
		size := sizeOf(t, mem, name)
		if name == lockName {
			continue // only a word for whoever finds it locked
		}
		used := usedOf(t, mem, name)
		for offset := int64(rng.IntN(every)); offset < size; offset += int64(1 + rng.IntN(2*every-1)) {
			if offset > used+100 {
				offset += 100 // the empty rest of a segment
			}
			if offset >= size {
				break
			}
			fs := mem.CrashClone(rng, 100)
			flip(t, fs, name, offset, 1<<rng.IntN(8))
			flipped++
			if judge(t, s, fs, name) {
				found++
			}
			if t.Failed() {
				t.Fatalf("%s: byte %d of %d", name, offset, size)
			}
		}
	}
	t.Logf("%d bytes flipped, %d found, the others do not matter", flipped, found)
	if found == 0 {
		t.Error("no flipped byte was found")
	}
}

// TestCheckFindsWhatIsCutOrGone truncates and removes every file in turn.
func TestCheckFindsWhatIsCutOrGone(t *testing.T) {
	mem, s := checkedStore(t)
	names, err := mem.List("data")
	mustNot(t, err)
	rng := rand.New(rand.NewPCG(1, 1))
	for _, name := range names {
		size := sizeOf(t, mem, name)
		if name == lockName || strings.HasPrefix(name, "marker") {
			continue
		}
		for _, left := range []int64{0, 1, size / 2, size - 1} {
			fs := mem.CrashClone(rng, 100)
			f, err := fs.OpenReadWrite(vfs.Join("data", name))
			mustNot(t, err)
			mustNot(t, f.Truncate(left))
			mustNot(t, f.Sync())
			mustNot(t, f.Close())
			if judge(t, s, fs, name); t.Failed() {
				t.Fatalf("%s: cut from %d to %d bytes", name, size, left)
			}
		}
		fs := mem.CrashClone(rng, 100)
		mustNot(t, fs.Remove(vfs.Join("data", name)))
		mustNot(t, fs.SyncDir("data"))
		if judge(t, s, fs, name); t.Failed() {
			t.Fatalf("%s: removed", name)
		}
	}
}

// TestCheckGoesOnBehindADamage breaks two row groups of a file and another file.
func TestCheckGoesOnBehindADamage(t *testing.T) {
	mem := vfs.NewMem()
	opts := testOptions(mem, clock.NewManual(start))
	s := openWith(t, opts)
	one, four := testTable(1), testTable(4)
	for i := range int64(3000) {
		mustApply(t, s, rowMutation(&one, 1, i*7919%100000, i), rowMutation(&four, 1, i, i))
	}
	mustNot(t, s.FlushAll())
	names := []string{tableFileName(filesOf(s, one.ID)[0].number), tableFileName(filesOf(s, four.ID)[0].number)}
	mustNot(t, s.Close())
	size := sizeOf(t, mem, names[0])
	flip(t, mem, names[0], 100, 1)
	flip(t, mem, names[0], size/2, 1)
	flip(t, mem, names[1], 100, 1)
	_, found, err := checkIn(mem)
	if err != nil || len(found) != 3 || found[0].File != names[0] || found[1].File != names[0] || found[0].Offset >= found[1].Offset || found[2].File != names[1] {
		t.Errorf("two in %s of %d bytes and one in %s: %v, %v", names[0], size, names[1], found, err)
	}
}
