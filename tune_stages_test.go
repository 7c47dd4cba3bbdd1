package holdfast_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// setting makes a Stages of a Tuning that changes the first Config of type C.
func setting[C resilience.Stage](change func(c *C)) func([]resilience.Stage) {
	return func(stages []resilience.Stage) {
		for i, s := range stages {
			if c, ok := s.(C); ok {
				change(&c)
				stages[i] = c
				return
			}
		}
	}
}

func TestTuneStages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard changes
		classify := func(error) resilience.Verdict { return resilience.Transient }
		p := newPipeline(t, holdfast.Observe(&heard), holdfast.Classify(classify), deadline.In(10*time.Second), bulkhead.Config{},
			budget.Config{Burst: 10, Floor: -1}, retry.Config{}, breaker.Config{Name: "cards"}, deadline.In(time.Second))
		told := tune(t, p, holdfast.Tuning{By: "mary", Stages: func(stages []resilience.Stage) {
			require.Equal(t, fmt.Sprint(p.Stages()), fmt.Sprint(stages), "it gets what Stages returns")
			stages[0] = deadline.In(8 * time.Second)
			setting(func(c *bulkhead.Config) { c.MaxConcurrent = 7 })(stages)
			setting(func(c *budget.Config) { c.Ratio = -1 })(stages)
			setting(func(c *retry.Config) {
				c.MaxRetries, c.Adaptive, c.Jitter = retry.None, &retry.Adaptive{}, retry.NoJitter
			})(stages)
			setting(func(c *breaker.Config) { c.OpenFor = 20 * time.Second; c.MaxOpenFor = 0 })(stages)
			stages[5] = deadline.In(2 * time.Second)
		}})
		words := make([]string, len(told))
		for i, c := range told {
			require.Equal(t, "mary", c.By)
			words[i] = c.String()
		}
		require.Equal(t, []string{
			"deadline call: limit 10s → 8s", "bulkhead max concurrent 64 → 7", "budget ratio 0.1 → off", "retry max retries 3 → none",
			"retry jitter additive(0.3) → none", "retry adaptive off → on",
			"breaker cards: open for 5s → 20s", "breaker cards: max open for 10s → 20s", "deadline attempt: limit 1s → 2s",
		}, words)
		require.Equal(t, heard, changes(told))
		require.Equal(t, "payments: deadline 8s → bulkhead 7 → budget 0% → no retry → breaker 50%/20 → deadline 2s", p.String())
		require.Equal(t, -1.0, p.Budget().Config().Floor)

		heard = nil
		require.Empty(t, tune(t, p, holdfast.Tuning{Stages: func(stages []resilience.Stage) {
			setting(func(c *retry.Config) { c.Adaptive = &retry.Adaptive{} })(stages)
			setting(func(c *breaker.Config) { c.MaxOpenFor = 0 })(stages)
			setting(func(c *budget.Config) { c.Initial = 3 })(stages)
		}}), "the same as before")
		require.Empty(t, heard)

		// the stages that a tuning left alone still have what nobody said
		tune(t, p, holdfast.Tuning{Stages: setting(func(c *breaker.Config) { c.OpenFor = 30 * time.Second })})
		require.Equal(t, 30*time.Second, p.Breakers()[0].Config().MaxOpenFor)
	})
}

