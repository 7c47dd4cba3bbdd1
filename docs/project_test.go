package docs

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// GitHub ignores a form that it cannot read, without a word.
func TestIssueForms(t *testing.T) {
	type form struct {
		Name        string
		Description string
		Labels      []string
		Body        []struct {
			Type        string
			ID          string `yaml:"id"`
			Attributes  struct{ Label, Description, Placeholder, Render string }
			Validations struct{ Required bool }
		}
	}
	paths, err := filepath.Glob("../.github/ISSUE_TEMPLATE/*.yml")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(paths), 3)
	for _, path := range paths {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		d := yaml.NewDecoder(bytes.NewReader(content))
		d.KnownFields(true)
		if filepath.Base(path) == "config.yml" {
			var config struct {
				Blank bool                                `yaml:"blank_issues_enabled"`
				Links []struct{ Name, URL, About string } `yaml:"contact_links"`
			}
			require.NoError(t, d.Decode(&config), path)
			for _, link := range config.Links {
				file, within := strings.CutPrefix(link.URL, "https://github.com/media-gateway/holdfast/blob/main/")
				if within {
					require.FileExists(t, "../"+file, path)
				}
				require.NotEmpty(t, link.Name)
				require.NotEmpty(t, link.About)
			}
			continue
		}
		var f form
		require.NoError(t, d.Decode(&f), path)
		require.NotEmpty(t, f.Name, path)
		require.NotEmpty(t, f.Description, path)
		ids := map[string]bool{}
		for _, field := range f.Body {
			require.Contains(t, []string{"textarea", "input"}, field.Type, path)
			require.NotEmpty(t, field.Attributes.Label, path)
			require.False(t, field.ID == "" || ids[field.ID], "%s: want an id of its own for %q", path, field.Attributes.Label)
			ids[field.ID] = true
		}
		require.NotEmpty(t, ids, path)
	}
}

// Every workflow that README shows a badge of is there.
func TestBadges(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	badges := 0
	for _, part := range strings.Split(string(readme), "/actions/workflows/")[1:] {
		name, _, ok := strings.Cut(part, ".yml")
		require.True(t, ok, part)
		require.FileExists(t, "../.github/workflows/"+name+".yml")
		badges++
	}
	require.GreaterOrEqual(t, badges, 6, "two links for each of three badges")
}
