package recipes

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// object is a document of YAML.
type object map[string]any

// at returns what stands at a path of keys, and of indexes of lists; nil if there is nothing.
func (o object) at(path ...any) any {
	var here any = map[string]any(o)
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := here.(map[string]any)
			here = m[step]
		case int:
			l, _ := here.([]any)
			if step >= len(l) {
				return nil
			}
			here = l[step]
		}
	}
	return here
}

// documented returns the objects of docs/recipes.md of one kind. They are parsed, and not given to
// a cluster: there is none here.
func documented(t *testing.T, kind string) (found []object) {
	t.Helper()
	text, err := os.ReadFile("../../docs/recipes.md")
	require.NoError(t, err)
	for _, part := range strings.Split(string(text), "```yaml\n")[1:] {
		block, _, ok := strings.Cut(part, "\n```")
		require.True(t, ok)
		for d := yaml.NewDecoder(strings.NewReader(block)); ; {
			var plain map[string]any // a named type would be the type of what is in it, too
			err := d.Decode(&plain)
			o := object(plain)
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, "%s", block)
			require.NotEmpty(t, o.at("apiVersion"), "%s", block)
			require.NotEmpty(t, o.at("metadata", "name"), "%s", block)
			if o.at("kind") == kind {
				found = append(found, o)
			}
		}
	}
	require.NotEmpty(t, found, kind)
	return found
}
