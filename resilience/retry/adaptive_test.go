package retry_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/chance"
	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// adaptive is a loop of two retries, nearly at once, that does not stretch its pauses nor explore,
// and judges by ten samples.
func adaptive(change func(a *retry.Adaptive)) retry.Config {
	a := retry.Adaptive{MinSamples: 10, Explore: -1, MaxStretch: -1}
	if change != nil {
		change(&a)
	}
	return withoutJitter(retry.Config{MaxRetries: 2, BaseDelay: 1, Adaptive: &a})
}

// attemptsOf makes n calls, and returns how many attempts each of them made and how the last one
// ended.
func attemptsOf(t *testing.T, p *retry.Policy, n int, errs ...error) (attempts []int, last error) {
	t.Helper()
	for range n {
		s := play(errs...)
		last = p.Do(t.Context(), s.op)
		attempts = append(attempts, s.attempts)
	}
	return attempts, last
}

// teach is attemptsOf in three tenths of the window, of which the latter two have a call each.
func teach(t *testing.T, p *retry.Policy, n int, errs ...error) []int {
	t.Helper()
	attempts, _ := attemptsOf(t, p, n-2, errs...)
	for range 2 {
		time.Sleep(p.Config().Adaptive.Window / 10)
		more, _ := attemptsOf(t, p, 1, errs...)
		attempts = append(attempts, more...)
	}
	return attempts
}

func same(n, attempts int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = attempts
	}
	return all
}

var down = []error{errDown, errDown, errDown}

func TestAdaptiveLeavesOutWhatDoesNotHelp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard recording
		bank := newBudget(t, budget.Config{Burst: 100})
		c := adaptive(nil)
		p := newPolicy(t, c)
		require.Equal(t, same(10, 3), teach(t, p, 10, down...), "until there are MinSamples")
		tokens, start := bank.Tokens(), time.Now()
		s := play(down...)
		err := watched(p, &heard, bank).Wrap(s.op)(t.Context())
		require.Equal(t, 1, s.attempts)
		require.ErrorIs(t, err, retry.ErrUnlikely)
		require.ErrorIs(t, err, errRefused, "the dependency's error")
		require.Equal(t, resilience.ReasonUnlikely, resilience.ReasonOf(err))
		require.Equal(t, resilience.Rejected, resilience.Classify(err), "a loop further out is not to try either")
		require.Equal(t, resilience.Transient, resilience.Judge(t.Context(), nil, err), "a breaker further out counts it")
		require.Len(t, heard, 1)
		require.True(t, heard[0].Denied())
		require.InDelta(t, tokens, bank.Tokens(), 0, "the budget was not asked")
		require.Zero(t, time.Since(start), "no pause")

		require.Equal(t, &retry.Learned{Stretch: 1, Attempts: []retry.AttemptStats{
			{Tries: 11}, {Tries: 10, Unlikely: true}, {Tries: 10, Unlikely: true},
		}}, p.Learned())
	})
}

func TestAdaptiveGoesOnWhereItHelps(t *testing.T) {
	for name, c := range map[string]struct {
		change func(a *retry.Adaptive)
		errs   []error
		want   int
	}{
		"the second attempt":                  {nil, []error{errDown}, 2},
		"the second only leads to the third":  {nil, []error{errDown, errDown}, 3},
		"an answer, if a bad one":             {nil, []error{errDown, resilience.MarkPermanent(errRefused)}, 2},
		"no attempt is useless by MinGain -1": {func(a *retry.Adaptive) { a.MinGain = -1 }, down, 3},
		"MinSamples are never there":          {func(a *retry.Adaptive) { a.MinSamples = 1000 }, down, 3},
		"it always explores":                  {func(a *retry.Adaptive) { a.Explore = 1 }, down, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPolicy(t, adaptive(c.change))
				require.Equal(t, same(40, c.want), teach(t, p, 40, c.errs...))
				attempts, _ := attemptsOf(t, p, 5, c.errs...)
				require.Equal(t, same(5, c.want), attempts)
			})
		})
	}
}

