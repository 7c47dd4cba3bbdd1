package main

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const source = `package p

type T struct{ n int }

type Kind uint8

const (
	First Kind = iota
	Second
)

func Min(a, b int) (int, error) {
	if a < b && a != 0 {
		a++
		return a, nil
	}
	f := func() bool { return true }
	_ = f()
	defer f()
	return b, nil
}

func (t *T) Helper() {}

func (t *T) Min(a, b int) bool {
	t.Helper()
	return a < b || b < a
}
`

// zeros returns zero values only, and others.
const zeros = `package p

import "time"

type T struct{ n int }
type S []int
type Kind uint8

const (
	First Kind = iota
	Second
)

const none = 0

func zeroOfAll() (int, error, *T, T, [2]int, string, bool, Kind, time.Duration, float64) {
	return none, nil, nil, T{}, [2]int{}, "", false, First, time.Duration(0), 0.0
}
func zeroFunc() func()      { return nil }
func zeroLater() (a, b int) { return (0), none }
func kind() Kind            { return Second }
func second() (int, Kind)   { return 0, Second }
func inInterface() any      { return 0 }
func structInOne() any      { return T{} }
func slice() S              { return S{} }
func pointer() *T           { return &T{} }
func filled() T             { return T{1} }
func words() string         { return "a" }
func yes() bool             { return true }
func both() (int, error)    { return number() }
func number() (int, error)  { return 0, nil }
func generic[V any](v V) V  { return v }
func named() (err error)    { return }
`

// found returns the mistakes in a package of one file.
func found(t *testing.T, text string) []*mutant {
	t.Helper()
	t.Setenv("GOWORK", "off")
	t.Chdir(write(t, map[string]string{"go.mod": "module p\n\ngo 1.26\n", "p.go": text}))
	all, packages, err := everyMutant([]string{"."})
	require.NoError(t, err)
	require.Len(t, packages, 1)
	return all
}

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

func TestEveryKindOfMistakeIsFound(t *testing.T) {
	var ids []string
	for _, m := range found(t, source) {
		ids = append(ids, m.id())
		text, err := m.source()
		require.NoError(t, err)
		require.NotEqual(t, source, string(text))
	}
	require.ElementsMatch(t, []string{
		"p.go: Min: negation: a < b && a != 0 -> !(a < b && a != 0)",
		"p.go: Min: logic: && -> ||",
		"p.go: Min: boundary: < -> <=",
		"p.go: Min: comparison: != -> ==",
		"p.go: Min: removed statement: a++",
		"p.go: Min: zero return: return a, nil -> return *new(int), *new(error)",
		"p.go: Min: zero return: return true -> return *new(bool)",
		"p.go: Min: removed statement: _ = f()",
		"p.go: Min: removed statement: defer f()",
		"p.go: Min: zero return: return b, nil -> return *new(int), *new(error)",
		"p.go: (*T).Min: logic: || -> &&",
		"p.go: (*T).Min: boundary: < -> <=",
		"p.go: (*T).Min: boundary: < -> <= (2)",
		"p.go: (*T).Min: zero return: return a < b || b < a -> return *new(bool)",
	}, ids)
}

// A return of zero values is the same program as the return of zero values.
func TestAZeroThatIsReturnedIsNoMistake(t *testing.T) {
	var functions []string
	for _, m := range found(t, zeros) {
		require.Equal(t, "zero return", m.kind)
		functions = append(functions, m.function)
	}
	require.ElementsMatch(t, []string{
		"kind", "second", "inInterface", "structInOne", "slice", "pointer", "filled", "words", "yes", "both", "generic",
	}, functions)
}

// A test that looks at half of a func notices half of its mistakes.
func TestWhatTestsDoNotNotice(t *testing.T) {
	t.Setenv("GOWORK", "off")
	t.Chdir(write(t, map[string]string{
		"go.mod": "module p\n\ngo 1.26\n",
		"p.go":   "package p\n\nfunc Max(a, b int) int {\n\tif a > b {\n\t\treturn a\n\t}\n\treturn b\n}\n",
		"p_test.go": "package p\n\nimport \"testing\"\n\nfunc TestMax(t *testing.T) {\n" +
			"\tif Max(2, 1) != 2 {\n\t\tt.Fatal()\n\t}\n}\n",
	}))
	var out bytes.Buffer
	ok, err := run(&out, options{sample: 100, seed: 1, least: 0.9, workers: 2, limit: time.Minute, atMost: time.Hour}, []string{"./..."})
	require.NoError(t, err)
	require.False(t, ok)
	require.Contains(t, out.String(), "survived: p.go:7: Max: zero return: return b -> return *new(int)")
	require.Contains(t, out.String(), "survived: p.go:4: Max: boundary: > -> >=")
	require.Contains(t, out.String(), "4 tried: 2 noticed (50.0 %), 2 survived, 0 survived and are known; 0 more could not be built")
}

