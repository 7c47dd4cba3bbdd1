package holdfast

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// HealthState says in one word how well calls go. A greater one is worse.
type HealthState uint8

const (
	Healthy   HealthState = iota // calls pass, and are retried
	Degraded                     // calls pass, but something is wrong: see Check
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

	// Why says in words what is wrong: "breaker payments open, next probe in 3.2s, after 10
	// failures in a row (ConsecutiveFailures is 10)". It is Err's text if the probe failed, and ""
	// if nothing is wrong.
	Why string `json:"why,omitempty"`

	// The result of the probe. Reason says why it failed, and is ReasonNone if it did not. Elapsed
	// is how long it took, retries and pauses included; in JSON it is elapsed_seconds. Err is its
	// error: nil if it succeeded, or if there was no probe. Without a pipeline, Err says so.
	Reason  resilience.Reason `json:"reason,omitempty"`
	Elapsed time.Duration     `json:"-"`
	Err     error             `json:"-"`

	// As in Snapshot, read after the probe.
	StageStats
	Keys *KeyedStats `json:"keys,omitempty"`

	// Recent says how the recent calls ended. It is nil if none failed or was refused. A healthy
	// pipeline may have it too, so that a dashboard can show the share decrease after an outage.
	Recent *RecentCalls `json:"recent,omitempty"`
}

// Check runs probe through p, and returns the Status of p after it. The state is:
//
//   - Unhealthy if the probe failed, for any reason, ctx's end included; or if a breaker is open
//     or isolated.
//   - Degraded if a breaker is half-open, or the retry budget is empty: its bank, having paid for
//     or refused a retry, holds less than one token. A budget in shadow refuses nothing, and one
//     whose Ratio is off is never refilled, so neither counts as empty.
//   - Degraded also if half of the calls of the last 10 seconds, or more, failed or were refused:
//     10 calls at the least. See [HealthConfig], which has these numbers, and by which a share can
//     make it Unhealthy.
//   - Healthy otherwise.
//
// The Total of a Keyed is Degraded if a key has a breaker that is not closed, or by the share of
// calls that failed, and no worse, however many they are: one host that is down is no reason to
// take no calls for the others. It is Unhealthy if a breaker is open that all keys share. It runs
// no probe: check the pipeline of a key with one.
//
// The probe is a call like any other: it is retried, p's breakers, budget and observers take note
// of it, and it serves a half-open breaker as its probe. Its panic passes through, as through Do.
// The probe should not go through p itself, as a client that p protects does (holdfasthttp's,
// holdfastredis'): that is one retry loop inside another. Give it the bare client, or make the call
// first and then Check with a nil probe: that makes no call, and only reports p's state.
//
// A p that was not made by New is Unhealthy. Check is safe for concurrent use.
func Check(ctx context.Context, p *Pipeline, probe resilience.Func) Status {
	return HealthRules{}.Check(ctx, p, probe)
}

// Health returns a handler that reports the health of the pipelines, without calling their
// dependencies. It judges by the defaults of [HealthConfig]. Its answer to GET is the worst state
// of all, and the Status of each pipeline, in the order given:
//
//	{"state": "unhealthy", "pipelines": [{"name": "payments", "state": "unhealthy", "why": "breaker payments open, …", …}]}
//
// The HTTP status is 200 for healthy and degraded, 503 for unhealthy, and the answer is not to be
// cached. HEAD gets the same answer without the body, any other method 405. Pipelines may share a
// name. A nil pipeline is unhealthy, so that the mistake is seen. No pipelines at all are healthy.
//
// Look at it from a dashboard or an alert. Do not make it a liveness probe: a restart does not
// mend the dependency, and forgets what the breakers have learned. As a readiness probe, or a load
// balancer's, it takes this instance out of rotation for the fault of a dependency, and most
// likely all the others too, for the same fault; so give it only those pipelines without which the
// instance can serve nothing. The instance comes back by itself: a breaker that is due to probe is
// half-open, hence degraded, hence 200. Only an isolated breaker waits for Reset.
//
// The handler is safe for concurrent use, and blocks no call. The answer names pipelines and
// breakers: serve it where your metrics are served.
func Health(pipelines ...*Pipeline) http.Handler { return HealthRules{}.Handler(pipelines...) }

// health is the handler. statuses returns the Status of every pipeline that it serves.
type health struct {
	files    []ConfigFile
	statuses func(ctx context.Context) []Status
}

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

		Config []configHealth `json:"config,omitempty"`
	}{Pipelines: h.statuses(r.Context())}
	for _, s := range answer.Pipelines {
		answer.State = max(answer.State, s.State)
	}
	for _, f := range h.files {
		s := configHealthOf(f)
		answer.State = max(answer.State, s.State)
		answer.Config = append(answer.Config, s)
	}
	w.Header().Set("Content-Type", "application/json")
	if answer.State == Unhealthy {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ") // a human with curl reads it too
	_ = e.Encode(answer)  // fails only if the client is gone
}

// status returns the Status of the pipeline, without a probe.
func (p *Pipeline) status(by HealthConfig) Status {
	s := Status{Name: p.name}
	var why []string
	worse := func(state HealthState, words string) {
		s.State = max(s.State, state)
		why = append(why, words)
	}
	worst := Unhealthy // the worst state that recent calls alone can cause
	if p.isTotal() {
		worst = Degraded // one key may cause all failures: see Check
		keys := p.group.stats()
		s.Keys = &keys
		if keys.Open > 0 {
			worse(Degraded, keys.inWords())
		}
	}
	for _, e := range p.inUse() {
		r := e.report()
		s.add(r.Stats)
		if state := HealthState(r.Condition); state > Healthy {
			worse(state, r.Why)
		}
	}
	var r recent
	if s.Recent, r = p.recentCalls(by.Window); s.Recent != nil {
		if state := min(r.judge(by), worst); state > Healthy {
			worse(state, s.Recent.inWords(r))
		}
	}
	s.Why = strings.Join(why, "; ")
	return s
}