// Pins: MinGain is a share that still is worth it, and what is under it is not.
func TestAdaptiveMinGain(t *testing.T) {
	for gain, want := range map[float64]int{0.2: 2, 0.2001: 1} {
		synctest.Test(t, func(t *testing.T) {
			c := adaptive(func(a *retry.Adaptive) { a.MinGain = gain })
			c.MaxRetries = 1
			p := newPolicy(t, c)
			_, _ = attemptsOf(t, p, 2, errDown) // one in five of the second attempts succeeds
			time.Sleep(3 * time.Second)
			_ = teach(t, p, 8, down...)
			attempts, _ := attemptsOf(t, p, 1, down...)
			require.Equal(t, []int{want}, attempts)
		})
	}
}

// Pins: what is older than the window is forgotten, and nothing before that.
func TestAdaptiveWindowSlides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPolicy(t, adaptive(func(a *retry.Adaptive) { a.Window = 10 * time.Second }))
		_ = teach(t, p, 10, down...) // eight at once, one after a second, one after two
		time.Sleep(7 * time.Second)
		attempts, _ := attemptsOf(t, p, 1, down...)
		require.Equal(t, []int{1}, attempts)
		time.Sleep(time.Second)
		require.Equal(t, []retry.AttemptStats{{Tries: 3}, {Tries: 2}, {Tries: 2}}, p.Learned().Attempts)
		attempts, _ = attemptsOf(t, p, 1, down...)
		require.Equal(t, []int{3}, attempts)
	})
}

// Pins: the window's parts are counted from when the loop was made, so that what was seen then
// stays for the whole window and no longer.
func TestAdaptiveWindowBeginsWithTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPolicy(t, adaptive(func(a *retry.Adaptive) { a.Window = 10 * time.Second }))
		_, _ = attemptsOf(t, p, 1)
		time.Sleep(10*time.Second - 1)
		require.Equal(t, retry.AttemptStats{Tries: 1, Successes: 1}, p.Learned().Attempts[0])
		time.Sleep(1)
		require.Zero(t, p.Learned().Attempts[0])
	})
}

// Pins: what was learned in good times does not keep useless attempts alive in bad ones, nor the
// other way round.
func TestAdaptiveForgetsWhenAnOutageBeginsAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPolicy(t, adaptive(nil))
		_, _ = attemptsOf(t, p, 100)
		_, _ = attemptsOf(t, p, 30, errDown)
		time.Sleep(6 * time.Second)
		require.Equal(t, same(22, 3), teach(t, p, 22, down...))
		require.Equal(t, retry.AttemptStats{Tries: 22, Unlikely: true}, p.Learned().Attempts[1], "none of the outage's own is forgotten")
		attempts, _ := attemptsOf(t, p, 3, down...)
		require.Equal(t, same(3, 1), attempts, "30 successes would speak for 600 attempts")
		time.Sleep(6 * time.Second)
		_, _ = attemptsOf(t, p, 20)
		attempts, _ = attemptsOf(t, p, 5, errDown)
		require.Equal(t, same(5, 2), attempts)
	})
}

// Pins: in an outage, less than MinSamples keep up a judgement that was made with more.
func TestAdaptiveStaysSettledInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPolicy(t, adaptive(nil))
		_ = teach(t, p, 12, down...)
		attempts, _ := attemptsOf(t, p, 1, down...)
		require.Equal(t, []int{1}, attempts)
		time.Sleep(25 * time.Second)
		attempts, _ = attemptsOf(t, p, 1, down...)
		require.Equal(t, []int{1}, attempts)
		require.Equal(t, retry.AttemptStats{Tries: 2, Unlikely: true}, p.Learned().Attempts[1])
		time.Sleep(6 * time.Second)
		attempts, _ = attemptsOf(t, p, 1, down...)
		require.Equal(t, []int{3}, attempts, "nothing is known any more")
	})
}

