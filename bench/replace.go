package bench

import (
	"fmt"
	"os"
	"strings"
)

// Replace puts text between the lines `<!-- begin NAME -->` and `<!-- end NAME -->` of a file, in place of
// what is there: no figure of a document is typed by hand.
func Replace(file, name, text string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->"
	before, rest, ok := strings.Cut(string(content), begin)
	_, after, found := strings.Cut(rest, end)
	if !ok || !found {
		return fmt.Errorf("bench: %s has no lines %q and %q", file, strings.TrimSpace(begin), end)
	}
	return os.WriteFile(file, []byte(before+begin+"\n"+strings.TrimSpace(text)+"\n\n"+end+after), 0o644)
}
