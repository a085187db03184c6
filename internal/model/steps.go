package model

import "time"

// Step is the width of windows of time: of Months, Days and Size the first that is set counts.
type Step struct {
	Months, Days int
	Size         time.Duration // whole milliseconds
	Zone         string        // IANA name; empty: UTC
}

// Around returns the window [start, end) that holds a moment behind 1970-01-03, found by what the clock of the zone shows.
// Windows of months and days, and those above an hour, begin when the clock first shows a whole number of them since
// 1970-01-01, or has jumped over it; shorter ones keep their length but where the clock is moved by a part of them.
func (s Step) Around(at time.Time) (start, end time.Time) {
	location, err := time.LoadLocation(s.Zone)
	if err != nil {
		panic(err) // the zones are ours
	}
	at = at.In(location)
	if s.Months == 0 && s.Days == 0 && s.Size <= time.Hour {
		return s.short(at)
	}
	low := s.whole(furthest(at))
	return firstShown(low, location), firstShown(s.after(low), location)
}

// shown is what the clock of a moment's zone shows, as the moment at which that of UTC does.
func shown(at time.Time) time.Time {
	return time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), time.UTC)
}

// furthest is the latest time that the clock has shown up to a moment.
func furthest(at time.Time) time.Time {
	local := shown(at)
	if moved, _ := at.ZoneBounds(); !moved.IsZero() {
		if before := shown(moved.Add(-time.Nanosecond)); before.After(local) {
			return before
		}
	}
	return local
}

// whole is the latest boundary at or before a time that the clock shows.
func (s Step) whole(local time.Time) time.Time {
	switch {
	case s.Months > 0:
		month := (local.Year()-1970)*12 + int(local.Month()) - 1
		return time.Date(1970, time.Month(month/s.Months*s.Months+1), 1, 0, 0, 0, 0, time.UTC)
	case s.Days > 0:
		days := int(local.Unix() / 86_400)
		return time.Date(1970, 1, 1+days/s.Days*s.Days, 0, 0, 0, 0, time.UTC)
	}
	size := s.Size.Milliseconds()
	return time.UnixMilli(local.UnixMilli() / size * size).UTC()
}

// after is the boundary behind one.
func (s Step) after(boundary time.Time) time.Time {
	switch {
	case s.Months > 0:
		return boundary.AddDate(0, s.Months, 0)
	case s.Days > 0:
		return boundary.AddDate(0, 0, s.Days)
	}
	return boundary.Add(s.Size)
}

// firstShown is the first moment at which the clock of a zone shows a time or has jumped over it.
func firstShown(local time.Time, location *time.Location) time.Time {
	const offsetMax = 26 * time.Hour // no clock is further from UTC
	at := local.Add(-offsetMax).In(location)
	for {
		ahead := local.Sub(shown(at))
		if ahead <= 0 {
			return at
		}
		_, moved := at.ZoneBounds()
		if then := at.Add(ahead); moved.IsZero() || then.Before(moved) {
			return then
		}
		at = moved
	}
}

// short is Around of a size of an hour or less.
func (s Step) short(at time.Time) (start, end time.Time) {
	size := s.Size.Milliseconds()
	into := shown(at).UnixMilli() % size
	start = time.UnixMilli(at.UnixMilli() - into)
	end = start.Add(s.Size)
	from, to := at.ZoneBounds()
	if !from.IsZero() && start.Before(from) && s.cut(from) {
		start = from
	}
	if !to.IsZero() && to.Before(end) && s.cut(to) {
		end = to
	}
	return start, end
}

// cut reports whether the clock is moved at a moment by anything but a multiple of the size.
func (s Step) cut(at time.Time) bool {
	_, was := at.Add(-time.Nanosecond).Zone()
	_, is := at.Zone()
	return (time.Duration(is-was)*time.Second)%s.Size != 0
}