func TestTuneStagesSaysAllThatIsWrong(t *testing.T) {
	shared, err := breaker.New(breaker.Config{Name: "shared"})
	require.NoError(t, err)
	p := newPipeline(t, deadline.In(2*time.Second), budget.Config{}, retry.Config{RetryIf: func(error) bool { return true }},
		resilience.Prebuilt(&keyedDoor{}), shared, breaker.Config{}, deadline.In(time.Second))
	before := fmt.Sprint(p.Stages())
	for want, stages := range map[string]func([]resilience.Stage){
		"payments: Tuning: Stages: stage 3 (retry) is nil; want it in its place: Tune takes no stage away, Update does": func(s []resilience.Stage) { s[2] = nil },
		"payments: Tuning: Stages: stage 1 (deadline) became budget; want each stage in its place: Tune changes their numbers, Update changes the stages\n" +
			"payments: Tuning: Stages: stage 2 (budget) became deadline; want each stage in its place: Tune changes their numbers, Update changes the stages": func(s []resilience.Stage) {
			s[0], s[1] = s[1], s[0]
		},
		"payments: Tuning: Stages: stage 4 (holdfast_test.keyedDoor) became another; want it as it is: it is code, and has no numbers": func(s []resilience.Stage) {
			s[3] = resilience.Prebuilt(&struct{ keyedDoor }{})
		},
		"payments: stage 3: retry: RetryIf was changed; want it as it is: Tune changes numbers, and Update the rest": setting(func(c *retry.Config) { c.RetryIf = nil }),
		"payments: Tuning: Stages: stage 5 (breaker) was given already built, so it may belong to others as well; " +
			"want a Config in its place, whose numbers are this pipeline's own": setting(func(c *breaker.Config) { c.OpenFor = time.Hour }),
		"payments: stage 6: breaker: Name was changed; want it as it is: Tune changes numbers, and Update the rest": func(s []resilience.Stage) {
			c, _ := s[5].(breaker.Config)
			c.Name = "x"
			s[5] = c
		},
		"payments: stage 3: retry: MaxRetries is -7; want 1 or more, 0 for the default (3), retry.None, or retry.Unlimited\n" +
			"payments: stage 6: breaker: FailureRatio is 7; want a number above 0 and up to 1, 0 for the default (0.5), or -1 to turn it off": func(s []resilience.Stage) {
			setting(func(c *retry.Config) { c.MaxRetries = -7 })(s)
			setting(func(c *breaker.Config) { c.FailureRatio = 7 })(s[5:])
		},
		"payments: stage 7: deadline: Limit is 3s, which never fires inside the deadline of 2s; want less than that, or leave it out": func(s []resilience.Stage) {
			s[6] = deadline.In(3 * time.Second)
		},
	} {
		_, err := p.Tune(t.Context(), holdfast.Tuning{Stages: stages})
		require.EqualError(t, err, want)
		require.Equal(t, before, fmt.Sprint(p.Stages()))
	}
	_, err = p.Tune(t.Context(), holdfast.Tuning{
		Budget: func(c *budget.Config) { c.Ratio = 0.2 }, Stages: setting(func(c *budget.Config) { c.Burst = 5 }), Isolate: []string{"x"},
	})
	require.ErrorContains(t, err, `Isolate names breaker "x"`)
	require.ErrorContains(t, err, "Budget and Stages both change the budget; want one of them")
	require.Equal(t, before, fmt.Sprint(p.Stages()), "all or nothing")
}

// A tuning changes what it says, and nothing else: not what was changed at the budget itself, and
// no code.
func TestTuneStagesLeavesTheRest(t *testing.T) {
	p := newPipeline(t, budget.Config{}, retry.Config{
		Backoff: retry.BackoffFunc(func(int) time.Duration { return time.Second }), RetryIf: func(error) bool { return false },
	})
	require.NoError(t, p.Budget().Update(budget.Config{Burst: 30}))
	told := tune(t, p, holdfast.Tuning{Stages: func(s []resilience.Stage) {
		setting(func(c *budget.Config) { c.Ratio = 0.2 })(s)
		setting(func(c *retry.Config) { c.MaxRetries = 7 })(s)
	}})
	require.Equal(t, []resilience.Change{
		{Stage: "budget", Field: "Ratio", From: 0.1, To: 0.2}, {Stage: "retry", Field: "MaxRetries", From: 3, To: 7},
	}, told)
	require.Equal(t, 30, p.Budget().Config().Burst)
}

// Stages may also change what a pointer in a Config points to.
func TestTuneStagesBehindAPointer(t *testing.T) {
	p := newPipeline(t, bulkhead.Config{Adaptive: &bulkhead.Adaptive{}}, retry.Config{Adaptive: &retry.Adaptive{}})
	told := tune(t, p, holdfast.Tuning{Stages: func(s []resilience.Stage) {
		s[0].(bulkhead.Config).Adaptive.SlowFailures = 9 //nolint:forcetypeassert // it is what was given
		s[1].(retry.Config).Adaptive.MinSamples = 77     //nolint:forcetypeassert // it is what was given
	}})
	require.Len(t, told, 2)
	require.Equal(t, "bulkhead adaptive slow failures 5 → 9", told[0].String())
	require.Equal(t, 77, told[1].To)
}

