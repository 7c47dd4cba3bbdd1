package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var required = regexp.MustCompile(`(?m)^\t(github\.com/\S+) (v\S+)( // indirect)?$`)

// peers are the libraries that this module requires, with their versions.
func peers(t *testing.T) map[string]string {
	mod, err := os.ReadFile("../../go.mod")
	require.NoError(t, err)
	found := map[string]string{}
	for _, m := range required.FindAllStringSubmatch(string(mod), -1) {
		path, version := m[1], m[2]
		if m[3] == "" && !strings.HasPrefix(path, module) && !strings.Contains(path, "testify") {
			found[path] = version
		}
	}
	require.Contains(t, found, "github.com/sony/gobreaker/v2")
	return found
}

// usedBy reports whether a package of this module, or its tests, import something of the module at
// path.
func usedBy(t *testing.T, dir, path string) bool {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range f.Imports {
			if imported, _ := strconv.Unquote(spec.Path.Value); imported == path || strings.HasPrefix(imported, path+"/") {
				return true
			}
		}
	}
	return false
}

// What a document says of another library is true for one version, and that is the one that is
// measured: in docs/benchmarks.md those of the benchmarks, in docs/storms.md those of the storms.
func TestDocumentsNameTheVersions(t *testing.T) {
	major := regexp.MustCompile(`/v\d+$`)
	hystrix := map[string]string{"v0.0.0-20180502004556-fa1af6a1f4f5": "fa1af6a"}
	for dir, document := range map[string]string{"../..": "benchmarks.md", "../../storm": "storms.md"} {
		text, err := os.ReadFile(filepath.Join("../../../../docs", document))
		require.NoError(t, err)
		for path, version := range peers(t) {
			if !usedBy(t, dir, path) || slices.Contains(partsOfOthers, path) {
				continue
			}
			if commit, ok := hystrix[version]; ok {
				version = commit
			}
			name := strings.TrimPrefix(major.ReplaceAllString(path, ""), "github.com/")
			want := regexp.MustCompile(regexp.QuoteMeta(name) + `[^\n]*` + regexp.QuoteMeta(version))
			require.Regexp(t, want, string(text), "%s has to name %s %s", document, name, version)
		}
	}
}

// partsOfOthers are modules without a say of their own: a library that is compared is written in
// their terms.
var partsOfOthers = []string{"github.com/aws/smithy-go"}

// run.sh writes down the version of each.
func TestTheRunNamesTheVersions(t *testing.T) {
	script, err := os.ReadFile("../../run.sh")
	require.NoError(t, err)
	for path := range peers(t) {
		if usedBy(t, "../..", path) {
			require.Contains(t, string(script), path)
		}
	}
}
