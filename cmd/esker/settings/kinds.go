package settings

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// binding reads the text of a setting into its field and writes it in the one form that print shows.
type binding struct {
	kind string
	set  func(*Server, string) error // the error says what is wanted
	get  func(*Server) string
}

// text is any text; empty only where nothing is wanted.
func text(of func(*Server) *string, wanted string) binding {
	return binding{"text", func(s *Server, t string) error {
		if t == "" && wanted != "" {
			return errors.New("want " + wanted)
		}
		*of(s) = t
		return nil
	}, func(s *Server) string { return *of(s) }}
}

// word is one of a few words.
func word(of func(*Server) *string, words ...string) binding {
	return binding{"word", func(s *Server, t string) error {
		if len(words) == 1 && t != words[0] {
			return errors.New("this build has only " + words[0])
		}
		if !slices.Contains(words, t) {
			return errors.New("want " + strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1])
		}
		*of(s) = t
		return nil
	}, func(s *Server) string { return *of(s) }}
}

func boolean(of func(*Server) *bool) binding {
	return binding{"boolean", func(s *Server, t string) error {
		switch t {
		case "true", "false":
			*of(s) = t == "true"
			return nil
		}
		return errors.New("want true or false")
	}, func(s *Server) string { return strconv.FormatBool(*of(s)) }}
}

func number(of func(*Server) *int, from, to int) binding {
	return binding{"number", func(s *Server, t string) error {
		n, err := strconv.Atoi(t)
		if err != nil || n < from || n > to {
			if to == math.MaxInt32 {
				return fmt.Errorf("want %d or more", from)
			}
			return fmt.Errorf("want a number from %d to %d", from, to)
		}
		*of(s) = n
		return nil
	}, func(s *Server) string { return strconv.Itoa(*of(s)) }}
}

// limit is a number of at least 1; -1 is as many as come.
func limit(of func(*Server) *int) binding {
	within := number(of, 1, math.MaxInt32)
	return binding{"number", func(s *Server, t string) error {
		if t == "-1" {
			*of(s) = math.MaxInt32
			return nil
		}
		if within.set(s, t) != nil {
			return errors.New("want 1 or more, or -1 for no limit")
		}
		return nil
	}, func(s *Server) string {
		if *of(s) == math.MaxInt32 {
			return "-1"
		}
		return within.get(s)
	}}
}

// guardrail is one threshold of the database.
func guardrail(name string) binding {
	return binding{"threshold", func(s *Server, t string) error { return s.Guardrails.Set(name + "=" + t) }, func(s *Server) string {
		for _, g := range s.Guardrails.List() {
			if g.Name == name {
				return g.Value
			}
		}
		panic("settings: guardrail " + name + " is not in the list it came from")
	}}
}

// unit is a name behind a number, and what it multiplies with.
type unit struct {
	name string
	is   int64
}

// sizeUnits are those of cassandra.yaml, largest first, and behind them those that are read and not written.
var sizeUnits = []unit{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1}}

var durationUnits = []unit{
	{"d", int64(24 * time.Hour)}, {"h", int64(time.Hour)}, {"ms", int64(time.Millisecond)}, {"us", int64(time.Microsecond)},
	{"ns", 1}, {"m", int64(time.Minute)}, {"s", int64(time.Second)},
}

// parseUnits reads a whole number with a unit; bare is the unit of a number alone, or 0 if it needs one.
func parseUnits(t string, units []unit, bare int64) (int64, bool) {
	digits, is := t, bare
	for _, u := range units {
		if n, ok := strings.CutSuffix(t, u.name); ok {
			digits, is = strings.TrimSpace(n), u.is
			break
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || is == 0 || n < 0 || n > math.MaxInt64/is {
		return 0, false
	}
	return n * is, true
}

// formatUnits writes a number with the largest of units that divides it.
func formatUnits(n int64, units []unit) string {
	best := unit{is: 1}
	for _, u := range units {
		if n%u.is == 0 && (u.is > best.is || best.name == "") {
			best = u
		}
	}
	return strconv.FormatInt(n/best.is, 10) + best.name
}

// writtenSizes are the units that sizes are written in.
var writtenSizes = []unit{sizeUnits[0], sizeUnits[1], sizeUnits[2], sizeUnits[6]}

// integer is what a size is kept in.
type integer interface{ int | int64 }

// size is a number of bytes of at least min.
func size[T integer](of func(*Server) *T, min int64) binding {
	return binding{"size", func(s *Server, t string) error {
		n, ok := parseUnits(t, sizeUnits, 1)
		if !ok || n > math.MaxInt64/2 {
			return errors.New("want a size such as 256MiB or 2GiB")
		}
		if n < min {
			return fmt.Errorf("the least is %s", formatUnits(min, writtenSizes))
		}
		*of(s) = T(n)
		return nil
	}, func(s *Server) string { return formatUnits(int64(*of(s)), writtenSizes) }}
}

// auto lets a size be "auto", which is 0.
func auto(b binding, of func(*Server) *int64) binding {
	return binding{b.kind, func(s *Server, t string) error {
		if t == "auto" {
			*of(s) = 0
			return nil
		}
		return b.set(s, t)
	}, func(s *Server) string {
		if *of(s) == 0 {
			return "auto"
		}
		return b.get(s)
	}}
}

// duration is a time above 0.
func duration(of func(*Server) *time.Duration) binding {
	return binding{"duration", func(s *Server, t string) error {
		n, ok := parseUnits(t, durationUnits, 0)
		if !ok || n == 0 {
			return errors.New("want a time such as 500ms, 30s or 2m")
		}
		*of(s) = time.Duration(n)
		return nil
	}, func(s *Server) string { return formatUnits(int64(*of(s)), durationUnits) }}
}
