package policytest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/policytest"
)

// fakeTB is a test that is not this one.
type fakeTB struct {
	testing.TB // for what the Observer has no need of

	mu      sync.Mutex
	failed  []string
	cleanup []func()
}

func (*fakeTB) Helper()            {}
func (f *fakeTB) Cleanup(c func()) { f.cleanup = append(f.cleanup, c) }
func (f *fakeTB) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = append(f.failed, fmt.Sprintf(format, args...))
}

func (f *fakeTB) end() {
	for _, c := range f.cleanup {
		c()
	}
}

type decline struct{ reason string }

func (d *decline) Error() string { return "declined: " + d.reason }

var errLimit = errors.New("over the limit of 100")

func payments(t *testing.T, o resilience.Observer, classify ...resilience.Classifier) *holdfast.Pipeline {
	t.Helper()
	stages := []resilience.Stage{holdfast.Observe(o)}
	if len(classify) > 0 {
		stages = append(stages, holdfast.Classify(classify...))
	}
	p, err := holdfast.New("payments", append(stages, holdfast.Critical()...)...)
	require.NoError(t, err)
	return p
}

func end(p *holdfast.Pipeline, err error) {
	_ = p.Do(context.Background(), func(context.Context) error { return err })
}

func TestNoUnclassifiedNamesTheError(t *testing.T) {
	logged := &bytes.Buffer{}
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.NewTextHandler(logged, nil)))

	f := &fakeTB{}
	p := payments(t, policytest.NoUnclassified(f))
	for range 3 {
		end(p, &decline{"no funds"})
	}
	end(p, fmt.Errorf("charge: %w", &decline{"stolen"}))
	require.Len(t, f.failed, 1, "a kind fails the test once")
	require.Equal(t, "payments: nobody has classified *policytest_test.decline: it is not retried, and counts as a failure of the "+
		"dependency. Say what it means, in a stage before the others, with Permanent, Transient or Overload: "+
		"holdfast.Classify(resilience.Errors(resilience.Permanent, resilience.Type[*policytest_test.decline]()))", f.failed[0])

	end(p, errLimit)
	require.Len(t, f.failed, 2)
	require.Contains(t, f.failed[1], `"over the limit of "`)
	require.Contains(t, f.failed[1], "ErrOfThatText")
	require.Empty(t, logged.String(), "what fails the test is not logged as well")
}

func TestNoUnclassifiedIsContentWith(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func(p *holdfast.Pipeline){
		"a success":             func(p *holdfast.Pipeline) { end(p, nil) },
		"a known error":         func(p *holdfast.Pipeline) { end(p, resilience.MarkPermanent(errLimit)) },
		"a classified sentinel": func(p *holdfast.Pipeline) { end(p, errLimit) },
		"a classified type":     func(p *holdfast.Pipeline) { end(p, &decline{}) },
		"what Classify knows":   func(p *holdfast.Pipeline) { end(p, resilience.MarkNoRetry(syscall.ECONNRESET, resilience.Transient)) },
		"a caller who gave up": func(p *holdfast.Pipeline) {
			_ = p.Do(canceled, func(context.Context) error { return errors.New("odd") })
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeTB{}
			call(payments(t, policytest.NoUnclassified(f), resilience.Errors(resilience.Permanent, errLimit, resilience.Type[*decline]())))
			require.Empty(t, f.failed)
		})
	}
}

// One Observer hears an attempt twice: as what it was, and as the pipeline's warning. A loop
// without a pipeline says it once, and a warning without an error inside says nothing.
func TestNoUnclassifiedHearsBothKindsOfEvents(t *testing.T) {
	for _, e := range []resilience.Event{
		{Kind: resilience.EventAttempt, Verdict: resilience.Unclassified, Err: errLimit},
		{Kind: resilience.EventUnclassified, Err: errLimit, Unclassified: &resilience.UnclassifiedKind{What: "x", Count: 1}},
	} {
		f := &fakeTB{}
		o := policytest.NoUnclassified(f)
		o.Observe(t.Context(), e)
		o.Observe(t.Context(), e)
		require.Len(t, f.failed, 1, e.Kind)
	}
	f := &fakeTB{}
	o := policytest.NoUnclassified(f)
	o.Observe(t.Context(), resilience.Event{Kind: resilience.EventAttempt, Verdict: resilience.Transient, Err: errLimit})
	o.Observe(t.Context(), resilience.Event{Kind: resilience.EventCall, Verdict: resilience.Unclassified, Err: errLimit})
	o.Observe(t.Context(), resilience.Event{Kind: resilience.EventUnclassified})
	require.Empty(t, f.failed)
}

func TestNoUnclassifiedIsSilentAfterTheTest(t *testing.T) {
	f := &fakeTB{}
	o := policytest.NoUnclassified(f)
	f.end()
	o.Observe(t.Context(), resilience.Event{Kind: resilience.EventAttempt, Verdict: resilience.Unclassified, Err: errLimit})
	require.Empty(t, f.failed)
}

func TestNoUnclassifiedNamesABoundedNumber(t *testing.T) {
	f := &fakeTB{}
	o := policytest.NoUnclassified(f)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			err := errors.New(strings.Repeat("x", i+1))
			o.Observe(t.Context(), resilience.Event{Kind: resilience.EventAttempt, Verdict: resilience.Unclassified, Err: err})
		})
	}
	wg.Wait()
	require.Len(t, f.failed, 33)
	require.Contains(t, f.failed[32], "more than 32 kinds")
}

func TestNoUnclassifiedIsAnObserver(t *testing.T) {
	policytest.TestObserver(t, func() resilience.Observer { return policytest.NoUnclassified(&fakeTB{}) })
}
