package holdfasthttp

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// retryAfter returns how long the server asks to be left alone: by one of the headers in
// milliseconds that some services have, by Retry-After, or else by the RateLimit fields of
// draft-ietf-httpapi-ratelimit-headers and their older form with X-. 0 if it does not, or if it
// cannot be read.
func retryAfter(h http.Header, now time.Time) time.Duration {
	for _, name := range inMilliseconds {
		if d, ok := whole(field(h, name), time.Millisecond); ok {
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

// pauseUntil reads a number of seconds which may also be a Unix time, in seconds or milliseconds,
// as GitHub's X-RateLimit-Reset is: a number that would be a pause of 30 years or more, and is a
// time before the year 2286.
func pauseUntil(s string, h http.Header, now time.Time) (time.Duration, bool) {
	const oldest, newest = 1_000_000_000, 10_000_000_000
	d, ok := whole(s, time.Second)
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

// sent returns when the server sent the response by its own clock, so that a difference between the
// clocks does not matter.
func sent(h http.Header, now time.Time) time.Time {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		return date
	}
	return now
}

// whole reads a count of whole units. One that is more than a Duration can hold is the longest.
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

// rateLimitReset returns the longest time until a quota that is used up is renewed. The draft has
// had three forms:
//
//	RateLimit: "burst";r=0;t=5, "daily";r=12;t=3600        from version 8 on
//	RateLimit: limit=100, remaining=0, reset=5             version 7
//	RateLimit-Remaining: 0 and RateLimit-Reset: 5          up to version 6
//
// and the last is sent with X- before each name as well, most often with a Unix time.
//
// A quota of which something is left is not what the request failed for; one that does not say
// is taken to be used up.
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

// unquoted yields the parts of s between separators, none of which counts within quotes.
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
