package config

import "github.com/media-gateway/holdfast/internal/nearest"

// once returns what think does, which it calls once for an id: what is wrong may be shared by ten
// thousand services.
func (s *source) once(id string, think func() string) string {
	if s.full() {
		return ""
	}
	more, known := s.thoughts[id]
	if !known {
		if s.thoughts == nil {
			s.thoughts = map[string]string{}
		}
		more = think()
		s.thoughts[id] = more
	}
	return more
}

// suggest returns "; did you mean …?" if one of the candidates is close to what was written.
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