// Pins: a moment in which everything fails, however many callers see it, teaches nothing.
func TestAdaptiveOutlastsABlip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPolicy(t, adaptive(nil))
		attempts, _ := attemptsOf(t, p, 1000, down...)
		require.Equal(t, same(1000, 3), attempts)
		time.Sleep(3 * time.Second) // a tenth of the window
		attempts, _ = attemptsOf(t, p, 1000, down...)
		require.Equal(t, same(1000, 3), attempts)
	})
}

func TestAdaptiveExplores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer chance.Seed(1, 2)()
		c := adaptive(func(a *retry.Adaptive) { a.Explore = 0.1; a.Window = 1000 * time.Hour })
		p := newPolicy(t, c)
		_ = teach(t, p, 10, down...)
		attempts, _ := attemptsOf(t, p, 2000, down...)
		went := 0
		for _, n := range attempts {
			require.Contains(t, []int{1, 3}, n, "one that explores goes all the way")
			if n == 3 {
				went++
			}
		}
		require.InDelta(t, 200, went, 45, "a tenth; 45 is 3 standard errors")
		require.EqualValues(t, went, p.Learned().Explored)
		require.True(t, p.Learned().Attempts[1].Unlikely)

		for range 1000 { // the dependency is better again: until one explores, nobody knows
			if got, _ := attemptsOf(t, p, 1, errDown); got[0] == 2 {
				break
			}
		}
		require.Equal(t, retry.AttemptStats{Tries: 1, Successes: 1}, p.Learned().Attempts[1], "what was learned in the outage is forgotten")
		attempts, _ = attemptsOf(t, p, 50, errDown)
		require.Equal(t, same(50, 2), attempts)

		attempts = teach(t, p, 2000, down...) // and worse again: 51 successes are 5 % of 1020
		require.Equal(t, 2, attempts[0], "of third attempts nothing better is known")
		attempts, _ = attemptsOf(t, p, 1, down...)
		require.Equal(t, []int{1}, attempts)
	})
}

func TestAdaptiveSameSeedSameCalls(t *testing.T) {
	run := func(seed uint64) (all []int) {
		synctest.Test(t, func(t *testing.T) {
			defer chance.Seed(seed, 0)()
			p := newPolicy(t, retry.Config{MaxRetries: 2, Adaptive: &retry.Adaptive{}})
			all, _ = attemptsOf(t, p, 1000, down...)
		})
		return all
	}
	first, again, other := run(7), run(7), run(8)
	require.Equal(t, first, again)
	require.NotEqual(t, first, other)
}

func TestAdaptiveStretchesPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPolicy(t, withoutJitter(retry.Config{
			MaxRetries: 1, MaxDelay: 400 * ms, Adaptive: &retry.Adaptive{MinSamples: 4, MinGain: -1, MaxStretch: 5, Window: time.Hour},
		}))
		pauseAfter := func(n int, errs ...error) time.Duration {
			_, _ = attemptsOf(t, p, n, errs...)
			s := play(errDown)
			require.NoError(t, p.Do(t.Context(), s.op))
			return s.began[1]
		}
		require.Equal(t, 100*ms, pauseAfter(2, errDown), "two samples, and its own, are too few")
		require.Equal(t, 400*ms, pauseAfter(0), "five times, but for MaxDelay")
		require.Equal(t, 200*ms, pauseAfter(3), "five of eight failed: × 2")
		require.InDelta(t, 2, p.Learned().Stretch, 0)
		require.Equal(t, 100*ms, pauseAfter(3), "it comes back: six of twelve")
	})
}

