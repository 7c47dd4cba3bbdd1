package suite_test

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/suite"
)

func TestTries(t *testing.T) {
	for _, c := range []struct {
		name, nightly string
		n, raced      int
	}{
		{"a tenth", "", 600, 60},
		{"rounded down", "", 19, 1},
		{"one at the least", "", 9, 1},
		{"another value", "0", 600, 60},
		{"all at night", "1", 600, 600},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("HOLDFAST_NIGHTLY", c.nightly)
			want := c.n
			if suite.Raced {
				want = c.raced
			}
			require.Equal(t, want, suite.Tries(c.n))
		})
	}
}

// The flag of whoever runs the tests counts, if there is one.
func TestAtOnce(t *testing.T) {
	args, flags := os.Args, flag.CommandLine
	t.Cleanup(func() { os.Args, flag.CommandLine = args, flags })
	for _, c := range []struct {
		name string
		args []string
		want int
	}{
		{"by default", nil, 6},
		{"asked for", []string{"-test.parallel=3"}, 3},
		{"asked for what is the default", []string{"-test.parallel=2"}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			os.Args = append([]string{"x"}, c.args...)
			flag.CommandLine = flag.NewFlagSet("x", flag.ContinueOnError)
			n := flag.Int("test.parallel", 2, "")
			suite.AtOnce(6)
			require.Equal(t, c.want, *n)
		})
	}
	t.Run("no such flag", func(t *testing.T) {
		os.Args, flag.CommandLine = []string{"x"}, flag.NewFlagSet("x", flag.ContinueOnError)
		require.NotPanics(t, func() { suite.AtOnce(6) })
	})
}
