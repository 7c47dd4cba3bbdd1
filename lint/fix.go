package lint

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/internal/brief"
)

// Fix is the settings of the service that make a finding go away. It is empty if there is nothing
// to change.
type Fix []Setting

// Setting is a key of a service and its new value, both as in a file.
type Setting struct {
	Key   string `json:"key"`   // "retry.max_retries"
	Value string `json:"value"` // "3"
}

// String returns the setting with its full path: "retry.max_retries: 3".
func (s Setting) String() string { return s.Key + ": " + s.Value }

// String returns the settings, separated by commas: "retry.max_retries: none, attempt_deadline:
// off".
func (f Fix) String() string {
	words := make([]string, len(f))
	for i, s := range f {
		words[i] = s.String()
	}
	return strings.Join(words, ", ")
}

// leavesNone reports whether a fix leaves no retries.
func (f Fix) leavesNone() bool { return slices.Contains(f, noRetries) }

// contradicts reports whether two fixes give different values to one setting.
func (f Fix) contradicts(other Fix) bool {
	return slices.ContainsFunc(f, func(s Setting) bool {
		return slices.ContainsFunc(other, func(o Setting) bool { return o.Key == s.Key && o.Value != s.Value })
	})
}

// setting returns a Setting. A duration is written as in a file.
func setting(key string, value any) Setting {
	if d, ok := value.(time.Duration); ok {
		value = brief.Duration(d)
	}
	return Setting{key, fmt.Sprint(value)}
}

// noRetries is the setting that removes a service's retries.
var noRetries = retriesOf(0)

// retriesOf returns the setting of so many retries.
func retriesOf(n int) Setting {
	if n == 0 {
		return setting("retry.max_retries", "none")
	}
	return setting("retry.max_retries", n)
}
