package lint

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// figure writes v without an exponent, with four significant digits.
func figure(v float64) string {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	digits := max(0, 3-int(math.Floor(math.Log10(math.Abs(v)))))
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// units are the units of times, and from which number of seconds each one is used.
var units = []struct {
	from, unit float64
	name       string
}{
	{48 * 3600, 24 * 3600, "days"}, {2 * 3600, 3600, "h"}, {120, 60, "min"}, {1, 1, "s"}, {1e-3, 1e-3, "ms"}, {1e-6, 1e-6, "µs"},
}

// span writes a number of seconds in the unit that reads best: "500 ms", "4.55 s", "9.26 min".
func span(s float64) string {
	for _, u := range units {
		if s >= u.from {
			return figure(s/u.unit) + " " + u.name
		}
	}
	if s == 0 {
		return "0 s"
	}
	return figure(s*1e9) + " ns"
}

// String returns the number as the finding's sentence has it: "500 ms", "200/s", "30 %", "72".
func (n Number) String() string {
	switch n.Unit {
	case "s":
		return span(n.Value)
	case "1/s":
		return figure(n.Value) + "/s"
	case "%":
		return figure(n.Value) + " %"
	}
	return figure(n.Value)
}

// ordinal writes 1st, 2nd, 3rd, 4th, 11th.
func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}

// ordinals writes "the 5th", "the 4th and 5th", "the 3rd to 5th".
func ordinals(from, to int) string {
	switch {
	case to <= from:
		return "the " + ordinal(from)
	case to == from+1:
		return "the " + ordinal(from) + " and " + ordinal(to)
	}
	return "the " + ordinal(from) + " to " + ordinal(to)
}

// count writes "1 retry", "5 retries".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// named is count for a number that is already text.
func named(number, one, many string) string {
	if number == "1" {
		return number + " " + one
	}
	return number + " " + many
}

// upward and downward round v to two significant digits.
func upward(v float64) int   { return int(roundedUp(time.Duration(math.Ceil(v)))) }
func downward(v float64) int { return int(roundedDown(time.Duration(v))) }

// roundedDown and roundedUp round d to two significant digits, as people would write it.
func roundedDown(d time.Duration) time.Duration { return d.Truncate(twoDigits(d)) }

func roundedUp(d time.Duration) time.Duration {
	down := roundedDown(d)
	if down < d {
		return down + twoDigits(d)
	}
	return d
}

func twoDigits(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 100 {
		unit *= 10
	}
	return unit
}

// twoFigures returns v rounded to two significant digits.
func twoFigures(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 2, 64), 64)
	if err != nil {
		return v
	}
	return r
}

// aboutTime rounds a number of seconds to two significant digits of the unit that span writes.
func aboutTime(s float64) float64 {
	for _, u := range units {
		if s >= u.from {
			return twoFigures(s/u.unit) * u.unit
		}
	}
	return twoFigures(s)
}

// lowered rounds v down to two significant digits.
func lowered(v float64) float64 {
	if !(v > 0) {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(v))-1)
	text := strconv.FormatFloat(math.Floor(v/unit)*unit, 'g', 2, 64)
	r, err := strconv.ParseFloat(text, 64)
	if err != nil || r > v {
		return v
	}
	return r
}

// decimal writes v without an exponent.
func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
