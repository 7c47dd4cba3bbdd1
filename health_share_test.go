package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

var (
	errPassword = resilience.MarkPermanent(errors.New("password authentication failed"))
	errNotFound = &resilience.Error{Kind: resilience.KindNotFound}
)

// surprise is an error that nobody has classified.
type surprise struct{}

func (*surprise) Error() string { return "declined" }

// times makes n calls that end with err.
func times(ctx context.Context, p *holdfast.Pipeline, n int, err error) {
	for range n {
		_ = p.Do(ctx, func(context.Context) error { return err })
	}
}

func TestHealthLooksAtTheShareOfCallsThatFailOrAreRefused(t *testing.T) {
	canceled := func(ctx context.Context, p *holdfast.Pipeline, n int) {
		for range n {
			ctx, cancel := context.WithCancel(ctx)
			_ = p.Do(ctx, func(ctx context.Context) error { cancel(); return ctx.Err() })
		}
	}
	tests := map[string]struct {
		stages []resilience.Stage
		do     func(ctx context.Context, p *holdfast.Pipeline)
		want   holdfast.HealthState
		why    string
	}{
		"no breaker, and everything fails": {
			[]resilience.Stage{retry.Config{MaxRetries: retry.None}},
			func(ctx context.Context, p *holdfast.Pipeline) { times(ctx, p, 500, errFlaky) },
			holdfast.Degraded, "100 % of 500 calls in 10 s failed: retries_exhausted",
		},
		"no loop either": {
			[]resilience.Stage{bulkhead.Config{}},
			func(ctx context.Context, p *holdfast.Pipeline) { times(ctx, p, 500, errFlaky) },
			holdfast.Degraded, "100 % of 500 calls in 10 s failed: retries_exhausted",
		},
		"a rotated password": {
			holdfast.Critical(),
			func(ctx context.Context, p *holdfast.Pipeline) {
				times(ctx, p, 490, errPassword)
				times(ctx, p, 10, nil)
			},
			holdfast.Degraded, "98 % of 500 calls in 10 s failed: permanent",
		},
		"a scanner": {
			holdfast.Standard(),
			func(ctx context.Context, p *holdfast.Pipeline) {
				times(ctx, p, 10_000, errNotFound)
				times(ctx, p, 200, nil)
			},
			holdfast.Degraded, "98 % of 10200 calls in 10 s failed: permanent",
		},
		"unclassified": {
			[]resilience.Stage{holdfast.SilenceUnclassified(), retry.Config{}},
			func(ctx context.Context, p *holdfast.Pipeline) { times(ctx, p, 20, &surprise{}) },
			holdfast.Degraded, "100 % of 20 calls in 10 s failed: unclassified (*holdfast_test.surprise)",
		},
		"a budget that is empty": {
			[]resilience.Stage{budget.Config{Burst: 1, Floor: -1}, plain(1)},
			func(ctx context.Context, p *holdfast.Pipeline) { times(ctx, p, 20, errFlaky) },
			holdfast.Degraded, "retry budget empty (0 of 1 tokens), no retries; " +
				"100 % of 20 calls in 10 s failed: budget_exhausted 19, retries_exhausted 1",
		},
		"refused and failed": {
			[]resilience.Stage{breaker.Config{Name: "b", ConsecutiveFailures: 4, FailureRatio: -1, OpenFor: time.Hour, MaxOpenFor: time.Hour}},
			func(ctx context.Context, p *holdfast.Pipeline) { times(ctx, p, 40, errFlaky) },
			holdfast.Unhealthy, "breaker b open, next probe in 1h0m0s, after 4 in a row; " +
				"90 % of 40 calls in 10 s were refused: breaker_open, 10 % failed: retries_exhausted",
		},
		"few calls": {
			[]resilience.Stage{retry.Config{MaxRetries: retry.None}},
			func(ctx context.Context, p *holdfast.Pipeline) { times(ctx, p, 9, errFlaky) },
			holdfast.Healthy, "",
		},
		"few calls beside many canceled": {
			[]resilience.Stage{retry.Config{MaxRetries: retry.None}},
			func(ctx context.Context, p *holdfast.Pipeline) { times(ctx, p, 9, errFlaky); canceled(ctx, p, 100) },
			holdfast.Healthy, "",
		},
		"few calls in each of two windows": {
			[]resilience.Stage{retry.Config{MaxRetries: retry.None}},
			func(ctx context.Context, p *holdfast.Pipeline) {
				times(ctx, p, 9, errFlaky)
				<-time.After(10 * time.Second)
				times(ctx, p, 9, errFlaky)
			},
			holdfast.Healthy, "",
		},
		"few calls twice in one window": {
			[]resilience.Stage{retry.Config{MaxRetries: retry.None}},
			func(ctx context.Context, p *holdfast.Pipeline) {
				times(ctx, p, 9, errFlaky)
				<-time.After(5 * time.Second)
				times(ctx, p, 1, errFlaky)
			},
			holdfast.Degraded, "100 % of 10 calls in 10 s failed: retries_exhausted",
		},
		"canceled calls are no failures": {
			holdfast.Standard(),
			func(ctx context.Context, p *holdfast.Pipeline) { canceled(ctx, p, 500) },
			holdfast.Healthy, "",
		},
		"nor do they hide failures": {
			[]resilience.Stage{retry.Config{MaxRetries: retry.None}},
			func(ctx context.Context, p *holdfast.Pipeline) { canceled(ctx, p, 500); times(ctx, p, 20, errFlaky) },
			holdfast.Degraded, "100 % of 20 calls in 10 s failed: retries_exhausted",
		},
		"calls that succeeded before trouble began": {
			[]resilience.Stage{retry.Config{MaxRetries: retry.None}},
			func(ctx context.Context, p *holdfast.Pipeline) { times(ctx, p, 5000, nil); times(ctx, p, 20, errFlaky) },
			holdfast.Degraded, "100 % of 20 calls in 10 s failed: retries_exhausted",
		},
		"retries that help are no failures": {
			[]resilience.Stage{plain(1)},
			func(ctx context.Context, p *holdfast.Pipeline) {
				for range 50 {
					op, _ := failing(1, errFlaky)
					_ = p.Do(ctx, op)
				}
			},
			holdfast.Healthy, "",
		},
		"panics": {
			[]resilience.Stage{retry.Config{}},
			func(ctx context.Context, p *holdfast.Pipeline) {
				for range 10 {
					func() {
						defer func() { _ = recover() }()
						_ = p.Do(ctx, func(context.Context) error { panic("op") })
					}()
				}
			},
			holdfast.Degraded, "100 % of 10 calls in 10 s failed: aborted",
		},
		"callers who come too late": {
			[]resilience.Stage{retry.Config{}},
			func(ctx context.Context, p *holdfast.Pipeline) {
				ctx, cancel := context.WithTimeout(ctx, -1)
				defer cancel()
				times(ctx, p, 10, nil)
			},
			holdfast.Degraded, "100 % of 10 calls in 10 s were refused: too_late",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPipeline(t, test.stages...)
				test.do(t.Context(), p)
				s := holdfast.Check(t.Context(), p, nil)
				require.Equal(t, test.want, s.State)
				if name != "refused and failed" { // whose breaker has its own words
					require.Equal(t, test.why, s.Why)
				} else {
					require.Contains(t, s.Why, "; 90 % of 40 calls in 10 s were refused: breaker_open, 10 % failed: retries_exhausted")
				}
				w, answer := get(t, holdfast.Health(p), http.MethodGet)
				require.Equal(t, s.Why, answer.Pipelines[0].Why)
				require.Equal(t, test.want == holdfast.Unhealthy, w.Code != http.StatusOK)
			})
		})
	}
}

func TestHealthOfAFullBulkhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, bulkhead.Config{MaxConcurrent: 1}, retry.Config{})
		leave := make(chan struct{})
		var inside sync.WaitGroup
		inside.Go(func() {
			_ = p.Do(t.Context(), func(context.Context) error { <-leave; return nil })
		})
		synctest.Wait()
		times(t.Context(), p, 199, nil)
		s := holdfast.Check(t.Context(), p, nil)
		require.Equal(t, holdfast.Degraded, s.State)
		require.Equal(t, "100 % of 199 calls in 10 s were refused: bulkhead_full", s.Why)
		close(leave)
		inside.Wait()

		s = holdfast.Check(t.Context(), p, nil)
		require.Equal(t, "99 % of 200 calls in 10 s were refused: bulkhead_full", s.Why)
		require.Equal(t, p.Snapshot().Bulkheads, s.Bulkheads)
		require.EqualValues(t, 199, s.Bulkheads[0].Rejected)
		require.EqualValues(t, 199, s.Recent.Refused)
		require.Equal(t, map[resilience.Reason]uint64{resilience.ReasonBulkheadFull: 199}, s.Recent.Reasons)

		w, _ := get(t, holdfast.Health(p), http.MethodGet)
		require.Equal(t, http.StatusOK, w.Code)
		require.Contains(t, w.Body.String(), `"rejected": 199`)
		require.Contains(t, w.Body.String(), `"bulkhead_full": 199`)
	})
}

