package config

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/lint"
)

// mostFixes bounds how many fixes, one after the other, a service may need.
const mostFixes = 15

// A fix is a list of settings of a file. Whatever else the file says, it accepts them, and so do
// the stages. Applying one fix after the other, in any order, comes to an end. Here environment
// variables apply them.
func TestAFileTakesEveryFix(t *testing.T) {
	tried := map[string]int{}
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 8))
		s := randomService(rng)
		s.Name, s.Template, s.RPS = "a", "none", pick(rng, 0, 0.1, 2, 50, 3000)
		text := string(newConfig(map[string]*Service{"a": &s}).YAML())
		if _, err := holdfast.New("a", s.Stages()...); err != nil {
			continue // its deadlines contradict each other
		}
		var environ, codes []string
		for {
			c, err := Parse(strings.NewReader(text), WithEnvironment(environ))
			require.NoError(t, err, "%d: %v: %v\n%s", seed, codes, environ, text)
			_, err = holdfast.New("a", c.Services()["a"]...)
			require.NoError(t, err, "%d: %v: %v\n%s", seed, codes, environ, text)
			open := slices.DeleteFunc(c.Lint(lint.Options{Pods: 10}).Findings, func(f lint.Finding) bool { return len(f.Fix) == 0 })
			if len(open) == 0 {
				break
			}
			require.Less(t, len(codes), mostFixes, "%d: %v: %v\n%s", seed, codes, environ, text)
			f := open[rng.IntN(len(open))]
			codes = append(codes, f.Code)
			tried[f.Code]++
			for _, setting := range f.Fix {
				environ = append(environ, envPrefix+"A_"+inVariable(setting.Key)+"="+setting.Value)
			}
		}
	}
	require.Greater(t, len(tried), 25, "%v", tried)
}
