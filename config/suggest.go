package config

import "github.com/media-gateway/holdfast/internal/nearest"

// suggest returns "; did you mean …?" if one of the candidates is close to what was written.
func (s *source) suggest(written string, candidates []string) string {
	if s.full() {
		return ""
	}
	if c, ok := nearest.Name(written, candidates); ok {
		return "; did you mean " + quoted(c) + "?"
	}
	return ""
}
