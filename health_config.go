package holdfast

import (
	"reflect"
	"slices"
	"time"

	"github.com/media-gateway/holdfast/internal/foreign"
	"github.com/media-gateway/holdfast/internal/visible"
)

// WithConfig returns rules whose handlers also say how these configuration files stand:
//
//	{"state": "degraded", "pipelines": […], "config": [{"path": "services.yaml", "state": "degraded", "why": "refused: services.yaml:3:7: …",
//	  "refused_unix_ms": 1767225600000, "applied_unix_ms": 1767139200000}]}
//
// A file that is refused makes the whole answer Degraded, and no worse: the program goes on with
// the last good file, and a restart would only end that. So the HTTP status stays 200 if no
// pipeline is Unhealthy. "why" says what is wrong with the file, "refused_unix_ms" since when it is
// refused, and "applied_unix_ms" when a file was last put into force: a change that makes no
// difference counts, and so does the return of what was there before. A file that nobody follows
// any more has "ended": true. WithConfig may be called again, and adds to the files. A nil file, or
// one whose Status panics, is Degraded, so that the mistake is seen. Check does not look at files.
func (r HealthRules) WithConfig(files ...ConfigFile) HealthRules {
	r.files = append(slices.Clip(r.files), files...)
	return r
}

// configHealth is how a handler shows a configuration file.
type configHealth struct {
	Path    string      `json:"path"`
	State   HealthState `json:"state"`
	Why     string      `json:"why,omitempty"`
	Refused int64       `json:"refused_unix_ms,omitzero"` // since when
	Applied int64       `json:"applied_unix_ms,omitzero"` // when a file was last put into force
	Ended   bool        `json:"ended,omitempty"`
}

// maxWhyBytes bounds what an answer says of a file: a broken file may have a hundred problems.
const maxWhyBytes = 1000

func configHealthOf(f ConfigFile) (h configHealth) {
	defer func() {
		if recover() != nil {
			h = configHealth{State: Degraded, Why: "how the file stands is unknown: its Status method panics"}
		}
	}()
	if v := reflect.ValueOf(f); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return configHealth{State: Degraded, Why: "the ConfigFile is nil; want one, such as the config.Watcher that config.Watch returns"}
	}
	s := f.Status()
	h = configHealth{Path: s.Path, Ended: s.Ended, Refused: unixMilli(s.Refused), Applied: unixMilli(s.Applied)}
	if s.Err != nil {
		h.State, h.Why = Degraded, "refused: "+cutAt(visible.Text(foreign.Text(s.Err)), maxWhyBytes)
	}
	return h
}

func unixMilli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// cutAt returns at most the first n bytes of a text, whole characters of it.
func cutAt(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && text[n]&0xc0 == 0x80 { // in the middle of a character
		n--
	}
	return text[:n] + "…"
}
