package config

import (
	"fmt"
	"strings"

	"github.com/media-gateway/holdfast/internal/visible"
)

// Origin is where a value comes from.
type Origin struct {
	File   string `json:"file,omitempty"`   // "" if it is not from a file
	Line   int    `json:"line,omitempty"`   // from 1; 0 if it is not from a file
	Column int    `json:"column,omitempty"` // in characters, from 1; 0 if it is not from a file

	// Source is what set the value: "service", "template critical", "defaults", "environment
	// HOLDFAST_PAYMENTS_BUDGET_RATIO", "built-in template critical", "pipeline" for what Of read
	// from a running pipeline, "fleet" for a key of the section fleet, or "default" if nothing set
	// it.
	Source string `json:"source"`
}

// String returns "services.yaml:14:7 (template critical)", or the Source alone if there is no file.
func (o Origin) String() string {
	if o.Line == 0 {
		return o.Source
	}
	return fmt.Sprintf("%s:%d:%d (%s)", visible.Name(o.File), o.Line, o.Column, o.Source)
}

// Origin returns where the value of a key comes from. Keys are paths such as "deadline", "retry" or
// "retry.max_retries"; "" is the service itself. It returns false for an unknown key. For a stage
// that the service does not have, it is the origin of the off, if something says off.
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
	sourceFleet    = "fleet"
)

// builtIn reports whether a value is from a built-in template, which has no place in a file.
func (o Origin) builtIn() bool { return strings.HasPrefix(o.Source, "built-in ") }

// settings are values by the path of their key: "retry.max_retries". The path "" is the service
// itself.
type settings map[string]setting

// setting is one value, as a Config has it, and where it comes from.
type setting struct {
	value    any
	where    string // its path in the file: "templates.slow.retry.max_delay"
	variable string // "HOLDFAST_PAYMENTS_DEADLINE=2s", if it is from the environment
	origin   Origin
	rank     int // of its layer in its service; the highest wins; 0: built in, or never set
}
