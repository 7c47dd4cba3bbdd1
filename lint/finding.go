package lint

import (
	"fmt"
	"strings"

	"github.com/media-gateway/holdfast/internal/visible"
)

// Severity is how bad a finding is.
type Severity uint8

const (
	Info    Severity = iota // something to know
	Warning                 // does harm in a bad minute
	Error                   // cannot do what it says, or has no limit
)

var severities = [...]string{"info", "warning", "error"}

// String returns "info", "warning" or "error".
func (s Severity) String() string {
	if int(s) < len(severities) {
		return severities[s]
	}
	return fmt.Sprintf("severity(%d)", uint8(s))
}

// MarshalText returns String.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Severity) UnmarshalText(text []byte) error {
	for i, name := range severities {
		if name == string(text) {
			*s = Severity(i)
			return nil
		}
	}
	return fmt.Errorf("lint: severity %q; want info, warning or error", text)
}

// Position is a place in a file. The zero value is no place.
type Position struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// String returns "services.yaml:14", "line 14" without a file, and the file alone without a line.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return visible.Name(p.File)
	case p.File == "":
		return fmt.Sprintf("line %d", p.Line)
	}
	return fmt.Sprintf("%s:%d", visible.Name(p.File), p.Line)
}

// Number is a number in the sentence of a finding, but not rounded.
type Number struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"` // "s", "1/s" or "%"; "" for a plain number
}

// Finding is one result of the linter about a service.
type Finding struct {
	Code     string   `json:"code"` // HF001: see Explain
	Severity Severity `json:"severity"`
	Service  string   `json:"service"`
	Key      string   `json:"key,omitempty"` // of the setting in a file: "retry.max_retries"

	Message    string   `json:"message"`              // a sentence with the numbers
	Arithmetic string   `json:"arithmetic,omitempty"` // how the numbers are computed; "" if the sentence says it
	Numbers    []Number `json:"numbers,omitempty"`

	Fix Fix `json:"fix,omitempty"`

	// First, if set, is the code of another finding of the service, whose fix removes its retries.
	// Apply that fix first. This Fix is only for those who do not.
	First string `json:"first,omitempty"`

	Position Position `json:"position,omitzero"`

	// Silenced is the reason that the file gives for silencing the finding; "" if it is not
	// silenced.
	Silenced string `json:"silenced,omitempty"`
}

// String returns the finding in one line: "services.yaml:14: error HF001 payments: 5 retries need
// …". Characters that are not printable are escaped.
func (f Finding) String() string {
	var s strings.Builder
	if at := f.Position.String(); at != "" {
		s.WriteString(at + ": ")
	}
	word := f.Severity.String()
	if f.Silenced != "" {
		word = "silenced"
	}
	fmt.Fprintf(&s, "%s %s %s: %s", word, f.Code, f.Service, f.Message)
	if f.Silenced != "" {
		fmt.Fprintf(&s, " (%s)", f.Silenced)
	}
	return visible.Line(s.String())
}