// What the checks, the linter and the page read of a stage is what is in force, also of stages that
// change in place.
func TestTuneStagesIsRead(t *testing.T) {
	p := newPipeline(t, deadline.In(10*time.Second), ratelimit.Config{Rate: 5}, budget.Config{}, retry.Config{})
	tune(t, p, holdfast.Tuning{Stages: func(s []resilience.Stage) {
		setting(func(c *ratelimit.Config) { c.MaxWait = 3 * time.Second })(s)
		setting(func(c *budget.Config) { c.Burst = 20 })(s)
	}})
	require.Nil(t, stage.RowOf(&holdfast.Pipeline{}), "New did not make it")
	require.Nil(t, stage.RowOf((*holdfast.Pipeline)(nil)))
	require.Nil(t, stage.RowOf("a pipeline"))
	row := stage.RowOf(p)
	require.Equal(t, 3*time.Second, row[1].Traits.Wait)
	for i, s := range p.Stages() {
		require.Equal(t, s, row[i].Config)
	}
}

// A value that is the default once the others have changed is none that somebody has said, which
// the stage would refuse: so what a tuning changed can be changed back.
func TestTuneStagesBackToADefault(t *testing.T) {
	p := newPipeline(t, breaker.Config{})
	tune(t, p, holdfast.Tuning{Stages: setting(func(c *breaker.Config) { c.SlowCallDuration, c.SlowCallRatio = time.Second, 0.5 })})
	told := tune(t, p, holdfast.Tuning{Stages: setting(func(c *breaker.Config) { c.SlowCallDuration, c.SlowCallRatio = 0, 1 })})
	require.Len(t, told, 2)
	require.Equal(t, "payments: breaker 50%/20", p.String())
	_, err := p.Tune(t.Context(), holdfast.Tuning{Stages: setting(func(c *breaker.Config) { c.SlowCallRatio = 0.5 })})
	require.ErrorContains(t, err, "SlowCallRatio is 0.5")
}

// A breaker that has a name of its own keeps that of its key.
func TestTuneABreakerOfAKey(t *testing.T) {
	hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{}, breaker.Config{Name: "db"})
	require.NoError(t, err)
	for _, p := range []*holdfast.Pipeline{hosts.Get("a"), hosts.Overflow(), hosts.Total()} {
		stages := p.Stages()
		was, _ := stages[0].(breaker.Config)
		told := tune(t, p, holdfast.Tuning{Stages: setting(func(c *breaker.Config) { c.MinRequests = 7 })})
		require.Equal(t, []resilience.Change{{Stage: "breaker", Name: was.Name, Field: "MinRequests", From: 20, To: 7}}, told)
		is, _ := p.Stages()[0].(breaker.Config)
		require.Equal(t, was.Name, is.Name)
	}
	require.Equal(t, "db[a]", hosts.Get("a").Breakers()[0].Config().Name)
}

// Stages runs under no lock: its panic, and what it does itself, stop nobody.
func TestStagesRunsUnderNoLock(t *testing.T) {
	p := newPipeline(t, budget.Config{}, retry.Config{}, breaker.Config{})
	require.Panics(t, func() { _, _ = p.Tune(t.Context(), holdfast.Tuning{Stages: func([]resilience.Stage) { panic("oh") }}) })
	ran := 0
	tune(t, p, holdfast.Tuning{Stages: func(stages []resilience.Stage) {
		if ran++; ran == 1 {
			require.NoError(t, p.Update(budget.Config{}, retry.Config{MaxRetries: 7}, breaker.Config{}))
		}
		setting(func(c *retry.Config) { c.MaxRetries++ })(stages)
	}})
	require.Equal(t, 2, ran, "another change came first")
	require.Contains(t, p.String(), "retry 8×")
	n := 0
	_, err := p.Tune(t.Context(), holdfast.Tuning{Stages: func([]resilience.Stage) {
		n++
		require.NoError(t, p.Update(retry.Config{MaxRetries: n}))
	}})
	require.ErrorContains(t, err, "want a func that changes no pipeline itself")

	// from within an observer
	var once sync.Once
	q := newPipeline(t, holdfast.Observe(resilience.ObserverFunc(func(ctx context.Context, e resilience.Event) {
		if e.Change != nil {
			once.Do(func() { tune(t, holdfast.Must(holdfast.New("x", retry.Config{})), holdfast.Tuning{}) })
		}
	})), retry.Config{})
	stop := q.Watch(resilience.ObserverFunc(func(ctx context.Context, e resilience.Event) {
		if e.Change != nil && e.Change.To == 4 {
			_, err := q.Tune(ctx, holdfast.Tuning{Stages: setting(func(c *retry.Config) { c.MaxRetries = 5 })})
			require.NoError(t, err)
		}
	}))
	defer stop()
	tune(t, q, holdfast.Tuning{Stages: setting(func(c *retry.Config) { c.MaxRetries = 4 })})
	require.Contains(t, q.String(), "retry 5×")
}

