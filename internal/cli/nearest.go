package cli

import (
	"slices"
	"strings"

	"github.com/media-gateway/holdfast/internal/nearest"
)

// Want says what would be right instead of word: the nearest choice if one is near, else all
// choices.
func Want(word string, choices []string) string {
	if near := Nearest(word, choices); near != "" {
		return "did you mean " + near + "?"
	}
	switch len(choices) {
	case 0:
		return "there is none"
	case 1:
		return "want " + choices[0]
	}
	last := len(choices) - 1
	return "want " + strings.Join(choices[:last], ", ") + " or " + choices[last]
}

// Nearest returns the choice that word is most likely a misspelling or the beginning of; "" if
// there is none.
func Nearest(word string, choices []string) string {
	if name, ok := nearest.Name(word, choices); ok {
		return name
	}
	word = strings.ToLower(word)
	i := slices.IndexFunc(choices, func(c string) bool { return len(word) > 1 && strings.HasPrefix(strings.ToLower(c), word) })
	if i < 0 {
		return ""
	}
	return choices[i]
}