// Pins: neither a cancel nor a refusal teaches anything about the dependency; a failure that must
// not be repeated does.
func TestAdaptiveCountsTheDependencyOnly(t *testing.T) {
	canceled := func(ctx context.Context) error { return ctx.Err() }
	for name, c := range map[string]struct {
		op   resilience.Func
		want retry.AttemptStats
	}{
		"success":              {func(context.Context) error { return nil }, retry.AttemptStats{Tries: 1, Successes: 1}},
		"failure":              {failing, retry.AttemptStats{Tries: 1}},
		"permanent":            {func(context.Context) error { return resilience.MarkPermanent(errRefused) }, retry.AttemptStats{Tries: 1, Successes: 1}},
		"not to be repeated":   {func(context.Context) error { return resilience.MarkNoRetry(errRefused, resilience.Transient) }, retry.AttemptStats{Tries: 1}},
		"unclassified":         {func(context.Context) error { return errRefused }, retry.AttemptStats{}},
		"refused":              {func(context.Context) error { return resilience.MarkRejected(errRefused) }, retry.AttemptStats{}},
		"canceled":             {canceled, retry.AttemptStats{}},
		"failed when canceled": {func(context.Context) error { return errDown }, retry.AttemptStats{}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPolicy(t, retry.Config{MaxRetries: retry.None, Adaptive: &retry.Adaptive{}})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_ = p.Do(ctx, func(ctx context.Context) error {
				if name == "canceled" || name == "failed when canceled" {
					cancel()
				}
				return c.op(ctx)
			})
			require.Equal(t, []retry.AttemptStats{c.want}, p.Learned().Attempts)
		})
	}
}

// Pins: a RetryIf that calls an error worth a retry makes it a failure here as well.
func TestAdaptiveHeedsRetryIf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := adaptive(nil)
		c.RetryIf = func(error) bool { return true }
		p := newPolicy(t, c)
		require.Equal(t, same(10, 3), teach(t, p, 10, errRefused, errRefused, errRefused))
		attempts, _ := attemptsOf(t, p, 1, errRefused)
		require.Equal(t, []int{1}, attempts)
	})
}

func TestAdaptiveManyAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPolicy(t, withoutJitter(retry.Config{MaxRetries: retry.Unlimited, BaseDelay: 1, MaxDelay: 1, Adaptive: &retry.Adaptive{}}))
		errs := make([]error, 40)
		for i := range errs {
			errs[i] = errDown
		}
		attempts, err := attemptsOf(t, p, 1, errs...)
		require.NoError(t, err)
		require.Equal(t, []int{41}, attempts)
		require.Len(t, p.Learned().Attempts, 16)
		require.Equal(t, retry.AttemptStats{Tries: 26, Successes: 1}, p.Learned().Attempts[15], "the 16th and all later ones")
	})
}

func TestAdaptiveIsSharedByPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPolicy(t, adaptive(nil))
		at := stage.PlaceIn([]resilience.Policy{p}, 0)
		first, second := at.Link().(*retry.Policy), at.Link().(*retry.Policy) //nolint:forcetypeassert // it is its own kind
		_ = teach(t, first, 10, down...)
		attempts, _ := attemptsOf(t, second, 1, down...)
		require.Equal(t, []int{1}, attempts)
	})
}

// renewed returns what an update of its Config makes of p.
func renewed(p *retry.Policy, c retry.Config) (*retry.Policy, error) {
	r, err := stage.Of(p).Renew(p, c)
	if err != nil {
		return nil, err
	}
	if r.Commit != nil {
		r.Commit()
	}
	return r.Policy.(*retry.Policy), nil //nolint:forcetypeassert // it is its own kind
}

func TestAnUpdateKeepsWhatWasLearned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPolicy(t, adaptive(nil))
		_ = teach(t, p, 10, down...)
		for name, c := range map[string]struct {
			config func(c *retry.Config)
			kept   bool
		}{
			"the same":             {func(*retry.Config) {}, true},
			"other retries":        {func(c *retry.Config) { c.MaxRetries = 7; c.BaseDelay = 1 }, true},
			"the default, written": {func(c *retry.Config) { a := *c.Adaptive; a.MinGain = 0.05; c.Adaptive = &a }, true},
			"other numbers":        {func(c *retry.Config) { a := *c.Adaptive; a.MinGain = 0.06; c.Adaptive = &a }, true},
			"another window":       {func(c *retry.Config) { a := *c.Adaptive; a.Window = time.Hour; c.Adaptive = &a }, false},
		} {
			config := adaptive(nil)
			c.config(&config)
			fresh, err := renewed(p, config)
			require.NoError(t, err)
			require.Equal(t, c.kept, fresh.Learned().Attempts[0].Tries == 10, name)
		}
		plain, err := renewed(p, retry.Config{})
		require.NoError(t, err)
		require.Nil(t, plain.Learned())
		_, err = renewed(p, retry.Config{MaxRetries: -2})
		require.Error(t, err)
	})
}

