package config

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// refused reads a file that is wrong, and returns its error.
func refused(t *testing.T, text string) *Error {
	t.Helper()
	_, err := Parse(strings.NewReader(text), WithEnvironment(nil))
	var e *Error
	require.ErrorAs(t, err, &e)
	require.NotEmpty(t, e.Problems)
	return e
}

// bomb is a file of few lines that stands for 10ⁿ values and more.
func bomb(n int, form func(line, below string) string) string {
	var b strings.Builder
	below := "x"
	for i := range n {
		name := string(rune('a' + i))
		b.WriteString(form(name, below) + "\n")
		below = "*" + name
	}
	return b.String()
}

// Pins: a YAML bomb is refused before its aliases are expanded: reading it allocates hardly more
// than reading its bytes.
func TestBombs(t *testing.T) {
	ten := func(s string) string { return strings.TrimSuffix(strings.Repeat(s+", ", 10), ", ") }
	for name, text := range map[string]string{
		"lists": bomb(20, func(line, below string) string { return "x-" + line + ": &" + line + " [" + ten(below) + "]" }) + "services: *t",
		"services": bomb(20, func(line, below string) string {
			return "x-" + line + ": &" + line + " {a: " + below + ", b: " + below + ", c: " + below + "}"
		}) + "services: {a: *t}",
		"merges": "x-: [\n" + bomb(20, func(line, below string) string {
			if below == "x" {
				return "&" + line + " {deadline: 1s},"
			}
			return "&" + line + " {<<: [" + ten(below) + "]},"
		}) + "]\nservices: {a: *t}",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		e := refused(t, text)
		runtime.ReadMemStats(&after)
		require.Contains(t, e.Error(), "aliases make this more than 200000 values; want fewer of them", name)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(2<<20), name)
	}
}

func TestSize(t *testing.T) {
	whole := "services: {a: {}}\n" + strings.Repeat("#", maxSize)
	_, err := Parse(strings.NewReader(whole[:maxSize]), WithEnvironment(nil))
	require.NoError(t, err)
	require.EqualError(t, refused(t, whole[:maxSize+1]), "input: the file is larger than 1024 KiB; want a smaller file")
	endless := io.MultiReader(strings.NewReader("services: {a: {}}\n#"), endless{})
	_, err = Parse(endless, WithEnvironment(nil))
	require.ErrorContains(t, err, "is larger than")
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, "##########"), nil }

func TestDepth(t *testing.T) {
	nested := func(n int) string { return "services: {}\nx-: " + strings.Repeat("[", n) + strings.Repeat("]", n) }
	good(t, nested(maxDepth-1))
	require.ErrorContains(t, refused(t, nested(maxDepth)), "a value nested more than 64 deep; want fewer levels")
	require.ErrorContains(t, refused(t, nested(500_000)), "exceeded max depth")
	require.ErrorContains(t, refused(t, `{"services": `+strings.Repeat("[", 500_000)), "more than 64 deep")
	require.ErrorContains(t, refused(t, `{"services": {}, "x-": `+strings.Repeat("[", 9000)+strings.Repeat("]", 9000)+"}"), "more than 64 deep")
	deeper := "x-a: &a " + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "\nx-b: " + strings.Repeat("[", 40) + "*a" + strings.Repeat("]", 40)
	require.ErrorContains(t, refused(t, deeper+"\nservices: {}"), "more than 64 deep")
}

func TestTooManyServices(t *testing.T) {
	var b strings.Builder
	b.WriteString("services:\n")
	for i := range maxServices {
		fmt.Fprintf(&b, "  s%d: {}\n", i)
	}
	require.Len(t, good(t, b.String()).Names(), maxServices)
	require.ErrorContains(t, refused(t, b.String()+"  more: {}\n  and more: {}\n"), "input:10002:3: services: more than 10000 services; want fewer in a file")
}

func TestTooManyTemplates(t *testing.T) {
	chain := func(n int) string {
		b := strings.Builder{}
		b.WriteString("services: {a: {template: t0}}\ntemplates:\n")
		for i := range n - 1 {
			fmt.Fprintf(&b, "  t%d: {template: t%d}\n", i, i+1)
		}
		fmt.Fprintf(&b, "  t%d: {deadline: 5s}\n", n-1)
		return b.String()
	}
	require.Len(t, good(t, strings.Replace(chain(16), "5s", "5s, retry: {}", 1)).Services()["a"], 2)
	require.ErrorContains(t, refused(t, chain(17)), "templates.t0.template starts from more than 15 templates, one after the other; want fewer")
	require.Len(t, refused(t, chain(3000)).Problems, 1)
}

func TestLongNames(t *testing.T) {
	name := strings.Repeat("n", maxName)
	require.Len(t, good(t, "services: {"+name+": {}}").Names(), 1)
	e := refused(t, "services: {"+name+"n: {deadlin: 1s}}")
	require.Equal(t, `services: the name "`+name[:maxShown]+`…" has more than 200 bytes; want a shorter one`, e.Problems[0].Message)
}

// Pins: at most 100 problems are listed, each with the relevant part of its line.
func TestManyProblems(t *testing.T) {
	e := refused(t, "{"+strings.Repeat("a: 1, ", 20_000)+"services: {}}")
	require.Len(t, e.Problems, maxProblems)
	require.Positive(t, e.Omitted)
	require.Less(t, len(e.Error()), 50_000)
	require.True(t, strings.HasSuffix(e.Error(), fmt.Sprintf("\nand %d more", e.Omitted)))
	for _, p := range e.Problems {
		require.Less(t, len(p.Source), 200)
	}
	e = refused(t, "services: {a: {calls: ["+strings.Repeat("b, ", 20_000)+"]}}")
	require.Len(t, e.Problems, maxProblems)
}
