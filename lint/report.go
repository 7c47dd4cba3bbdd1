package lint

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/media-gateway/holdfast/internal/visible"
)

// Report is what Check found: errors, then warnings, then infos, each in the order of the file.
// Silenced findings are last.
type Report struct {
	Findings []Finding
}

// Errors returns how many findings are errors that nobody silenced.
func (r Report) Errors() int { return r.count(Error) }

// Warnings returns how many findings are warnings that nobody silenced.
func (r Report) Warnings() int { return r.count(Warning) }

// Infos returns how many findings are infos that nobody silenced.
func (r Report) Infos() int { return r.count(Info) }

// Silenced returns how many findings somebody silenced.
func (r Report) Silenced() (n int) {
	for _, f := range r.Findings {
		if f.Silenced != "" {
			n++
		}
	}
	return n
}

func (r Report) count(s Severity) (n int) {
	for _, f := range r.Findings {
		if f.Severity == s && f.Silenced == "" {
			n++
		}
	}
	return n
}

// MarshalJSON writes the findings and the counts.
func (r Report) MarshalJSON() ([]byte, error) {
	findings := r.Findings
	if findings == nil {
		findings = []Finding{}
	}
	return json.Marshal(struct {
		Findings []Finding `json:"findings"`
		Errors   int       `json:"errors"`
		Warnings int       `json:"warnings"`
		Infos    int       `json:"infos"`
		Silenced int       `json:"silenced"`
	}{findings, r.Errors(), r.Warnings(), r.Infos(), r.Silenced()})
}

// WriteText writes the findings for a terminal, without color. Each is one line, with the
// arithmetic and the fix indented below it. The last line has the counts. Silenced findings are
// only counted. It returns w's error.
func (r Report) WriteText(w io.Writer) error {
	_, err := io.WriteString(w, r.String())
	return err
}

// String returns what WriteText writes.
func (r Report) String() string {
	var s strings.Builder
	for _, f := range r.Findings {
		if f.Silenced != "" {
			continue
		}
		fmt.Fprintln(&s, f)
		if f.Arithmetic != "" {
			fmt.Fprintln(&s, "    "+f.Arithmetic)
		}
		switch {
		case f.First != "":
			fmt.Fprintf(&s, "    fix: that of %s, which leaves no retries; else %s\n", f.First, f.Fix)
		case len(f.Fix) > 0:
			fmt.Fprintln(&s, "    fix: "+f.Fix.String())
		}
	}
	fmt.Fprintln(&s, r.Summary())
	return visible.Text(s.String())
}

// Summary returns the counts in words: "1 error, 2 warnings, 1 info (1 silenced)".
func (r Report) Summary() string {
	words := fmt.Sprintf("%s, %s, %s", count(r.Errors(), "error", "errors"), count(r.Warnings(), "warning", "warnings"),
		count(r.Infos(), "info", "infos"))
	if n := r.Silenced(); n > 0 {
		words += fmt.Sprintf(" (%d silenced)", n)
	}
	return words
}