// How soon a pipeline is healthy again: when less than half of the calls since the oldest failure
// of the window failed, and 10 seconds after the last failure at the latest, with or without calls.
func TestHealthAfterAnOutage(t *testing.T) {
	second := func(t *testing.T, p *holdfast.Pipeline, err error) {
		t.Helper()
		for range 10 {
			times(t.Context(), p, 1, err)
			<-time.After(100 * time.Millisecond)
		}
	}
	outage := func(t *testing.T) *holdfast.Pipeline {
		t.Helper()
		p := newPipeline(t, retry.Config{MaxRetries: retry.None})
		for range 20 {
			second(t, p, errFlaky)
		}
		require.Equal(t, "100 % of 90 calls in 10 s failed: retries_exhausted", holdfast.Check(t.Context(), p, nil).Why)
		return p
	}
	t.Run("with traffic", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := outage(t)
			for seconds, why := range []string{
				"88 % of 90 calls", "77 % of 90 calls", "66 % of 90 calls", "55 % of 90 calls", "",
			} {
				second(t, p, nil)
				s := holdfast.Check(t.Context(), p, nil)
				if why == "" {
					require.Equal(t, holdfast.Healthy, s.State, seconds)
					require.EqualValues(t, 40, s.Recent.Failed, "and yet it tells")
					continue
				}
				require.Equal(t, holdfast.Degraded, s.State, seconds)
				require.Contains(t, s.Why, why)
				require.Contains(t, s.Why, ", the last one ")
			}
			for range 4 {
				second(t, p, nil)
			}
			require.Nil(t, holdfast.Check(t.Context(), p, nil).Recent)
		})
	})
	t.Run("without traffic", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := outage(t)
			<-time.After(8900 * time.Millisecond)
			s := holdfast.Check(t.Context(), p, nil)
			require.Equal(t, "100 % of 10 calls in 10 s failed: retries_exhausted, the last one 9 s ago", s.Why)
			require.Equal(t, 9*time.Second, s.Recent.LastAgo)
			<-time.After(time.Second)
			s = holdfast.Check(t.Context(), p, nil)
			require.Equal(t, holdfast.Healthy, s.State)
			require.Nil(t, s.Recent)
		})
	})
	t.Run("a second outage", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := outage(t)
			<-time.After(time.Hour)
			require.Equal(t, holdfast.Healthy, holdfast.Check(t.Context(), p, nil).State)
			times(t.Context(), p, 10, errPassword)
			require.Equal(t, "100 % of 10 calls in 10 s failed: permanent", holdfast.Check(t.Context(), p, nil).Why)
		})
	})
}

func TestHealthNamesTheUnclassifiedOfLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, holdfast.SilenceUnclassified(), retry.Config{})
		times(t.Context(), p, 50, errors.New("odd"))
		<-time.After(time.Minute)
		times(t.Context(), p, 10, &surprise{})
		times(t.Context(), p, 2, errors.New("order 17: odd too"))
		s := holdfast.Check(t.Context(), p, nil)
		require.Equal(t, "100 % of 12 calls in 10 s failed: "+
			"unclassified (*holdfast_test.surprise, *errors.errorString \"order : odd too\")", s.Why)
		require.Len(t, s.Recent.Unclassified, 2)
		require.Len(t, p.Snapshot().Unclassified, 3)
	})
}

func TestHealthByRulesOfOnesOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules, err := holdfast.HealthConfig{Window: 30 * time.Second, MinCalls: 2, DegradedShare: 0.1, UnhealthyShare: 0.9}.Build()
		require.NoError(t, err)
		down, scanned := newPipeline(t, bulkhead.Config{}), newPipeline(t, bulkhead.Config{})
		times(t.Context(), down, 9, errFlaky)
		times(t.Context(), down, 1, nil)
		times(t.Context(), scanned, 10_000, errNotFound)
		<-time.After(20 * time.Second)
		require.Equal(t, holdfast.Healthy, holdfast.Check(t.Context(), down, nil).State)
		s := rules.Check(t.Context(), down, nil)
		require.Equal(t, holdfast.Unhealthy, s.State)
		require.Equal(t, "90 % of 10 calls in 30 s failed: retries_exhausted, the last one 20 s ago", s.Why)
		require.Equal(t, holdfast.Degraded, rules.Check(t.Context(), scanned, nil).State, "nobody's client takes it out of rotation")

		w, _ := get(t, rules.Handler(down, scanned), http.MethodGet)
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		w, _ = get(t, rules.Handler(scanned), http.MethodGet)
		require.Equal(t, http.StatusOK, w.Code)

		services := holdfast.NewRegistry()
		require.NoError(t, services.Apply(holdfast.Services{"search": {bulkhead.Config{}}}))
		times(t.Context(), services.MustGet("search"), 2, errFlaky)
		w, _ = get(t, services.Health(), http.MethodGet)
		require.Equal(t, http.StatusOK, w.Code)
		w, answer := get(t, rules.RegistryHandler(services), http.MethodGet)
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.Equal(t, "100 % of 2 calls in 30 s failed: retries_exhausted", answer.Pipelines[0].Why)
		w, answer = get(t, rules.RegistryHandler(services, "search", "gone"), http.MethodGet)
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.Equal(t, `the registry has no service "gone"`, answer.Pipelines[1].Why)
	})
}

// A probe is a call like any other, and counts in the share that it is judged by.
func TestCheckLooksAtTheShareAfterItsProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, retry.Config{MaxRetries: retry.None})
		times(t.Context(), p, 9, errFlaky)
		require.Equal(t, holdfast.Healthy, holdfast.Check(t.Context(), p, nil).State)
		s := holdfast.Check(t.Context(), p, well)
		require.NoError(t, s.Err)
		require.Equal(t, holdfast.Degraded, s.State)
		require.Equal(t, "90 % of 10 calls in 10 s failed: retries_exhausted", s.Why)
	})
}

func TestHealthOfATotalCountsAllKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		strict, err := holdfast.HealthConfig{UnhealthyShare: 0.5}.Build()
		require.NoError(t, err)
		hosts := newKeyed[int](t, holdfast.KeyedConfig{Size: 8}, retry.Config{MaxRetries: retry.None})
		for i := range 40 { // 12 without room
			require.Error(t, hosts.Do(t.Context(), i%20, flake))
		}
		s := strict.Check(t.Context(), hosts.Total(), nil)
		require.Equal(t, holdfast.Degraded, s.State, "what one key's callers do is no reason to take no calls for the others")
		require.Equal(t, "100 % of 40 calls in 10 s failed: retries_exhausted", s.Why)
		require.Nil(t, holdfast.Check(t.Context(), hosts.Get(1), nil).Recent, "a key's are remembered by its total")
	})
}

// What is counted outside of a bubble does not count inside, and the other way round.
func TestHealthWithTwoClocks(t *testing.T) {
	p := newPipeline(t, retry.Config{MaxRetries: retry.None})
	times(t.Context(), p, 100, errFlaky)
	synctest.Test(t, func(t *testing.T) {
		require.Nil(t, holdfast.Check(t.Context(), p, nil).Recent)
		times(t.Context(), p, 10, errFlaky)
		require.EqualValues(t, 10, holdfast.Check(t.Context(), p, nil).Recent.Calls)
	})
	if r := holdfast.Check(t.Context(), p, nil).Recent; r != nil { // the bubble's second may have taken the place of this one
		require.EqualValues(t, 100, r.Failed)
	}
}