// A shared budget and a shared rate limit are changed for all; what they hold stays.
func TestTuneStagesOfSharedOnes(t *testing.T) {
	bank, err := budget.New(budget.Config{Burst: 10})
	require.NoError(t, err)
	limit, err := ratelimit.New(ratelimit.Config{Rate: 5})
	require.NoError(t, err)
	p := newPipeline(t, limit, bank, retry.Config{})
	told := tune(t, p, holdfast.Tuning{Stages: func(stages []resilience.Stage) {
		setting(func(c *budget.Config) { c.Burst = 4 })(stages)
		setting(func(c *ratelimit.Config) { c.MaxWait = time.Second })(stages)
	}})
	require.Len(t, told, 2)
	require.Equal(t, 4, bank.Config().Burst)
	require.Equal(t, time.Second, limit.Config().MaxWait)
	require.Same(t, bank, p.Budget())
}

// The total of a Keyed tunes all keys, and those that come. What was tuned in one key stays until
// that stage is tuned in the total, or until an Update.
func TestTuneTheTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard changes
		hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{}, holdfast.Observe(&heard),
			bulkhead.Config{MaxConcurrent: 9}, budget.Config{Burst: 10}, retry.Config{MaxRetries: 1}, breaker.Config{ConsecutiveFailures: 1, OpenFor: time.Hour})
		require.NoError(t, err)
		require.Error(t, hosts.Do(t.Context(), "a", func(context.Context) error { return errFlaky }))
		a := hosts.Get("a")
		require.Equal(t, breaker.StateOpen, a.Breakers()[0].State())
		tune(t, a, holdfast.Tuning{Stages: setting(func(c *bulkhead.Config) { c.MaxConcurrent = 3 })})
		tune(t, a, holdfast.Tuning{Budget: func(c *budget.Config) { c.Burst = 5 }})
		require.Len(t, heard, 2)

		told := tune(t, hosts.Total(), holdfast.Tuning{By: "mary", Stages: setting(func(c *breaker.Config) { c.OpenFor = time.Minute })})
		require.Equal(t, []resilience.Change{
			{By: "mary", Stage: "breaker", Name: "hosts", Field: "OpenFor", From: time.Hour, To: time.Minute},
			{By: "mary", Stage: "breaker", Name: "hosts", Field: "MaxOpenFor", From: time.Hour, To: time.Minute},
		}, told)
		require.Len(t, heard, 4, "told once")
		for _, key := range []string{"a", "b"} {
			require.Equal(t, time.Minute, hosts.Get(key).Breakers()[0].Config().OpenFor, key)
			require.Equal(t, "hosts["+key+"]", hosts.Get(key).Breakers()[0].Config().Name)
		}
		require.Equal(t, time.Minute, hosts.Overflow().Breakers()[0].Config().OpenFor)
		require.Same(t, a, hosts.Get("a"))
		require.Equal(t, breaker.StateOpen, a.Breakers()[0].State())
		require.LessOrEqual(t, a.Breakers()[0].RetryAfter(), 75*time.Second)
		require.Equal(t, 3, a.Snapshot().Bulkheads[0].MaxConcurrent, "tuned by hand in the key")
		require.Equal(t, 5, a.Budget().Config().Burst)
		require.Equal(t, 9, hosts.Get("b").Snapshot().Bulkheads[0].MaxConcurrent)

		tune(t, hosts.Total(), holdfast.Tuning{Stages: setting(func(c *retry.Config) { c.MaxRetries = 4 })})
		require.Contains(t, hosts.Get("a").String(), "retry 4×")
		require.Equal(t, 3, a.Snapshot().Bulkheads[0].MaxConcurrent, "the next one leaves it alone as well")
		stop := hosts.Total().Watch(&changes{})
		require.Equal(t, 3, hosts.Get("a").Snapshot().Bulkheads[0].MaxConcurrent)
		stop()
		tune(t, hosts.Total(), holdfast.Tuning{Stages: setting(func(c *bulkhead.Config) { c.MaxConcurrent = 8 })})
		require.Equal(t, 8, hosts.Get("a").Snapshot().Bulkheads[0].MaxConcurrent)
		require.NoError(t, hosts.Update(bulkhead.Config{}, budget.Config{}, retry.Config{}, breaker.Config{}))
		require.Equal(t, 10, hosts.Get("a").Budget().Config().Burst)

		// the overflow's breaker opens by hand only, whatever its numbers
		tune(t, hosts.Total(), holdfast.Tuning{Stages: setting(func(c *breaker.Config) { c.ConsecutiveFailures = 1 })})
		over := hosts.Overflow()
		for range 9 {
			require.Error(t, over.Do(t.Context(), func(context.Context) error { return errFlaky }))
		}
		require.Equal(t, breaker.StateClosed, over.Breakers()[0].State())
	})
}

