package breaker_test

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

// answering is a dependency that takes so long, unless its ctx ends before.
func answering(takes time.Duration) resilience.Func {
	return func(ctx context.Context) error {
		select {
		case <-time.After(takes):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// giving and hangingUp make a call by a caller who has so much time: with a deadline, or by
// canceling.
func giving(t *testing.T, p resilience.Policy, patience time.Duration, op resilience.Func) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_ = p.Wrap(op)(ctx)
}

func hangingUp(t *testing.T, p resilience.Policy, patience time.Duration, op resilience.Func) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	timer := time.AfterFunc(patience, cancel)
	defer timer.Stop()
	_ = p.Wrap(op)(ctx)
}

var presets = map[string]func() []resilience.Stage{
	"critical": holdfast.Critical, "standard": holdfast.Standard, "background": holdfast.Background,
}

// warmAndCold runs test with each preset, as it was made, and after a hundred calls of a healthy
// dependency.
func warmAndCold(t *testing.T, healthy time.Duration, test func(t *testing.T, p *holdfast.Pipeline)) {
	t.Helper()
	for name, stages := range presets {
		for warmth, calls := range map[string]int{"cold": 0, "lukewarm": 1, "warm": 100} {
			t.Run(name+"/"+warmth, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := holdfast.Must(holdfast.New("p", stages()...))
					for range calls {
						require.NoError(t, p.Do(t.Context(), answering(healthy)))
					}
					test(t, p)
				})
			})
		}
	}
}

func stateOf(p *holdfast.Pipeline) breaker.State { return p.Snapshot().Breakers[0].State }

// Callers who have less time than a healthy dependency takes say nothing about it.
func TestImpatientCallersOpenNothing(t *testing.T) {
	for name, leave := range map[string]func(*testing.T, resilience.Policy, time.Duration, resilience.Func){"deadline": giving, "cancel": hangingUp} {
		t.Run(name, func(t *testing.T) {
			warmAndCold(t, 50*time.Millisecond, func(t *testing.T, p *holdfast.Pipeline) {
				t.Helper()
				for range 200 {
					leave(t, p, 10*time.Millisecond, answering(50*time.Millisecond))
				}
				require.Equal(t, breaker.StateClosed, stateOf(p))
				require.Zero(t, p.Snapshot().Breakers[0].Counts.Failures)
				require.NoError(t, p.Do(t.Context(), answering(50*time.Millisecond)))
			})
		})
	}
}

// If it hangs, the breaker opens though every caller brings less time than an attempt may take, by
// whichever way they leave.
func TestHangsOpenWhateverTheCallersBring(t *testing.T) {
	for name, leave := range map[string]func(*testing.T, resilience.Policy, time.Duration, resilience.Func){"deadline": giving, "cancel": hangingUp} {
		t.Run(name, func(t *testing.T) {
			warmAndCold(t, 50*time.Millisecond, func(t *testing.T, p *holdfast.Pipeline) {
				t.Helper()
				for range 40 {
					leave(t, p, 900*time.Millisecond, answering(time.Hour))
				}
				require.NotEqual(t, breaker.StateClosed, stateOf(p))
				require.NotEmpty(t, p.Snapshot().Breakers[0].Why)
			})
		})
	}
}

// And though they hang up after 2 s, where it hangs for 30 s.
func TestHangsOpenThoughCallersHangUp(t *testing.T) {
	warmAndCold(t, 50*time.Millisecond, func(t *testing.T, p *holdfast.Pipeline) {
		t.Helper()
		for range 40 {
			hangingUp(t, p, 2*time.Second, answering(30*time.Second))
		}
		require.NotEqual(t, breaker.StateClosed, stateOf(p))
	})
}

