package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
)

func crash(m *Mem, seed uint64, percent int) *Mem {
	return m.CrashClone(rand.New(rand.NewPCG(seed, 7)), percent)
}

// reopen writes text at an offset of a file that is there, unsynced.
func reopen(t *testing.T, m *Mem, name string, change func(File) error) {
	t.Helper()
	f, err := m.OpenReadWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(change(f), f.Close()); err != nil {
		t.Fatal(err)
	}
}

func durable(t *testing.T, name, text string) *Mem {
	t.Helper()
	m := NewMem()
	write(t, m, name, text, true)
	if err := m.SyncDir("/"); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestCrashMixesWholePages(t *testing.T) {
	const pages = 4
	before, after := strings.Repeat("a", pages*pageBytes), bytes.Repeat([]byte("b"), pages*pageBytes)
	mixed := 0
	for seed := range uint64(100) {
		m := durable(t, "/f", before)
		reopen(t, m, "/f", func(f File) error { _, err := f.WriteAt(after, 0); return err })
		got := read(t, crash(m, seed, 50), "/f")
		if len(got) != len(before) {
			t.Fatalf("seed %d: %d bytes, want %d", seed, len(got), len(before))
		}
		for off := 0; off < len(got); off += pageBytes {
			if page := got[off : off+pageBytes]; page != before[:pageBytes] && page != string(after[:pageBytes]) {
				t.Fatalf("seed %d: the page at %d is neither old nor new", seed, off)
			}
		}
		if strings.Contains(got, "a") && strings.Contains(got, "b") {
			mixed++
		}
	}
	if mixed == 0 {
		t.Error("no crash left old pages beside new ones")
	}
}

func TestCrashOfACutFile(t *testing.T) {
	for percent, want := range map[int]string{0: "hello", 100: "he"} {
		m := durable(t, "/f", "hello")
		reopen(t, m, "/f", func(f File) error { return f.Truncate(2) })
		if got := read(t, crash(m, 1, percent), "/f"); got != want {
			t.Errorf("%d %% of what is unsynced survives: %q, want %q", percent, got, want)
		}
		reopen(t, m, "/f", func(f File) error { return errors.Join(f.Truncate(2), f.Sync()) })
		if got := read(t, crash(m, 1, 0), "/f"); got != "he" {
			t.Errorf("a synced cut reads %q", got)
		}
	}
}

func TestCrashOfAFileThatGrew(t *testing.T) {
	lengths := map[int]bool{}
	for seed := range uint64(100) {
		m := durable(t, "/f", "")
		reopen(t, m, "/f", func(f File) error { _, err := f.Write(bytes.Repeat([]byte("b"), 3*pageBytes)); return err })
		got := read(t, crash(m, seed, 50), "/f")
		if strings.Trim(got, "b\x00") != "" || len(got)%pageBytes != 0 {
			t.Fatalf("seed %d: bytes that nobody wrote, %d of them", seed, len(got))
		}
		lengths[len(got)/pageBytes] = true
	}
	if len(lengths) != 4 {
		t.Errorf("100 crashes left these numbers of pages: %v, want 0 to 3", lengths)
	}
}

func TestCrashOfRemovedAndRenamed(t *testing.T) {
	for percent, want := range map[int][]string{0: {"a", "b"}, 100: {"c"}} {
		m := durable(t, "/a", "a")
		write(t, m, "/b", "b", true)
		if err := errors.Join(m.SyncDir("/"), m.Remove("/a"), m.Rename("/b", "/c")); err != nil {
			t.Fatal(err)
		}
		names, err := crash(m, 1, percent).List("/")
		if err != nil || strings.Join(names, " ") != strings.Join(want, " ") {
			t.Errorf("%d %%: %q, %v, want %q", percent, names, err, want)
		}
		if err := m.SyncDir("/"); err != nil {
			t.Fatal(err)
		}
		if names, err := crash(m, 1, 0).List("/"); err != nil || strings.Join(names, " ") != "c" {
			t.Errorf("after SyncDir: %q, %v", names, err)
		}
	}
}

// One seed gives one outcome, and a clone shares nothing with what it was made of.
func TestCrashCloneIsRepeatableAndApart(t *testing.T) {
	m := durable(t, "/f", strings.Repeat("a", 8*pageBytes))
	reopen(t, m, "/f", func(f File) error { _, err := f.WriteAt(bytes.Repeat([]byte("b"), 8*pageBytes), 0); return err })
	one, two := crash(m, 3, 50), crash(m, 3, 50)
	if read(t, one, "/f") != read(t, two, "/f") {
		t.Error("one seed gave two outcomes")
	}
	before := read(t, two, "/f")
	reopen(t, one, "/f", func(f File) error { _, err := f.WriteAt([]byte("clone"), 0); return err })
	if read(t, two, "/f") != before || strings.HasPrefix(read(t, m, "/f"), "clone") {
		t.Error("writing to a clone changed another tree")
	}
	if again := crash(two, 9, 0); read(t, again, "/f") != before {
		t.Error("what a crash left was lost by the next one")
	}
}

func TestRemoveAllLeavesNothingBehind(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		inner := Join(dir, "x", "y")
		if err := fsys.MkdirAll(inner); err != nil {
			t.Fatal(err)
		}
		write(t, fsys, Join(inner, "f"), "1", true)
		if err := errors.Join(fsys.SyncDir(inner), fsys.RemoveAll(Join(dir, "x")), fsys.RemoveAll(Join(dir, "x"))); err != nil {
			t.Fatal(err)
		}
		if _, err := fsys.Stat(inner); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Stat of a removed directory: %v", err)
		}
		if m, ok := fsys.(*Mem); ok {
			if _, err := crash(m, 1, 0).Open(Join(inner, "f")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after a crash, a file in a removed directory: %v", err)
			}
		}
	})
}

// The power fails for all files at one moment: what was synced to one file only after another is never found without that.
func TestCrashIsOneMoment(t *testing.T) {
	m := NewMem()
	names := []string{"/a", "/z"} // in the order in which they are written
	for n := range 300 {          // what lies between them takes a while to clone
		write(t, m, fmt.Sprintf("/m%03d", n), strings.Repeat("m", pageBytes), true)
	}
	for _, name := range names {
		write(t, m, name, "\x00\x00", true)
	}
	if err := m.SyncDir("/"); err != nil {
		t.Fatal(err)
	}
	var files []File
	for _, name := range names {
		f, err := m.OpenReadWrite(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := 0; ; n++ {
			for _, f := range files {
				_, err := f.WriteAt([]byte{byte(n >> 8), byte(n)}, 0)
				if err = errors.Join(err, f.Sync()); err != nil {
					t.Error(err)
					return
				}
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	for seed := range uint64(200) {
		left := crash(m, seed, 0)
		if a, b := read(t, left, "/a"), read(t, left, "/z"); a != b && a != string(next(b)) {
			t.Errorf("the first file has %x, the second %x, which was written behind it", a, b)
			break
		}
	}
	close(stop)
	<-stopped
}

// next is the number behind n, in two bytes.
func next(n string) []byte {
	v := int(n[0])<<8 + int(n[1]) + 1
	return []byte{byte(v >> 8), byte(v)}
}
