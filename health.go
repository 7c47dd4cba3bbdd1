package holdfast

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// HealthState is how well calls fare, in one word. A greater one is worse.
type HealthState uint8

const (
	Healthy   HealthState = iota // calls pass, and are retried
	Degraded                     // calls pass, but a breaker is half-open, the retry budget is empty, or keys' breakers are not closed
	Unhealthy                    // a breaker is open or isolated, or the probe failed
)

var healthNames = [...]string{"healthy", "degraded", "unhealthy"}

// String returns the state in lower case.
func (h HealthState) String() string {
	if int(h) < len(healthNames) {
		return healthNames[h]
	}
	return "unknown"
}

// MarshalText returns String, so that a state reads well in JSON.
func (h HealthState) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// Status is the health of one pipeline, as [Check] found it and [Health] serves it.
type Status struct {
	Name  string      `json:"name"` // the pipeline's
	State HealthState `json:"state"`

	// Why says in words what is wrong: "breaker payments open, next probe in 3.2s, after 10 failures in a row
	// (ConsecutiveFailures is 10)". It is Err's text if the probe failed, and "" if nothing is wrong.
	Why string `json:"why,omitempty"`

	Reason  resilience.Reason `json:"reason,omitempty"`  // why the probe failed; ReasonNone if it did not
	Elapsed time.Duration     `json:"elapsed,omitempty"` // how long the probe took, in nanoseconds, retries and pauses included
	Err     error             `json:"-"`                 // what the probe ended with; nil if it succeeded, or if there was none

	// As in Snapshot, read after the probe.
	Budget   *budget.Stats  `json:"budget,omitempty"`
	Breakers []BreakerStats `json:"breakers,omitempty"`
	Keys     *KeyedStats    `json:"keys,omitempty"`
}

// Check runs probe through p, and says how that went and how p stands after it:
//
//   - Unhealthy if the probe failed, for any reason, ctx's end included; or if a breaker is open or isolated.
//   - Degraded if a breaker is half-open, or the retry budget is empty: its bank, having paid for or
//     refused a retry, holds less than one token. A budget in shadow refuses nothing, and one whose Ratio is
//     off is never refilled, so neither counts as empty.
//   - Healthy otherwise.
//
// The Front of a Keyed is Degraded if a key has a breaker that is not closed, and no worse, however many have: one host that is
// down is no reason to take no calls for the others, and which others there are just now is up to those who call. Nor is it
// worse if its own breaker is open, which meets only keys without room. It is Unhealthy if its probe failed, or
// if a breaker is open that was given already built, and so is every key's.
//
// The probe is a call like any other: it is retried, p's breakers, budget and observers take
// note of it, and it serves a half-open breaker as its probe. Its panic passes through, as through Do. It
// should not go through p by itself, as a client that p protects would (holdfasthttp's, holdfastredis'):
// then there are two loops, one in the other. Give it the bare client, or make the call first and
// Check with a nil probe: that asks nobody, and only says how p stands.
//
// A p that was not made by New is Unhealthy. Check is safe for concurrent use.
func Check(ctx context.Context, p *Pipeline, probe resilience.Func) Status {
	if p == nil || p.current.Load() == nil {
		return Status{State: Unhealthy, Why: errNoPipeline.Error(), Err: errNoPipeline}
	}
	if probe == nil {
		return p.status()
	}
	start := time.Now()
	err := p.Do(ctx, probe)
	took := time.Since(start)
	s := p.status()
	s.Elapsed = took
	if err != nil {
		s.State, s.Why, s.Reason, s.Err = Unhealthy, err.Error(), resilience.ReasonOf(err), err
	}
	return s
}

var errNoPipeline = errors.New("holdfast: the pipeline is nil or zero; want one made by holdfast.New")

// Health returns a handler that says how the pipelines stand, without asking their dependencies.
// Its answer to GET is the state of all, which is the worst, and the Status of each, in the order given:
//
//	{"state": "unhealthy", "pipelines": [{"name": "payments", "state": "unhealthy", "why": "breaker payments open, …", …}]}
//
// The HTTP status is 200 for healthy and degraded, 503 for unhealthy, and the answer is not to
// be cached. HEAD is answered alike, without the body; any other method with 405. Pipelines may share a name. One that is nil is
// unhealthy, so that the mistake is seen; none at all are healthy.
//
// Look at it from a dashboard or an alert. Do not make it a liveness probe: a restart does not mend the
// dependency, and forgets what the breakers have learned. As a readiness probe, or a load balancer's, it takes
// this instance out of rotation for the fault of a dependency, and most likely all the others
// too, for the same fault; so give it only those pipelines without which the instance can serve nothing. It
// lets the instance come back by itself: a breaker whose time has come to probe is half-open, hence degraded, hence
// 200. Only an isolated breaker waits for Reset.
//
// The handler is safe for concurrent use, and holds up no call. The answer names
// pipelines and breakers: serve it where your metrics are served.
func Health(pipelines ...*Pipeline) http.Handler {
	pipelines = slices.Clone(pipelines)
	return health(func(ctx context.Context) []Status {
		all := make([]Status, 0, len(pipelines))
		for _, p := range pipelines {
			all = append(all, Check(ctx, p, nil))
		}
		return all
	})
}