// The rule at its boundaries: took is what the attempt had.
func TestWhenACutOffAttemptIsAFailure(t *testing.T) {
	const ms = time.Millisecond
	attempt := deadline.In(time.Second)
	for name, c := range map[string]struct {
		stages  []resilience.Stage // inside the breaker
		healthy time.Duration      // 0: no success was seen
		took    time.Duration
		ranOut  bool // counts as a failure if a deadline cut it off
		gaveUp  bool // counts as a failure if its caller gave up
	}{
		"twice the slowest":                        {[]resilience.Stage{attempt}, 50 * ms, 100 * ms, true, true},
		"less than that":                           {[]resilience.Stage{attempt}, 50 * ms, 100*ms - 1, false, false},
		"all that it may take, and slow successes": {[]resilience.Stage{attempt}, 900 * ms, time.Second, true, true},
		"less than that, and slow successes":       {[]resilience.Stage{attempt}, 900 * ms, time.Second - 1, false, false},
		"cold: more than a tenth of the limit":     {[]resilience.Stage{attempt}, 0, 100*ms + 1, true, true},
		"cold: not more than that":                 {[]resilience.Stage{attempt}, 0, 100 * ms, false, false},
		"no limit is known: cold":                  {nil, 0, ms, true, false},
		"no limit is known: twice the slowest":     {nil, 50 * ms, 100 * ms, true, true},
		"no limit is known: less than that":        {nil, 50 * ms, 100*ms - 1, false, false},
		"a quick dependency: a millisecond":        {nil, 1000, ms, true, true},
		"a quick dependency: what is noise":        {nil, 1000, ms - 1, false, false},
		"the limit inside of another breaker":      {[]resilience.Stage{breaker.Config{Name: "inner"}, attempt}, 0, 100 * ms, false, false},
	} {
		for way, want := range map[string]bool{"deadline": c.ranOut, "cancel": c.gaveUp} {
			t.Run(name+"/"+way, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newBreaker(t, breaker.Config{})
					p := holdfast.Must(holdfast.New("p", append([]resilience.Stage{b}, c.stages...)...))
					if c.healthy > 0 {
						require.NoError(t, p.Do(t.Context(), answering(c.healthy)))
					}
					leave := giving
					if way == "cancel" {
						leave = hangingUp
					}
					leave(t, p, c.took, answering(time.Hour))
					counts := b.Counts()
					require.Equal(t, want, counts.Failures == 1, "%+v", counts)
					require.Equal(t, !want, counts.Excluded == 1, "%+v", counts)
				})
			})
		}
	}
}

// The slowest success of late is forgotten slowly when all get quicker, and noted at once when one
// is slower.
func TestTheSlowestOfLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{})
		fails := func(took time.Duration) bool {
			before := b.Counts().Failures
			hangingUp(t, b, took, answering(time.Hour))
			return b.Counts().Failures > before
		}
		times(t, 50, b, answering(10*time.Millisecond))
		require.True(t, fails(20*time.Millisecond))
		time.Sleep(time.Minute)
		times(t, 1, b, answering(100*time.Millisecond))
		require.False(t, fails(199*time.Millisecond))
		for range 10 {
			times(t, 10, b, answering(10*time.Millisecond))
		}
		require.False(t, fails(60*time.Millisecond), "not yet forgotten")
		for range 3000 {
			times(t, 1, b, answering(10*time.Millisecond))
		}
		require.True(t, fails(25*time.Millisecond), "forgotten")
	})
}

type timeoutError struct{}

func (timeoutError) Error() string   { return "i/o timeout" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return false }

// What was cut off is told by the ctx, by whoever's limit, and by a client's timeout that comes
// just before an inherited deadline. All else that is transient is a failure, however soon it
// comes.
func TestWhatIsCutOff(t *testing.T) {
	const patience = 10 * time.Millisecond
	at := func(wait time.Duration, err error) resilience.Func {
		return func(context.Context) error { time.Sleep(wait); return err }
	}
	for name, c := range map[string]struct {
		op   resilience.Func
		want string
	}{
		"the ctx's own error":                      {answering(time.Hour), "excluded"},
		"a client's words for it":                  {at(patience, errors.New("conn closed")), "excluded"},
		"a client's timeout, just before":          {at(patience*19/20, os.ErrDeadlineExceeded), "excluded"},
		"another":                                  {at(patience*19/20, timeoutError{}), "excluded"},
		"before, by an eighth of what it took":     {at(8_888_889, timeoutError{}), "excluded"},
		"before, by a nanosecond more":             {at(8_888_888, timeoutError{}), "failure"},
		"a client's own timeout, long before":      {at(patience/2, os.ErrDeadlineExceeded), "failure"},
		"connection refused":                       {at(0, syscall.ECONNREFUSED), "failure"},
		"connection refused, just before":          {at(patience-1, syscall.ECONNREFUSED), "failure"},
		"a dial that timed out by itself":          {at(patience/2, &net.OpError{Op: "dial", Err: timeoutError{}}), "failure"},
		"overload, just after":                     {at(patience, resilience.MarkOverload(errDown, 0)), "failure"},
		"a definite answer, just after":            {at(patience, resilience.MarkPermanent(errDown)), "success"},
		"a success, just after":                    {at(patience, nil), "success"},
		"never asked: the ctx ended in some queue": {at(patience, resilience.MarkRejected(errDown)), "excluded"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, breaker.Config{})
				p := holdfast.Must(holdfast.New("p", b, deadline.In(time.Second)))
				giving(t, p, patience, c.op)
				counts := b.Counts()
				got := map[string]uint64{"success": counts.Successes, "failure": counts.Failures, "excluded": counts.Excluded}
				require.EqualValues(t, 1, got[c.want], "%+v", counts)
				require.EqualValues(t, 1, counts.Successes+counts.Failures+counts.Excluded)
			})
		})
	}
}

