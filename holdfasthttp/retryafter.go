package holdfasthttp

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// retryAfter returns how long the server asks to be left alone: by Retry-After, or else by the RateLimit
// fields of draft-ietf-httpapi-ratelimit-headers. 0 if it does not, or if it cannot be read.
func retryAfter(h http.Header, now time.Time) time.Duration {
	if v := strings.TrimSpace(h.Get("Retry-After")); v != "" {
		if d, ok := seconds(v); ok {
			return d
		}
		if at, err := http.ParseTime(v); err == nil {
			return max(0, at.Sub(sent(h, now)))
		}
	}
	return rateLimitReset(h)
}

// sent returns when the server sent the response, by its own clock: it is that by which it reckoned the
// time to come back, so that a difference to the clock here does not matter.
func sent(h http.Header, now time.Time) time.Time {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		return date
	}
	return now
}

// seconds reads a count of whole seconds. One that is more than a Duration can hold is the longest.
func seconds(s string) (time.Duration, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > int64(math.MaxInt64/time.Second) {
		return math.MaxInt64, true
	}
	return time.Duration(n) * time.Second, true
}

// rateLimitReset returns the longest time until a quota that is used up is renewed. The draft has had three
// forms:
//
//	RateLimit: "burst";r=0;t=5, "daily";r=12;t=3600        from version 8 on
//	RateLimit: limit=100, remaining=0, reset=5             version 7
//	RateLimit-Remaining: 0 and RateLimit-Reset: 5          up to version 6
//
// A quota of which something is left is not what the request failed for; one that does not say
// is taken to be used up.
func rateLimitReset(h http.Header) time.Duration {
	var longest time.Duration
	note := func(remaining, reset string) {
		left, said := seconds(remaining)
		if d, ok := seconds(reset); ok && (!said || left == 0) {
			longest = max(longest, d)
		}
	}
	for _, field := range h["Ratelimit"] {
		var remaining, reset string // of the form of version 7
		for item := range unquoted(field, ',') {
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
	note(strings.TrimSpace(h.Get("RateLimit-Remaining")), strings.TrimSpace(h.Get("RateLimit-Reset")))
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