// With -files only those have mistakes, and their packages need not be named. Tests have none.
func TestMistakesInSomeFiles(t *testing.T) {
	t.Setenv("GOWORK", "off")
	dir := write(t, map[string]string{"go.mod": "module p\n\ngo 1.26\n", "p.go": "package p\n\nfunc A(a int) bool { return a == 0 }\n"})
	require.NoError(t, os.Mkdir(filepath.Join(dir, "q"), 0o700))
	for name, text := range map[string]string{
		"q.go": "package q\n\nfunc B(a int) bool { return a > 0 }\n", "r.go": "package q\n\nfunc C(a int) bool { return a != 0 }\n",
		"q_test.go": "package q\n\nimport \"testing\"\n\nfunc TestC(t *testing.T) {\n\tif C(0) || !C(1) {\n\t\tt.Fatal()\n\t}\n}\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "q", name), []byte(text), 0o600))
	}
	t.Chdir(dir)
	o := options{sample: 100, seed: 1, least: 0.9, workers: 2, limit: time.Minute, atMost: time.Hour}
	for _, patterns := range [][]string{nil, {"./..."}} {
		var out bytes.Buffer
		o.files = []string{"./q/r.go", "q/q_test.go", "README.md"}
		ok, err := run(&out, o, patterns)
		require.NoError(t, err)
		require.True(t, ok, out.String())
		require.Contains(t, out.String(), "2 tried: 2 noticed")
		out.Reset()
		o.files = []string{"q/q.go"}
		ok, err = run(&out, o, patterns)
		require.NoError(t, err)
		require.False(t, ok, out.String())
		require.Contains(t, out.String(), "survived: q/q.go:3: B: boundary: > -> >=")
		require.NotContains(t, out.String(), "p.go")
	}
	o.files = []string{"q/q_test.go"}
	_, err := run(&bytes.Buffer{}, o, []string{"./..."})
	require.ErrorContains(t, err, "files that are no tests")
}

// Without a mistake the tests have to pass, else they would notice all of them.
func TestTestsThatFailAnyway(t *testing.T) {
	t.Setenv("GOWORK", "off")
	t.Chdir(write(t, map[string]string{
		"go.mod":    "module p\n\ngo 1.26\n",
		"p.go":      "package p\n\nfunc Zero(a int) bool { return a == 0 }\n",
		"p_test.go": "package p\n\nimport \"testing\"\n\nfunc TestZero(t *testing.T) { t.Fatal(\"as ever\") }\n",
	}))
	_, err := run(&bytes.Buffer{}, options{sample: 1, seed: 1, workers: 1, limit: time.Minute, atMost: time.Hour}, []string{"."})
	require.ErrorContains(t, err, "the tests fail without any mistake")
	require.ErrorContains(t, err, "as ever")
}

func TestMistakesThatNobodyCouldTry(t *testing.T) {
	var out bytes.Buffer
	tr := &trial{limit: time.Minute, out: &out}
	err := tr.all([]*mutant{{file: filepath.Join(t.TempDir(), "missing.go")}}, options{sample: 1, workers: 1, atMost: time.Hour})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Zero(t, tr.tried())
}

func TestReasons(t *testing.T) {
	require.Equal(t, map[string]string{"a b c": "because of this"}, reasons("# x\n\na b c\n\tbecause\n\tof this\n"))
	_, err := run(&bytes.Buffer{}, options{}, nil)
	require.ErrorContains(t, err, "want patterns")
}

// A line of survivors.txt whose mistake can no longer be made excuses nothing, or, once somebody
// writes the same words again, the wrong thing.
func TestSurvivorsAreMistakesThatCanBeMade(t *testing.T) {
	t.Chdir("../..")
	known := reasons(survivors)
	var patterns []string
	for id, why := range known {
		require.NotEmpty(t, why, id)
		name, _, _ := strings.Cut(id, ": ")
		patterns = append(patterns, "./"+path.Dir(name))
	}
	slices.Sort(patterns)
	if patterns = slices.Compact(patterns); len(patterns) == 0 {
		return
	}
	all, _, err := everyMutant(patterns)
	require.NoError(t, err)
	for _, m := range all {
		delete(known, m.id())
	}
	require.Empty(t, known)
}