// lateCtx has a deadline, and does not end by it: its timer has not run yet.
type lateCtx struct {
	context.Context
	at time.Time
}

func (c lateCtx) Deadline() (time.Time, bool) { return c.at, true }

// What comes back at the very deadline was cut off by it, whether ctx knows yet or not.
func TestAnAnswerAtTheVeryDeadline(t *testing.T) {
	const takes = 10 * time.Millisecond
	for left, excluded := range map[time.Duration]uint64{-1: 1, 0: 1, 1: 0} {
		synctest.Test(t, func(t *testing.T) {
			b := newBreaker(t, breaker.Config{})
			times(t, 1, b, answering(takes)) // so that this is no hang
			ctx := lateCtx{t.Context(), time.Now().Add(takes + left)}
			require.Error(t, b.Do(ctx, func(context.Context) error { time.Sleep(takes); return errors.New("conn closed") }))
			require.Equal(t, excluded, b.Counts().Excluded, "%v left", left)
			require.Equal(t, 1-excluded, b.Counts().Failures, "%v left", left)
		})
	}
}

// A caller who gives up before the dependency was asked says nothing, however long it waited
// inside.
func TestGivingUpInAQueueInsideIsNoHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{})
		times(t, 1, b, answering(time.Millisecond))
		hangingUp(t, b, time.Second, func(ctx context.Context) error { <-ctx.Done(); return resilience.NotStarted(ctx) })
		require.EqualValues(t, 1, b.Counts().Excluded)
		require.Zero(t, b.Counts().Failures)
	})
}

// Under a ctx that has ended, a bare breaker runs nothing and counts nothing, in whatever state it
// is.
func TestAnEndedCtxRunsNothing(t *testing.T) {
	gone := errors.New("the user closed the page")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(gone)
	late, cancelLate := context.WithTimeout(context.Background(), 0)
	defer cancelLate()
	for name, b := range map[string]*breaker.Breaker{
		"closed": newBreaker(t, breaker.Config{}), "open": newBreaker(t, breaker.Config{ConsecutiveFailures: 1}),
	} {
		if name == "open" {
			times(t, 1, b, failing)
		}
		before := b.Counts()
		run := func(context.Context) error { t.Error("it ran"); return nil }
		err := b.Do(ctx, run)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, gone)
		require.Equal(t, resilience.ReasonCanceled, resilience.ReasonOf(err))
		err = b.Do(late, run)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, resilience.ReasonTooLate, resilience.ReasonOf(err))
		require.Equal(t, before, b.Counts(), name)
	}
}

// A client that returns a ctx's cause alone, or words of its own: errors.Is finds what ended the
// ctx, and the cause.
func TestWhatEndedTheCtxIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sla, own := errors.New("sla"), errors.New("conn closed")
		for _, half := range []bool{false, true} {
			b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1})
			if half {
				times(t, 1, b, failing)
				time.Sleep(b.RetryAfter())
			}
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, sla)
			err := b.Do(ctx, func(ctx context.Context) error { <-ctx.Done(); return own })
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, err, sla)
			require.ErrorIs(t, err, own)
			require.NotEqual(t, breaker.StateClosed, b.State())
		}
	})
}
