package lint_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/suite"
	"github.com/media-gateway/holdfast/lint"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// mostRounds bounds how often a file has to be linted and fixed until it has no error and no
// warning, mostRoundsOfAll until no finding has a fix, infos included.
const (
	mostRounds      = 3
	mostRoundsOfAll = 6
	mostSteps       = 15 // of one fix at a time, for each service
)

// randomMesh returns services that call each other, and now and then one that is not there.
func randomMesh(rng *rand.Rand) map[string]file {
	names := []string{"a", "b", "c", "d", "e", "f"}[:1+rng.IntN(6)]
	all := map[string]file{}
	for _, name := range names {
		f := randomFile(rng)
		for range rng.IntN(3) {
			f.calls = append(f.calls, lint.Call{Service: anyOf(rng, append([]string{"nowhere"}, names...)...), PerCall: anyOf(rng, 0, 0, 2.5)})
		}
		all[name] = f
	}
	return all
}

// harmful and mendable select the findings whose fixes are applied.
func harmful(f lint.Finding) bool  { return f.Severity != lint.Info && f.Silenced == "" }
func mendable(f lint.Finding) bool { return len(f.Fix) > 0 && f.Silenced == "" }

// mend applies the fixes of the selected findings in the order of the report. If a finding names
// another in First, and that one is selected too, its fix is left for the next round.
func mend(t *testing.T, all map[string]file, r lint.Report, meant func(lint.Finding) bool) (mended map[string]file) {
	t.Helper()
	mended = maps.Clone(all)
	for _, f := range r.Findings {
		if !meant(f) || len(f.Fix) == 0 {
			continue
		}
		if f.First != "" && slices.ContainsFunc(r.Findings, func(g lint.Finding) bool { return g.Service == f.Service && g.Code == f.First && meant(g) }) {
			continue
		}
		mended[f.Service] = mended[f.Service].apply(t, f.Fix)
	}
	return mended
}

// For any file, applying the fixes of errors and warnings soon leaves none.
func TestFixesComeToAnEnd(t *testing.T) {
	rounds := map[int]int{}
	for seed := range uint64(suite.Tries(600)) {
		rng := rand.New(rand.NewPCG(seed, 3))
		all, pods, history := randomMesh(rng), rng.IntN(3)*10, ""
		for round := 0; ; round++ {
			r := check(all, pods)
			if r.Errors()+r.Warnings() == 0 {
				rounds[round]++
				break
			}
			history += fmt.Sprintf("round %d\n%s", round+1, r)
			require.Less(t, round, mostRounds, "%d: %s", seed, history)
			all = mend(t, all, r, harmful)
		}
	}
	t.Log("files by rounds:", rounds)
}

// The same with the fixes of infos.
func TestAllFixesComeToAnEnd(t *testing.T) {
	rounds := map[int]int{}
	for seed := range uint64(suite.Tries(600)) {
		rng := rand.New(rand.NewPCG(seed, 5))
		all, pods, history := randomMesh(rng), rng.IntN(3)*10, ""
		for round := 0; ; round++ {
			r := check(all, pods)
			if !slices.ContainsFunc(r.Findings, mendable) {
				rounds[round]++
				break
			}
			history += fmt.Sprintf("round %d\n%s", round+1, r)
			require.Less(t, round, mostRoundsOfAll, "%d: %s", seed, history)
			all = mend(t, all, r, mendable)
		}
	}
	t.Log("files by rounds:", rounds)
}

// Fixes may be applied in any order. New accepts the stages after each, and no fix undoes another:
// no file comes up twice.
func TestNoFixBringsAnotherBack(t *testing.T) {
	for seed := range uint64(suite.Tries(1000)) {
		rng := rand.New(rand.NewPCG(seed, 6))
		all, pods := randomMesh(rng), rng.IntN(3)*10
		met, codes := map[string]int{}, []string(nil)
		for {
			r := check(all, pods)
			open := slices.DeleteFunc(slices.Clone(r.Findings), func(f lint.Finding) bool { return !mendable(f) })
			if len(open) == 0 {
				break
			}
			said := fmt.Sprint(written(all))
			since, again := met[said]
			require.False(t, again, "%d: %v go round in a circle\n%s", seed, codes[since:], r)
			require.Less(t, len(codes), mostSteps*len(all), "%d: %v\n%s", seed, codes, r)
			met[said] = len(codes)
			f := open[rng.IntN(len(open))]
			codes = append(codes, f.Code)
			all = maps.Clone(all)
			all[f.Service] = all[f.Service].apply(t, f.Fix)
			if stages := all[f.Service].service("").Stages; len(stages) > 0 {
				_, err := holdfast.New("p", stages...)
				require.NoError(t, err, "%d: %s\nfix: %s", seed, f, f.Fix)
			}
		}
	}
}

// written returns the services as text, as files have them.
func written(all map[string]file) (said []string) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		s := all[name].service(name)
		said = append(said, fmt.Sprintf("%s %+v %v", name, s.Stages, s.Calls))
	}
	return said
}

// Two fixes of one service that are to be applied together do not give different values to one
// setting, be they of errors or infos.
func TestFixesDoNotContradict(t *testing.T) {
	for seed := range uint64(suite.Tries(600)) {
		rng := rand.New(rand.NewPCG(seed, 4))
		r := check(randomMesh(rng), rng.IntN(3)*10)
		said := map[string]string{}
		for _, f := range r.Findings {
			if len(f.Fix) == 0 || f.First != "" || f.Code == "HF050" || f.Code == "HF051" {
				continue
			}
			for _, s := range f.Fix {
				before, ok := said[f.Service+" "+s.Key]
				require.False(t, ok && before != s.Value, "%d: %s of %s: %s", seed, s.Key, f.Service, r)
				said[f.Service+" "+s.Key] = s.Value
			}
		}
	}
}

// Which layer retries is decided first: findings about the attempts of the outer one say so, unless
// that finding is silenced.
func TestTheLayerThatRetriesIsDecidedFirst(t *testing.T) {
	all := chain(func(name string, f *file) {
		switch name {
		case "gateway":
			f.attempt = 90 * sec
		case "checkout":
			f.budget = nil
		case "payments":
			f.retry.MaxRetries = retry.None
		}
	})
	r := check(all, 0)
	near, _ := find(r, "HF001")
	require.Equal(t, []string{"gateway", "HF052"}, []string{near.Service, near.First}, r)
	layers, _ := find(r, "HF052")
	require.Equal(t, "retry.max_retries: none", layers.Fix.String())
	require.Contains(t, r.String(), "    fix: that of HF052, which leaves no retries; else attempt_deadline: 5s\n")
	require.Contains(t, marshal(t, near), `"first":"HF052"`)

	gateway := all["gateway"]
	gateway.silenced = []lint.Silence{{Code: "HF052", Reason: "for errors of the way there only"}}
	all["gateway"] = gateway
	r = check(all, 0)
	near, _ = find(r, "HF001")
	require.Empty(t, near.First, r)
	require.NotContains(t, r.String(), "which leaves no retries")
}
