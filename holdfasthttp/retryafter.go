package holdfasthttp

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// RetryAfter returns the pause that a response with these headers asks for, 0 if it asks for none.
// It reads what docs/http.md lists, Retry-After among it. It is for adapters of protocols on top of
// HTTP, and safe for concurrent use.
func RetryAfter(h http.Header) time.Duration { return retryAfter(h, time.Now()) }

// retryAfter returns the pause that the server asks for, 0 if it asks for none or the value is
// invalid. It reads the headers in milliseconds that some services send, then Retry-After, then the
// RateLimit fields of draft-ietf-httpapi-ratelimit-headers and their older X- form.
func retryAfter(h http.Header, now time.Time) time.Duration {
	for _, name := range inMilliseconds {
		if d, ok := pause(field(h, name), time.Millisecond); ok {
			return d
		}
	}
	if v := field(h, "Retry-After"); v != "" {
		if d, ok := pauseUntil(v, h, now); ok {
			return d
		}
		if at, err := http.ParseTime(v); err == nil {
			return max(0, at.Sub(sent(h, now)))
		}
	}
	return rateLimitReset(h, now)
}

// inMilliseconds are the headers of Azure and OpenAI, of Azure (both in azcore v1.24), and of AWS
// (in its SDK for Go since the retries of 2026, v1.48.0).
var inMilliseconds = [...]string{"Retry-After-Ms", "X-Ms-Retry-After-Ms", "X-Amz-Retry-After"}

func field(h http.Header, name string) string { return strings.TrimSpace(h.Get(name)) }

// pauseUntil parses a number of seconds, with a fraction or without, which may also be a Unix time
// in seconds or milliseconds, as in GitHub's X-RateLimit-Reset. A number is a Unix time if as a
// pause it would be 30 years or more, and as a time it is before the year 2286.
func pauseUntil(s string, h http.Header, now time.Time) (time.Duration, bool) {
	const oldest, newest = 1_000_000_000, 10_000_000_000
	d, ok := pause(s, time.Second)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil:
	case n >= oldest && n < newest:
		return max(0, time.Unix(n, 0).Sub(sent(h, now))), true
	case n/1000 >= oldest && n/1000 < newest:
		return max(0, time.UnixMilli(n).Sub(sent(h, now))), true
	}
	return d, true
}

// sent returns the time of the response by the server's clock (Date), so that a difference between
// the clocks does not matter. It returns now if there is no Date.
func sent(h http.Header, now time.Time) time.Time {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		return date
	}
	return now
}

// pause parses a number of units, which may have a fraction: Discord sends Retry-After: 64.57, and
// the clients of OpenAI and Anthropic read both headers so. What does not fit into a Duration is
// the longest Duration.
func pause(s string, unit time.Duration) (time.Duration, bool) {
	number, fraction, ok := strings.Cut(s, ".")
	d, isWhole := whole(number, unit)
	if !ok || !isWhole || fraction == "" || strings.Trim(fraction, "0123456789") != "" {
		return d, isWhole && !ok
	}
	part, err := strconv.ParseFloat("0."+fraction, 64)
	if err != nil || d > math.MaxInt64-unit {
		return d, true
	}
	return d + time.Duration(math.Ceil(part*float64(unit))), true
}

// whole parses a whole number of units. If the result does not fit into a Duration, it is the
// longest Duration.
func whole(s string, unit time.Duration) (time.Duration, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > int64(math.MaxInt64/unit) {
		return math.MaxInt64, true
	}
	return time.Duration(n) * unit, true
}

// rateLimitReset returns the time until all exhausted quotas are renewed. The draft has had three
// forms:
//
//	RateLimit: "burst";r=0;t=5, "daily";r=12;t=3600        from version 8 on
//	RateLimit: limit=100, remaining=0, reset=5             version 7
//	RateLimit-Remaining: 0 and RateLimit-Reset: 5          up to version 6
//
// The last form is also sent with X- before each name, usually with a Unix time.
//
// A quota with something remaining is not why the request failed. A quota that does not say what
// remains counts as exhausted.
func rateLimitReset(h http.Header, now time.Time) time.Duration {
	var longest time.Duration
	note := func(remaining, reset string) {
		left, said := whole(remaining, time.Second)
		if d, ok := pauseUntil(reset, h, now); ok && (!said || left == 0) {
			longest = max(longest, d)
		}
	}
	for _, quotas := range h["Ratelimit"] {
		var remaining, reset string // of the form of version 7
		for item := range unquoted(quotas, ',') {
			var r, t string
			for part := range unquoted(item, ';') {
				key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
				switch key {
				case "r":
					r = value
				case "t":
					t = value
				case "remaining":
					remaining = value
				case "reset":
					reset = value
				}
			}
			note(r, t)
		}
		note(remaining, reset)
	}
	note(field(h, "RateLimit-Remaining"), field(h, "RateLimit-Reset"))
	note(field(h, "X-RateLimit-Remaining"), field(h, "X-RateLimit-Reset"))
	return longest
}

// unquoted yields the parts of s between separators. A separator within quotes does not count.
func unquoted(s string, separator byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start, quoted := 0, false
		for i := range len(s) {
			switch {
			case quoted && s[i] == '"' && s[i-1] != '\\':
				quoted = false
			case quoted:
			case s[i] == '"':
				quoted = true
			case s[i] == separator:
				if !yield(s[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(s[start:])
	}
}