func TestAdaptiveResolve(t *testing.T) {
	given := &retry.Adaptive{}
	r, err := retry.Config{Adaptive: given}.Resolve()
	require.NoError(t, err)
	require.Equal(t, &retry.Adaptive{Window: 30 * time.Second, MinSamples: 20, MinGain: 0.05, Explore: 0.01, MaxStretch: 4}, r.Adaptive)
	require.Equal(t, &retry.Adaptive{}, given, "left alone")
	off := &retry.Adaptive{Window: time.Second, MinSamples: 1, MinGain: -1, Explore: -1, MaxStretch: -1}
	r, err = retry.Config{Adaptive: off}.Resolve()
	require.NoError(t, err)
	require.Equal(t, off, r.Adaptive)

	_, err = retry.New(retry.Config{MaxRetries: -7, Adaptive: &retry.Adaptive{
		Window: 1, MinSamples: -1, MinGain: math.NaN(), Explore: 1.5, MaxStretch: 0.5,
	}})
	require.EqualError(t, err, `retry: MaxRetries is -7; want 1 or more, 0 for the default (3), retry.None, or retry.Unlimited
retry: Adaptive.Window is 1ns; want at least 100ms, or 0 for the default (30s)
retry: Adaptive.MinSamples is -1; want 1 to 524287, or 0 for the default (20)
retry: Adaptive.MinGain is NaN; want a number above 0 and up to 1, 0 for the default (0.05), or -1 to turn it off
retry: Adaptive.Explore is 1.5; want a number above 0 and up to 1, 0 for the default (0.01), or -1 to turn it off
retry: Adaptive.MaxStretch is 0.5; want 1 to 100, 0 for the default (4), or -1 to turn it off`)
}

func TestDoRefusesAdaptive(t *testing.T) {
	c := retry.Config{Adaptive: &retry.Adaptive{}}
	err := retry.Do(t.Context(), c, func(context.Context) error { t.Error("it ran"); return nil })
	require.EqualError(t, err, "retry: Adaptive is set in a call of Do or Value; want a Policy that is made once, by New, and learns from all its calls")
	_, err = retry.Value(t.Context(), c, func(context.Context) (int, error) { t.Error("it ran"); return 0, nil })
	var wrong *resilience.FieldError
	require.ErrorAs(t, err, &wrong)
}

// Pins: however many callers count, no try is lost, and none is counted twice.
func TestAdaptiveConcurrentCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPolicy(t, retry.Config{MaxRetries: 2, Adaptive: &retry.Adaptive{Window: time.Hour, MinGain: -1}})
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				errs := down[:i%4]
				_ = p.Do(t.Context(), play(errs...).op)
				_ = p.Learned()
			})
		}
		wg.Wait()
		require.Equal(t, []retry.AttemptStats{{Tries: 200, Successes: 50}, {Tries: 150, Successes: 50}, {Tries: 100, Successes: 50}}, p.Learned().Attempts)
	})
}

// Pins: an op or a classifier that panics, or exits its goroutine, teaches nothing and holds up
// nothing.
func TestAdaptivePanics(t *testing.T) {
	boom := errors.New("boom")
	p := newPolicy(t, retry.Config{Adaptive: &retry.Adaptive{}, Classify: func(err error) resilience.Verdict {
		if err == boom { //nolint:errorlint // identity
			panic(err)
		}
		return resilience.Classify(err)
	}})
	require.Panics(t, func() { _ = p.Do(t.Context(), func(context.Context) error { panic(boom) }) })
	require.Panics(t, func() { _ = p.Do(t.Context(), func(context.Context) error { return boom }) })
	require.Zero(t, p.Learned().Attempts[0])
	require.NoError(t, p.Do(t.Context(), play().op))
}
