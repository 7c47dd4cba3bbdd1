package holdfast

import (
	"fmt"
	"strings"
)

// inWords names the keys that have a breaker that is not closed.
func (s *KeyedStats) inWords() string {
	named := s.OpenKeys[:min(len(s.OpenKeys), 5)]
	have := "have"
	if s.Open == 1 {
		have = "has"
	}
	words := fmt.Sprintf("%d of %d keys %s a breaker that is not closed: %s", s.Open, s.Len, have, strings.Join(named, ", "))
	if s.Open > len(named) {
		words += ", …"
	}
	return words
}
