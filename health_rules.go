package holdfast

import (
	"context"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/internal/foreign"
	"github.com/media-gateway/holdfast/resilience"
)

// HealthConfig says how Health judges the share of calls that failed or were refused. The zero
// value has the defaults, which [Health] and [Check] use.
//
// A share counts the calls that ended within the Window, from the first of them that did not
// succeed. So it describes the time since trouble began, and not the average before. A call whose
// caller gave up (canceled) is not counted at all. Calls that succeed cost nothing extra; the
// others are remembered for a minute.
type HealthConfig struct {
	// Window is how far back calls count, in whole seconds: 5s to 1m. Default 10s. When the last
	// call that did not succeed is that old, the share is 0.
	Window time.Duration

	// MinCalls is how many calls a share needs before it is judged. Default 10. For a pipeline with
	// less than one call a second, take a longer Window too.
	MinCalls int

	// DegradedShare makes a pipeline Degraded when this part of its calls, or more, failed or were
	// refused, for any reason. Above 0 and up to 1. Default 0.5; -1 turns it off.
	DegradedShare float64

	// UnhealthyShare likewise makes a pipeline Unhealthy, hence 503. At least DegradedShare, and up
	// to 1. Default 0: no share does. Calls that ended Permanent do not count here: they
	// are the caller's fault, and one client that sends nothing but bad requests must not take an
	// instance out of rotation. Nor does a share make the Total of a Keyed worse than Degraded.
	UnhealthyShare float64
}

const (
	minHealthWindow = 5 * time.Second
	maxHealthWindow = time.Minute
)

// Resolve returns c with every default filled in, or an error that names every wrong field.
func (c HealthConfig) Resolve() (HealthConfig, error) {
	wrong := check.Stage("health")
	window := check.Range[time.Duration]{Min: minHealthWindow, Max: maxHealthWindow, Default: 10 * time.Second}
	if c.Window = check.Number(wrong, "Window", c.Window, window); c.Window%time.Second != 0 {
		rule := window.Rule()
		rule.Why = "calls are counted by the second"
		wrong.Refuse("Window", c.Window, rule)
	}
	c.MinCalls = check.Number(wrong, "MinCalls", c.MinCalls, check.Range[int]{Max: math.MaxInt32, Default: 10})
	c.DegradedShare = check.Number(wrong, "DegradedShare", c.DegradedShare, check.Range[float64]{Max: 1, Default: 0.5, Off: "to turn it off"})
	const off = "so that no share makes a pipeline unhealthy"
	c.UnhealthyShare = check.Number(wrong, "UnhealthyShare", c.UnhealthyShare, check.Range[float64]{Max: 1, Zero: off})
	if c.UnhealthyShare > 0 && c.UnhealthyShare < c.DegradedShare {
		wrong.Refuse("UnhealthyShare", c.UnhealthyShare, resilience.Rule{
			AtLeast: &resilience.Bound{Field: "DegradedShare", Value: c.DegradedShare}, Special: []resilience.Special{{Value: 0.0, Means: off}},
		})
	}
	return c, wrong.Err()
}

// Build returns rules with the numbers of c, or an error that names every wrong field.
func (c HealthConfig) Build() (HealthRules, error) {
	r, err := c.Resolve()
	if err != nil {
		return HealthRules{}, err
	}
	return HealthRules{config: r}, nil
}

// HealthRules check the health of pipelines by the numbers of a HealthConfig. They are made by
// HealthConfig.Build; the zero value has the defaults. They are safe for concurrent use.
type HealthRules struct {
	config HealthConfig
	files  []ConfigFile
}

// Config returns the numbers of the rules, with every default filled in.
func (r HealthRules) Config() HealthConfig {
	if r.config.Window == 0 { // the zero value
		r.config, _ = r.config.Resolve()
	}
	return r.config
}

// Handler is [Health] by these rules.
func (r HealthRules) Handler(pipelines ...*Pipeline) http.Handler {
	pipelines = slices.Clone(pipelines)
	return health{r.files, func(ctx context.Context) []Status {
		all := make([]Status, 0, len(pipelines))
		for _, p := range pipelines {
			all = append(all, r.Check(ctx, p, nil))
		}
		return all
	}}
}

// RegistryHandler is [Registry.Health] by these rules.
func (r HealthRules) RegistryHandler(services *Registry, names ...string) http.Handler {
	names = slices.Clone(names)
	return health{r.files, func(ctx context.Context) []Status { return services.statuses(ctx, r, names) }}
}

// Check is the package's [Check] by these rules.
func (r HealthRules) Check(ctx context.Context, p *Pipeline, probe resilience.Func) Status {
	if p.now() == nil {
		return Status{Name: p.Name(), State: Unhealthy, Why: errNoPipeline.Error(), Err: errNoPipeline}
	}
	if probe == nil {
		return p.status(r.Config())
	}
	start := time.Now()
	err := p.Do(ctx, probe)
	took := time.Since(start)
	s := p.status(r.Config())
	s.Elapsed = took
	if err != nil {
		s.State, s.Why, s.Reason, s.Err = Unhealthy, foreign.Text(err), resilience.ReasonOf(err), err
	}
	return s
}

// Recent says how p's calls of the last Window ended: nil if none of them failed or was refused, or
// if p was not made by New. It is what Check puts into Status.Recent, without a look at the stages:
// it runs no code of a user, and costs the same for the Total of a Keyed, however many keys there
// are. It allocates only if there is something to tell. It is safe for concurrent use.
func (r HealthRules) Recent(p *Pipeline) *RecentCalls {
	if p.now() == nil {
		return nil
	}
	c, _ := p.recentCalls(r.Config().Window)
	return c
}
