package holdfast_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// logged returns what slog.Default logs while run runs.
func logged(t *testing.T, run func()) []string {
	t.Helper()
	var out bytes.Buffer
	was := slog.Default()
	defer slog.SetDefault(was)
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	run()
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func ending1(err error) resilience.Func { return func(context.Context) error { return err } }

type decline struct{ code int }

func (d *decline) Error() string { return fmt.Sprintf("declined with code %d", d.code) }

// A warning about unclassified errors comes once for each kind, and again after an hour.
func TestUnclassifiedIsWarnedOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, plain(2))
		lines := logged(t, func() {
			for i := range 5 {
				_ = p.Do(t.Context(), ending1(&decline{i}))
				_ = p.Do(t.Context(), ending1(fmt.Errorf("order %d failed", i)))
			}
		})
		require.Len(t, lines, 2)
		require.Contains(t, lines[0], "level=WARN")
		require.Contains(t, lines[0], "not retried; counts as a failure of the dependency; say what it means with holdfast.Classify(")
		require.Contains(t, lines[0], "pipeline=payments what=*holdfast_test.decline count=1")
		require.Contains(t, lines[1], "order  failed")

		time.Sleep(time.Hour - 1)
		require.Equal(t, []string{""}, logged(t, func() { _ = p.Do(t.Context(), ending1(&decline{})) }))
		time.Sleep(1)
		lines = logged(t, func() { _ = p.Do(t.Context(), ending1(&decline{})) })
		require.Len(t, lines, 1)
		require.Contains(t, lines[0], "count=6", "those since the last warning")

		require.Equal(t, []holdfast.UnclassifiedStats{
			{What: "*holdfast_test.decline", Count: 7}, {What: `*errors.errorString "order  failed"`, Count: 5},
		}, p.Snapshot().Unclassified)
	})
}

func TestUnclassifiedKindsTheMostFrequentFirst(t *testing.T) {
	p := newPipeline(t, holdfast.SilenceUnclassified(), plain(2))
	for _, text := range []string{"seldom", "often", "often", "often", "sometimes", "sometimes"} {
		_ = p.Do(t.Context(), ending1(errors.New(text)))
	}
	require.Equal(t, []holdfast.UnclassifiedStats{
		{What: `*errors.errorString "often"`, Count: 3}, {What: `*errors.errorString "sometimes"`, Count: 2}, {What: `*errors.errorString "seldom"`, Count: 1},
	}, p.Snapshot().Unclassified)
}

func TestUnclassifiedKindsAreBounded(t *testing.T) {
	p := newPipeline(t, plain(2))
	lines := logged(t, func() {
		for i := range 100 {
			_ = p.Do(t.Context(), ending1(errors.New(strings.Repeat("x", i+1))))
		}
	})
	require.Len(t, lines, 33)
	require.Contains(t, lines[32], "what=other")
	stats := p.Snapshot().Unclassified
	require.Len(t, stats, 33)
	require.Equal(t, holdfast.UnclassifiedStats{What: "other", Count: 68}, stats[32])
}

// If an observer logs the warnings, slog.Default gets none. Other observers get the event, too.
func TestWhoIsWarned(t *testing.T) {
	var out bytes.Buffer
	own := resilience.NewLogObserver(slog.New(slog.NewTextHandler(&out, nil)))
	var heard []resilience.Event
	listener := resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
		if e.Kind == resilience.EventUnclassified {
			heard = append(heard, e)
		}
	})
	for name, c := range map[string]struct {
		stages  []resilience.Stage
		own     bool
		slog    bool
		listens bool
	}{
		"nobody observes":      {nil, false, true, false},
		"an observer":          {[]resilience.Stage{holdfast.Observe(listener)}, false, true, true},
		"a log observer":       {[]resilience.Stage{holdfast.Observe(own)}, true, false, false},
		"one among others":     {[]resilience.Stage{holdfast.Observe(listener, resilience.Observers(own, listener))}, true, false, true},
		"silenced":             {[]resilience.Stage{holdfast.Observe(own, listener), holdfast.SilenceUnclassified()}, false, false, false},
		"silenced, unobserved": {[]resilience.Stage{holdfast.SilenceUnclassified()}, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			out.Reset()
			heard = nil
			p := newPipeline(t, append(c.stages, plain(2))...)
			lines := logged(t, func() { _ = p.Do(t.Context(), ending1(&decline{4})) })
			require.Equal(t, c.slog, strings.Contains(lines[0], "unclassified error"), lines)
			require.Equal(t, c.own, strings.Contains(out.String(), "unclassified error"), out.String())
			require.Equal(t, c.listens, len(heard) > 0)
			if c.listens {
				require.Equal(t, resilience.Unclassified, heard[0].Verdict)
				require.Equal(t, "payments", heard[0].Pipeline)
				require.Equal(t, &resilience.UnclassifiedKind{What: "*holdfast_test.decline", Count: 1}, heard[0].Unclassified)
				require.ErrorAs(t, heard[0].Err, new(*decline))
			}
			require.Len(t, p.Snapshot().Unclassified, 1, "counted all the same")
		})
	}
}

