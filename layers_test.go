package holdfast_test

import (
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/media-gateway/holdfast"

// layers are the module's packages, the lowest first. A package imports only packages of rows above
// its own: so a stage never imports the root, and no adapter imports another. It is the picture in
// docs/architecture.md. The patterns are for path.Match; "." is the root.
var layers = [][]string{
	{
		"internal/brief", "internal/bubble", "internal/foreign", "internal/link", "internal/mono", "internal/mutate",
		"internal/nearest", "internal/stripes", "internal/suite", "internal/told", "internal/visible", "internal/wordwrap", "internal/wordwrap/wraptest",
	},
	{"internal/cache", "internal/chance", "internal/cli", "internal/lazyctx", "resilience"},
	{"internal/advice", "internal/check", "internal/slow", "internal/stage", "internal/usual", "resilience/policytest"},
	{"internal/vary", "resilience/budget", "resilience/deadline"},
	{"resilience/breaker", "resilience/bulkhead", "resilience/ratelimit", "resilience/retry"},
	{"internal/model", "internal/plan"},
	{"internal/timeline", "lint"},
	{"."},
	{"adapter"},
	{"adapter/rpc", "fleet"},
	{"metrics"},
	{
		"config", "storm", "holdfastotel", "holdfastprom",
		"holdfastgrpc", "holdfasthttp", "holdfastredis", "holdfastsql",
	},
	{"holdfastdash"},
	{"fleet/fleettest", "holdfastaws", "holdfastconnect", "holdfastfleet", "holdfastmysql", "holdfastpgx", "internal/demo", "internal/fleetbus"},
	{"cmd/holdfast"},
	{
		"benchmarks", "benchmarks/*", "benchmarks/peers/*", "benchmarks/peers/cmd/*", "deploy", "deploy/internal/*", "docs",
		"examples", "examples/*", "fleet/storms", "formal", "holdfastdash/browsertest", "holdfastdash/browsertest/*", "integration", "integration/*", "integration/*/*", "storm/results", "traps",
	},
}

// layerOf returns the row of a package, or -1.
func layerOf(t *testing.T, pkg string) int {
	t.Helper()
	for row, patterns := range layers {
		for _, pattern := range patterns {
			ok, err := path.Match(pattern, pkg)
			require.NoError(t, err)
			if ok {
				return row
			}
		}
	}
	return -1
}

func TestImportsPointUpward(t *testing.T) {
	imports := map[string][]string{} // of this module's packages, by package
	for _, line := range list(t, "-f", `{{.ImportPath}}{{range .Imports}},{{.}}{{end}}`, "work") {
		all := strings.Split(line, ",")
		pkg, _ := within(all[0])
		imports[pkg] = nil
		for _, imported := range all[1:] {
			if name, ok := within(imported); ok {
				imports[pkg] = append(imports[pkg], name)
			}
		}
	}
	require.Contains(t, imports, "cmd/holdfast")
	for pkg, all := range imports {
		row := layerOf(t, pkg)
		if row < 0 {
			t.Errorf("%s has no row in the layers; want one, so that what it may import is decided", pkg)
			continue
		}
		for _, imported := range all {
			if layerOf(t, imported) >= row {
				t.Errorf("%s imports %s, which does not stand above it in the layers", pkg, imported)
			}
		}
	}
}

// within returns the folder of a package of this repository: "." for the root.
func within(pkg string) (folder string, ok bool) {
	if pkg == module {
		return ".", true
	}
	return strings.CutPrefix(pkg, module+"/")
}
