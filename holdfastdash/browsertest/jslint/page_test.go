package jslint_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfastdash/browsertest/jslint"
)

// browser has the names of the language and the browser that the page uses.
var browser = strings.Fields(`
	Boolean Date Error Infinity Intl JSON Map Math NaN Number Object Set String WeakMap undefined
	encodeURIComponent navigator Event EventSource EventTarget HTMLInputElement HTMLSelectElement IntersectionObserver
	document fetch performance setInterval setTimeout window
`)

// page returns the modules of the page.
func page(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../../page/*.js")
	require.NoError(t, err)
	require.Greater(t, len(files), 10)
	modules := map[string][]byte{}
	for _, f := range files {
		modules[filepath.Base(f)], err = os.ReadFile(f)
		require.NoError(t, err)
	}
	return modules
}

func TestPage(t *testing.T) {
	require.Empty(t, jslint.Check(page(t), browser))
}

// Each mistake, made once in the real page. The first one had been in the page unnoticed.
func TestMistakesInThePageAreFound(t *testing.T) {
	const line = "    this.pipeline = pipeline;\n"
	for planted, want := range map[string]string{
		line + line:                                "this.pipeline = pipeline stands twice in a row",
		line + "    say({ key, key: 1 });\n":       "key key is there twice in an object",
		line + "    const unused = 1;\n":           "unused is declared and not used",
		line + "    this.n = numberz.length;\n":    "numberz is used, and nobody declares it",
		line + "    return;\n    say(\"late\");\n": `say("late") is never reached`,
	} {
		modules := page(t)
		source := string(modules["tuning.js"])
		require.Contains(t, source, line)
		modules["tuning.js"] = []byte(strings.Replace(source, line, planted, 1))
		require.Contains(t, jslint.Check(modules, browser), "tuning.js: "+want)
	}
}