// A key's errors count in its Keyed's total, so that a thousand keys warn once.
func TestUnclassifiedErrorsOfKeys(t *testing.T) {
	k, err := holdfast.NewKeyed[int]("hosts", holdfast.KeyedConfig{}, plain(2))
	require.NoError(t, err)
	lines := logged(t, func() {
		for key := range 5 {
			_ = k.Do(t.Context(), key, ending1(&decline{}))
		}
	})
	require.Len(t, lines, 1)
	require.Contains(t, lines[0], "pipeline=hosts key=0")
	require.Equal(t, []holdfast.UnclassifiedStats{{What: "*holdfast_test.decline", Count: 5}}, k.Total().Snapshot().Unclassified)
}

// One Classify decides for the loop, the breaker, the events and what a loop learns.
func TestClassifySpeaksForAllStages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var verdicts []resilience.Verdict
		heard := holdfast.Observe(resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
			if e.Kind == resilience.EventAttempt || e.Kind == resilience.EventCall {
				verdicts = append(verdicts, e.Verdict)
			}
		}))
		loop := retry.Config{MaxRetries: 1, Adaptive: &retry.Adaptive{}}
		says := func(v resilience.Verdict) resilience.Stage {
			return holdfast.Classify(resilience.Errors(v, resilience.Type[*decline]()))
		}
		op := ending1(fmt.Errorf("charge: %w", &decline{4}))

		p := newPipeline(t, heard, says(resilience.Permanent), loop, breaker.Config{})
		require.ErrorAs(t, p.Do(t.Context(), op), new(*decline))
		require.Equal(t, []resilience.Verdict{resilience.Permanent, resilience.Permanent}, verdicts)
		s := p.Snapshot()
		require.EqualValues(t, 1, s.Attempts)
		require.Zero(t, s.Breakers[0].Counts.ConsecutiveFailures)
		require.EqualValues(t, 1, s.Learned.Attempts[0].Successes, "the dependency answered")
		require.Empty(t, s.Unclassified)

		verdicts = nil
		p = newPipeline(t, says(resilience.Transient), heard, loop, breaker.Config{}) // in either order
		require.ErrorIs(t, p.Do(t.Context(), op), retry.ErrExhausted)
		require.Equal(t, []resilience.Verdict{resilience.Transient, resilience.Transient, resilience.Transient}, verdicts)
		require.EqualValues(t, 2, p.Snapshot().Breakers[0].Counts.ConsecutiveFailures)

		// A stage with a Classify of its own uses that, and two Classify stages are asked in order.
		loop.Classify = resilience.Errors(resilience.Permanent, resilience.Type[*decline]())
		p = newPipeline(t, says(resilience.Transient), loop, breaker.Config{})
		require.ErrorAs(t, p.Do(t.Context(), op), new(*decline))
		require.EqualValues(t, 1, p.Snapshot().Attempts)
		require.EqualValues(t, 1, p.Snapshot().Breakers[0].Counts.ConsecutiveFailures)

		p = newPipeline(t, says(resilience.Permanent), says(resilience.Transient), plain(2))
		require.ErrorAs(t, p.Do(t.Context(), op), new(*decline))
		require.EqualValues(t, 1, p.Snapshot().Attempts)

		// It stays through Watch and Stages, goes with an Update that leaves it out, and holds for
		// keys.
		p.Watch(resilience.ObserverFunc(func(context.Context, resilience.Event) {}))()
		_ = p.Do(t.Context(), op)
		require.EqualValues(t, 2, p.Snapshot().Attempts)
		again := newPipeline(t, p.Stages()...)
		_ = again.Do(t.Context(), op)
		require.EqualValues(t, 1, again.Snapshot().Attempts)
		require.Empty(t, again.Snapshot().Unclassified)
		require.NoError(t, p.Update(holdfast.SilenceUnclassified(), plain(2)))
		_ = p.Do(t.Context(), op)
		require.Len(t, p.Snapshot().Unclassified, 1)

		k, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{}, says(resilience.Transient), plain(1), breaker.Config{})
		require.NoError(t, err)
		require.ErrorIs(t, k.Do(t.Context(), "a", op), retry.ErrExhausted)
		require.EqualValues(t, 2, k.Get("a").Snapshot().Breakers[0].Counts.ConsecutiveFailures)
	})
}

func TestFrontStagesAreChecked(t *testing.T) {
	_, err := holdfast.New("payments", holdfast.Classify(), holdfast.Classify(nil), plain(1), holdfast.SilenceUnclassified())
	require.ErrorContains(t, err, "classify: no classifier; want at least one")
	require.ErrorContains(t, err, "classify: a nil Classifier; leave it out, or give one")
	require.ErrorContains(t, err, "stage 2: SilenceUnclassified is not the outermost; put it first")
}

// Build of a front stage returns a Policy that lets calls pass.
func TestFrontStagesBuild(t *testing.T) {
	for name, stage := range map[string]resilience.Stage{
		"Observe": holdfast.Observe(deafTo{}), "Classify": holdfast.Classify(resilience.Errors(resilience.Permanent, errFlaky)),
		"SilenceUnclassified": holdfast.SilenceUnclassified(),
	} {
		policy, err := stage.Build()
		require.NoError(t, err, name)
		require.Equal(t, errFlaky, policy.Wrap(func(context.Context) error { return errFlaky })(t.Context()), name)
	}
}

type deafTo struct{}

func (deafTo) Observe(context.Context, resilience.Event) {}
