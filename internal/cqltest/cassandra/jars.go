package cassandra

import (
	"context"
	_ "embed" // the list of jars
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

//go:embed pom.xml
var pom []byte

// needJava looks for Java 17: the options of the command line are for this release, and Cassandra 5.0
// does not run on later ones.
func needJava(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "java", "-version").CombinedOutput()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil || !strings.Contains(string(out), `version "17`) {
		return &ErrMissing{Tool: "Java 17"}
	}
	return nil
}

// fetchJars returns the folder of the jars, after Maven has filled it if it was not there. Tests of
// several packages may ask at once: the first fetches, the others wait.
func fetchJars(ctx context.Context, home string) (jars string, err error) {
	jars = filepath.Join(home, "lib-"+Version)
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", fmt.Errorf("cassandra: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(home, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return "", fmt.Errorf("cassandra: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := flock(lock); err != nil {
		return "", fmt.Errorf("%s: lock: %w", lock.Name(), err)
	}
	if _, err := os.Stat(jars); err == nil {
		return jars, nil
	}
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return "", &ErrMissing{Tool: "Maven"}
	}
	list := filepath.Join(home, "pom.xml")
	if err := os.WriteFile(list, pom, 0o644); err != nil {
		return "", fmt.Errorf("cassandra: %w", err)
	}
	// The folder gets its name when it is whole: a fetch that was cut short is not taken for one.
	partly := jars + ".partly"
	if err := os.RemoveAll(partly); err != nil {
		return "", fmt.Errorf("cassandra: %w", err)
	}
	out, err := exec.CommandContext(ctx, mvn, "-q", "-B", "-f", list, "dependency:copy-dependencies", "-DoutputDirectory="+partly).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("cassandra: fetching the jars with Maven: %w\n%s", err, out)
	}
	if err := os.Rename(partly, jars); err != nil {
		return "", fmt.Errorf("cassandra: %w", err)
	}
	return jars, nil
}

// flock waits for the lock of a file. The lock ends with the file.
func flock(f *os.File) error {
	for {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
