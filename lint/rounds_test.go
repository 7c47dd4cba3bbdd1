package lint_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/lint"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// mostRounds is how often a file has to be linted and mended until there is neither an error nor a warning.
const mostRounds = 3

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

// mend applies the fixes of all errors and warnings, in the order of the report, as somebody does who reads it from the
// top: what another one is to be taken before is left for the next round, if that is among them.
func mend(t *testing.T, all map[string]file, r lint.Report) (mended map[string]file) {
	t.Helper()
	harmful := func(f lint.Finding) bool { return f.Severity != lint.Info && f.Silenced == "" }
	mended = map[string]file{}
	for name, f := range all {
		mended[name] = f
	}
	for _, f := range r.Findings {
		if !harmful(f) || f.Fix == "" {
			continue
		}
		if f.First != "" && slices.ContainsFunc(r.Findings, func(g lint.Finding) bool { return g.Service == f.Service && g.Code == f.First && harmful(g) }) {
			continue
		}
		mended[f.Service] = mended[f.Service].apply(t, f.Fix)
	}
	return mended
}

// Whatever a file says, who does what its errors and warnings say is done with them soon.
func TestFixesComeToAnEnd(t *testing.T) {
	rounds := map[int]int{}
	for seed := range uint64(600) {
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
			all = mend(t, all, r)
		}
	}
	t.Log("files by rounds:", rounds)
}

// Two fixes of one service that are to be taken together do not say different things of one setting, be they of errors or infos.
func TestFixesDoNotContradict(t *testing.T) {
	for seed := range uint64(600) {
		rng := rand.New(rand.NewPCG(seed, 4))
		r := check(randomMesh(rng), rng.IntN(3)*10)
		said := map[string]lint.Finding{}
		for _, f := range r.Findings {
			if f.Fix == "" || f.First != "" || f.Code == "HF050" || f.Code == "HF051" {
				continue
			}
			for key, value := range settingsOf(t, f.Fix) {
				before, ok := said[f.Service+" "+key]
				require.False(t, ok && settingsOf(t, before.Fix)[key] != value, "%d: %s of %s: %s", seed, key, f.Service, r)
				said[f.Service+" "+key] = f
			}
		}
	}
}

// Which layer retries is decided first: what is said of the outer one's attempts says so, until that is silenced.
func TestTheLayerThatRetriesIsDecidedFirst(t *testing.T) {
	all := chain(func(name string, f *file) {
		switch name {
		case "gateway":
			f.attempt = 90 * sec
		case "checkout":
			f.budget = nil
		case "payments":
			f.retry.MaxRetries = retry.NoRetries
		}
	})
	r := check(all, 0)
	near, _ := find(r, "HF001")
	require.Equal(t, []string{"gateway", "HF052"}, []string{near.Service, near.First}, r)
	layers, _ := find(r, "HF052")
	require.Equal(t, "retry.max_retries: 0", layers.Fix)
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
