package config

import "github.com/media-gateway/holdfast/internal/nearest"

// once returns the hint that find returns. It calls find only once for each id: ten thousand
// services may share one wrong value.
func (s *source) once(id string, find func() string) string {
	if s.full() {
		return ""
	}
	hint, known := s.hints[id]
	if !known {
		if s.hints == nil {
			s.hints = map[string]string{}
		}
		hint = find()
		s.hints[id] = hint
	}
	return hint
}

// suggest returns "; did you mean …?" if one of the candidates is close to what was written, else
// "".
func (s *source) suggest(written string, candidates []string) string {
	if s.full() {
		return ""
	}
	s.compared += len(candidates)
	if c, ok := nearest.Name(written, candidates); ok {
		return "; did you mean " + quoted(c) + "?"
	}
	return ""
}