// settingsOf returns the paths of all settings of a kind's Config: "MaxRetries", "Adaptive.CutTo".
func settingsOf(c reflect.Type, path string) (all []string) {
	for f := range c.Fields() {
		switch f.Type.Kind() {
		case reflect.Func, reflect.String:
		case reflect.Pointer:
			all = append(append(all, path+f.Name), settingsOf(f.Type.Elem(), path+f.Name+".")...)
		default:
			all = append(all, path+f.Name)
		}
	}
	return all
}

// Every setting of every stage is tuned, to each of a few values and at random, while calls are in
// flight and wait, and while the breaker opens and probes. When all is over, nobody is inside,
// nobody waits, all calls have ended, and the pipeline works.
func TestEverySettingIsTunedUnderLoad(t *testing.T) {
	for _, kind := range stage.Kinds() {
		for _, field := range settingsOf(reflect.TypeOf(kind.Config()), "") {
			t.Run(kind.Name()+"."+field, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { tuneUnderLoad(t, kind, field) })
			})
		}
	}
}

func tuneUnderLoad(t *testing.T, kind *stage.Kind, field string) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, uint64(len(field))))
	stages := []resilience.Stage{
		ratelimit.Config{Rate: 400, Burst: 20, MaxWait: time.Second}, deadline.In(5 * time.Second),
		bulkhead.Config{MaxConcurrent: 8, MaxWait: time.Second, QueueLimit: 30, Adaptive: &bulkhead.Adaptive{}},
		budget.Config{}, retry.Config{Adaptive: &retry.Adaptive{Window: time.Second}, Patient: true},
		bulkhead.Config{MaxConcurrent: 6, MaxWait: time.Second},
		breaker.Config{ConsecutiveFailures: 5, MinRequests: 5, OpenFor: 50 * time.Millisecond, ProbeTimeout: time.Second, SlowCallDuration: 300 * time.Millisecond},
		deadline.In(500 * time.Millisecond),
	}
	p := newPipeline(t, stages...)
	var calls sync.WaitGroup
	var inside, most atomic.Int64
	over := make(chan struct{})
	for i := range 24 {
		own := rand.New(rand.NewPCG(2, uint64(i)))
		calls.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				_ = p.Do(t.Context(), func(ctx context.Context) error {
					most.Store(max(most.Load(), inside.Add(1)))
					defer inside.Add(-1)
					select {
					case <-ctx.Done():
						return ctx.Err()
					case <-time.After(time.Duration(own.IntN(100)) * time.Millisecond):
					}
					if own.IntN(3) == 0 {
						return errFlaky
					}
					return nil
				})
				time.Sleep(time.Duration(own.IntN(20)) * time.Millisecond)
			}
		})
	}
	tuned, refused := 0, 0
	for range 60 {
		time.Sleep(time.Duration(rng.IntN(60)) * time.Millisecond)
		_, err := p.Tune(t.Context(), holdfast.Tuning{Stages: func(stages []resilience.Stage) { turnAtRandom(rng, stages, kind, field) }})
		if err != nil {
			refused++
			continue
		}
		tuned++
	}
	require.Positive(t, tuned, "%d were refused", refused)
	close(over)
	require.NoError(t, p.Update(stages...)) // with sane numbers, so that those who wait come to an end
	calls.Wait()
	require.Zero(t, inside.Load())
	s := p.Snapshot()
	for _, b := range s.Bulkheads {
		require.Zero(t, b.InUse, "a place was lost")
		require.Zero(t, b.Waiting)
	}
	for _, l := range s.RateLimits {
		require.Zero(t, l.Waiting)
	}
	require.Zero(t, s.Live)
	require.NotZero(t, most.Load())
	time.Sleep(30 * time.Second)
	for range 50 {
		if p.Do(t.Context(), succeed) == nil {
			time.Sleep(10 * time.Second)
			require.NoError(t, p.Do(t.Context(), succeed), "it works")
			return
		}
	}
	require.Fail(t, "it does not work any more")
}

