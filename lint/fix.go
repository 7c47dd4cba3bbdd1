package lint

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/internal/brief"
)

// Fix is the change that makes a finding go away: settings of the service. It is empty where there
// is nothing to change.
type Fix []Setting

// Setting is a key of a service and the value that it is to have, both as in a file.
type Setting struct {
	Key   string `json:"key"`   // "retry.max_retries"
	Value string `json:"value"` // "3"
}

// String returns the setting as it is written in a file: "retry.max_retries: 3".
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

// contradicts reports whether two fixes say different things of one setting.
func (f Fix) contradicts(other Fix) bool {
	return slices.ContainsFunc(f, func(s Setting) bool {
		return slices.ContainsFunc(other, func(o Setting) bool { return o.Key == s.Key && o.Value != s.Value })
	})
}

// setting returns a change of a key.
func setting(key string, value any) Setting {
	if d, ok := value.(time.Duration); ok {
		value = brief.Duration(d)
	}
	return Setting{key, fmt.Sprint(value)}
}

// noRetries is the setting that takes a service's retries away.
var noRetries = retriesOf(0)

// retriesOf returns the setting of so many retries.
func retriesOf(n int) Setting {
	if n == 0 {
		return setting("retry.max_retries", "none")
	}
	return setting("retry.max_retries", n)
}