func TestHealthConfigSaysWhatIsWrong(t *testing.T) {
	tests := map[string]struct {
		config holdfast.HealthConfig
		want   []string
	}{
		"too short":      {holdfast.HealthConfig{Window: 5*time.Second - 1}, []string{"health: Window is 4.999999999s; want 5s to 1m0s, or 0 for the default (10s)"}},
		"too long":       {holdfast.HealthConfig{Window: 61 * time.Second}, []string{"Window is 1m1s"}},
		"half a second":  {holdfast.HealthConfig{Window: 5500 * time.Millisecond}, []string{"Window is 5.5s; want 5s to 1m0s, or 0 for the default (10s); calls are counted by the second"}},
		"negative":       {holdfast.HealthConfig{Window: -time.Second, MinCalls: -1}, []string{"Window is -1s", "MinCalls is -1; want 1 to"}},
		"shares above 1": {holdfast.HealthConfig{DegradedShare: 1.1, UnhealthyShare: 1.1}, []string{"DegradedShare is 1.1", "UnhealthyShare is 1.1"}},
		"shares below 0": {holdfast.HealthConfig{DegradedShare: -0.1, UnhealthyShare: -1}, []string{"DegradedShare is -0.1", "UnhealthyShare is -1; want a number above 0 and up to 1, or 0 so that no share makes a pipeline unhealthy"}},
		"no numbers": {
			holdfast.HealthConfig{DegradedShare: math.NaN(), UnhealthyShare: math.NaN()},
			[]string{"DegradedShare is NaN", "UnhealthyShare is NaN"},
		},
		"unhealthy before degraded": {
			holdfast.HealthConfig{UnhealthyShare: 0.4}, []string{"UnhealthyShare is 0.4; want at least DegradedShare (0.5), or 0 so that no share makes a pipeline unhealthy"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := test.config.Build()
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
	for name, right := range map[string]holdfast.HealthConfig{
		"zero": {}, "shortest": {Window: 5 * time.Second}, "longest": {Window: time.Minute}, "equal": {UnhealthyShare: 0.5},
		"off": {DegradedShare: -1}, "off and unhealthy": {DegradedShare: -1, UnhealthyShare: 0.1}, "one": {DegradedShare: 1, UnhealthyShare: 1},
	} {
		_, err := right.Build()
		require.NoError(t, err, name)
	}
	want := holdfast.HealthConfig{Window: 10 * time.Second, MinCalls: 10, DegradedShare: 0.5}
	require.Equal(t, want, holdfast.HealthRules{}.Config())
	rules, err := holdfast.HealthConfig{}.Build()
	require.NoError(t, err)
	require.Equal(t, want, rules.Config())
}

// Failed payments lead to a 503 here, unless they are the caller's fault.
func ExampleHealthConfig() {
	rules, err := holdfast.HealthConfig{Window: 30 * time.Second, UnhealthyShare: 0.9}.Build()
	if err != nil {
		panic(err)
	}
	payments := holdfast.Must(holdfast.New("payments", retry.Config{MaxRetries: retry.None}))
	for range 50 {
		_ = payments.Do(context.Background(), func(context.Context) error {
			return &resilience.Error{Kind: resilience.KindAuthentication, Message: "the password has changed"}
		})
	}
	s := rules.Check(context.Background(), payments, nil)
	fmt.Println(s.State, s.Recent.Failed, "of", s.Recent.Calls, s.Recent.Reasons)
	// Output: degraded 50 of 50 map[permanent:50]
}

// No failure is lost when callers on many processors begin a second at once, and a share is never
// above 100 %.
func TestHealthCountsCallersAtOnce(t *testing.T) {
	minute, err := holdfast.HealthConfig{Window: time.Minute}.Build() // however slow the machine is
	require.NoError(t, err)
	p := newPipeline(t, retry.Config{MaxRetries: retry.None})
	var callers sync.WaitGroup
	for range 16 {
		callers.Go(func() {
			for range 500 {
				_ = p.Do(t.Context(), func(context.Context) error { return errFlaky })
				if r := minute.Check(t.Context(), p, nil).Recent; r == nil || r.Failed > r.Calls {
					t.Error("a share above 100 %, or none")
				}
			}
		})
	}
	callers.Wait()
	s := minute.Check(t.Context(), p, nil)
	require.EqualValues(t, 8000, s.Recent.Failed)
	require.EqualValues(t, 8000, s.Recent.Calls)
}

// Pins: Recent is what Check puts into Status.Recent, by the rules' own Window.
func TestRecentIsThatOfAStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules, err := holdfast.HealthConfig{Window: time.Minute}.Build()
		require.NoError(t, err)
		p := holdfast.Must(holdfast.New("payments", retry.Config{}))
		require.Nil(t, rules.Recent(p))
		require.Nil(t, rules.Recent(nil))
		require.Nil(t, rules.Recent(new(holdfast.Pipeline)))
		require.Error(t, p.Do(t.Context(), func(context.Context) error { return resilience.MarkPermanent(errors.New("no")) }))
		time.Sleep(30 * time.Second)
		require.Equal(t, rules.Check(t.Context(), p, nil).Recent, rules.Recent(p))
		require.Equal(t, 30*time.Second, rules.Recent(p).LastAgo)
		require.Equal(t, map[resilience.Reason]uint64{resilience.ReasonPermanent: 1}, rules.Recent(p).Reasons)
		require.Nil(t, holdfast.HealthRules{}.Recent(p), "by default it is ten seconds")
	})
}