// turnAtRandom changes the field of the first stage of a kind, or of the second.
func turnAtRandom(rng *rand.Rand, stages []resilience.Stage, kind *stage.Kind, path string) {
	skip := rng.IntN(2)
	for i, s := range stages {
		k, ok := stage.OfConfig(s)
		if !ok || k != kind {
			continue
		}
		if skip > 0 && kind.Name() != "retry" && kind.Name() != "breaker" && kind.Name() != "budget" && kind.Name() != "ratelimit" {
			skip--
			continue
		}
		v := reflect.New(reflect.TypeOf(s)).Elem()
		v.Set(reflect.ValueOf(s))
		if turnField(rng, v, path) {
			stages[i], _ = v.Interface().(resilience.Stage)
		}
		return
	}
}

func turnField(rng *rand.Rand, v reflect.Value, path string) bool {
	f := v
	for name := range strings.SplitSeq(path, ".") {
		if f.Kind() == reflect.Pointer {
			if f.IsNil() {
				f.Set(reflect.New(f.Type().Elem()))
			}
			f = f.Elem()
		}
		f = f.FieldByName(name)
	}
	switch {
	case f.Kind() == reflect.Pointer && f.IsNil():
		f.Set(reflect.New(f.Type().Elem()))
	case f.Kind() == reflect.Pointer:
		f.SetZero()
	case f.Kind() == reflect.Bool:
		f.SetBool(!f.Bool())
	case f.Kind() == reflect.Interface:
		if path == "Jitter" {
			f.Set(reflect.ValueOf([]retry.Jitter{retry.NoJitter, retry.FullJitter, retry.AdditiveJitter(0.2)}[rng.IntN(3)]))
		} else {
			f.Set(reflect.ValueOf([]retry.Backoff{retry.Constant, retry.Linear, retry.Exponential}[rng.IntN(3)]))
		}
	case f.CanInt() || f.CanUint() || f.CanFloat():
		if f.Type().Kind() == reflect.Uint8 {
			f.SetUint(rng.Uint64N(3))
			return true
		}
		if f.Type() == reflect.TypeFor[time.Duration]() {
			f.SetInt([]int64{0, -1, int64(time.Millisecond), int64(20 * time.Millisecond), int64(300 * time.Millisecond), int64(3 * time.Second)}[rng.IntN(6)])
			return true
		}
		if f.CanFloat() {
			f.SetFloat([]float64{0, -1, 0.05, 0.3, 0.9, 1, 2, 50}[rng.IntN(8)])
			return true
		}
		f.SetInt([]int64{0, -1, 1, 2, 5, 12, 40}[rng.IntN(7)])
	default:
		panic("a field of a new kind: " + path)
	}
	return true
}
