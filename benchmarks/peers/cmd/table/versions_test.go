package main

import (
	"os"
	"path/filepath"
	"regexp"
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

// What a document says of another library is true for one version, and that is the one that is
// measured.
func TestDocumentsNameTheVersions(t *testing.T) {
	major := regexp.MustCompile(`/v\d+$`)
	hystrix := map[string]string{"v0.0.0-20180502004556-fa1af6a1f4f5": "fa1af6a"}
	said := func(document, path, version string) {
		if commit, ok := hystrix[version]; ok {
			version = commit
		}
		text, err := os.ReadFile(filepath.Join("../../../../docs", document))
		require.NoError(t, err)
		name := strings.TrimPrefix(major.ReplaceAllString(path, ""), "github.com/")
		want := regexp.MustCompile(regexp.QuoteMeta(name) + `[^\n]*` + regexp.QuoteMeta(version))
		require.Regexp(t, want, string(text), "%s has to name %s %s", document, name, version)
	}
	for path, version := range peers(t) {
		said("benchmarks.md", path, version)
	}
	for _, path := range []string{"github.com/sony/gobreaker/v2", "github.com/cenkalti/backoff/v7", "github.com/avast/retry-go/v5"} {
		said("storms.md", path, peers(t)[path])
	}
}

// run.sh writes down the version of each.
func TestTheRunNamesTheVersions(t *testing.T) {
	script, err := os.ReadFile("../../run.sh")
	require.NoError(t, err)
	for path := range peers(t) {
		require.Contains(t, string(script), path)
	}
}