// health says how all stand of whom a handler tells.
type health func(ctx context.Context) []Status

func (h health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, fmt.Sprintf("method %s is not known here; want GET", r.Method), http.StatusMethodNotAllowed)
		return
	}
	answer := struct {
		State     HealthState `json:"state"`
		Pipelines []Status    `json:"pipelines"`
	}{Pipelines: h(r.Context())}
	for _, s := range answer.Pipelines {
		answer.State = max(answer.State, s.State)
	}
	w.Header().Set("Content-Type", "application/json")
	if answer.State == Unhealthy {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ") // a human with curl reads it too
	_ = e.Encode(answer)  // fails only if whoever asked is gone
}

// status says how the pipeline stands.
func (p *Pipeline) status() Status {
	var found Snapshot
	s := Status{Name: p.name}
	var why []string
	worse := func(state HealthState, words string) {
		s.State = max(s.State, state)
		why = append(why, words)
	}
	if p.keys != nil {
		keys := p.keys()
		s.Keys = &keys
		if keys.Open > 0 {
			worse(Degraded, keys.inWords())
		}
	}
	row := p.current.Load().row
	for _, e := range row {
		found.add(e.policy)
		if b, ok := e.policy.(*budget.Budget); ok {
			if words := emptiness(b.Config(), *found.Budget); words != "" {
				worse(Degraded, words)
			}
		}
	}
	breakers := found.Breakers
	for _, e := range row {
		if _, ok := e.policy.(*breaker.Breaker); !ok {
			continue
		}
		state, words := breakers[0].health()
		if _, own := e.given.(breaker.Config); own && p.keys != nil { // else all keys share it
			state = min(state, Degraded)
		}
		if state > Healthy {
			worse(state, words)
		}
		breakers = breakers[1:]
	}
	s.Why, s.Budget, s.Breakers = strings.Join(why, "; "), found.Budget, found.Breakers
	return s
}

// health says how bad it is that the breaker is in its state, and in words what that is.
func (b *BreakerStats) health() (state HealthState, words string) {
	name := strings.TrimSuffix("breaker "+b.Name, " ") // a shared one need not have a name
	switch b.State {
	case breaker.StateHalfOpen:
		return Degraded, name + " half-open: a few calls may try"
	case breaker.StateOpen:
		words = fmt.Sprintf("%s open, next probe in %v", name, b.RetryAfter.Round(time.Millisecond))
		if b.Why != "" {
			words += ", after " + b.Why
		}
		return Unhealthy, words
	case breaker.StateIsolated:
		return Unhealthy, name + " isolated by hand"
	}
	return Healthy, ""
}

// inWords says in words which keys are in trouble.
func (s *KeyedStats) inWords() string {
	named := s.OpenKeys[:min(len(s.OpenKeys), 5)]
	have := "have"
	if s.Open == 1 {
		have = "has"
	}
	words := fmt.Sprintf("%d of %d keys %s a breaker that is not closed: %s", s.Open, s.Len, have, strings.Join(named, ", "))
	if s.Open > len(named) {
		words += ", …"
	}
	return words
}

// emptiness says in words that a budget is empty, "" if it is not. A bank that began empty is
// no news before it was drawn on.
func emptiness(c budget.Config, b budget.Stats) string {
	if b.Tokens >= 1 || b.Withdrawals+b.Refused == 0 || c.Shadow || c.Ratio < 0 {
		return ""
	}
	retries := "no retries"
	if c.Floor > 0 {
		retries = fmt.Sprintf("retries limited to %v/s", c.Floor)
	}
	tenths := math.Floor(b.Tokens * 10) // down: 0.96 is not yet a token
	return fmt.Sprintf("retry budget empty (%v of %d tokens), %s", tenths/10, b.Burst, retries)
}
