package config

import (
	"fmt"
	"strings"

	"github.com/media-gateway/holdfast/internal/visible"
)

// Origin is where a value comes from.
type Origin struct {
	File   string `json:"file,omitempty"`   // "" where it is not from a file
	Line   int    `json:"line,omitempty"`   // from 1; 0 where it is not from a file
	Column int    `json:"column,omitempty"` // in characters, from 1; 0 where it is not from a file

	// Source is what said it: "service", "template critical", "defaults", "environment
	// HOLDFAST_PAYMENTS_BUDGET_RATIO", "built-in template critical", "pipeline" for all that Of
	// read from a running one, or "default" for what nobody said.
	Source string `json:"source"`
}

// String returns "services.yaml:14:7 (template critical)", or the Source alone where there is no
// file.
func (o Origin) String() string {
	if o.Line == 0 {
		return o.Source
	}
	return fmt.Sprintf("%s:%d:%d (%s)", visible.Name(o.File), o.Line, o.Column, o.Source)
}

// Origin returns where the value of a key comes from, such as "deadline", "retry" or
// "retry.max_retries", and false for a key that there is not. The key "" is the service itself. Of
// a stage that the service does without, the origin is of what says so, if anything does.
func (s Service) Origin(key string) (Origin, bool) {
	if v, ok := s.values[key]; ok {
		return v.origin, true
	}
	if _, ok := keyOf(key); ok || key == "" {
		return Origin{Source: sourceDefault}, true
	}
	return Origin{}, false
}

const (
	sourceDefault  = "default"
	sourceDefaults = "defaults"
	sourceService  = "service"
)

// builtIn reports whether a value is from a template of this package, which has no place in any
// file.
func (o Origin) builtIn() bool { return strings.HasPrefix(o.Source, "built-in ") }

// settings are values by their key's path: "retry.max_retries". The path "" is the service itself.
type settings map[string]setting

// setting is one value, as Go has it.
type setting struct {
	value    any
	where    string // its path in the file: "templates.slow.retry.max_delay"
	variable string // "HOLDFAST_PAYMENTS_DEADLINE=2s", if it is from the environment
	origin   Origin
	rank     int // of its layer in its service, the highest having the last word; 0: built in, or nobody's
}
