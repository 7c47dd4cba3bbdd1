package bulkhead_test

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/chance"
	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

// house is a pipeline of one bulkhead, and the calls in it.
type house struct {
	*testing.T
	p *holdfast.Pipeline
}

func houseOf(t *testing.T, c bulkhead.Config) house {
	t.Helper()
	p, err := holdfast.New("p", c, deadline.In(time.Hour))
	require.NoError(t, err)
	return house{t, p}
}

// call begins one. end ends it, and returns its error.
func (h house) call() (end func() error) {
	ends, result := make(chan struct{}), make(chan error, 1)
	go func() {
		result <- h.p.Do(context.WithoutCancel(h.Context()), func(context.Context) error { <-ends; return nil })
	}()
	synctest.Wait()
	return func() error { close(ends); return <-result }
}

func (h house) calls(n int) (end func()) {
	ends := make([]func() error, n)
	for i := range ends {
		ends[i] = h.call()
	}
	return func() {
		for _, end := range ends {
			require.NoError(h, end())
		}
		synctest.Wait()
	}
}

func (h house) resize(c bulkhead.Config) {
	h.Helper()
	require.NoError(h, h.p.Update(c, deadline.In(time.Hour)))
	synctest.Wait()
}

func (h house) stats() bulkhead.Stats { return h.p.Snapshot().Bulkheads[0] }

func (h house) stands(inUse, waiting int) {
	h.Helper()
	synctest.Wait()
	require.Equal(h, []int{inUse, waiting}, []int{h.stats().InUse, h.stats().Waiting}, "in use, waiting")
}

func (h house) full() {
	h.Helper()
	require.ErrorIs(h, h.p.Do(h.Context(), func(context.Context) error { return nil }), bulkhead.ErrFull)
}

// A greater limit wakes those who wait, in order. A lower one lets those inside finish, and lets
// nobody in before there are fewer.
func TestResize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := houseOf(t, bulkhead.Config{MaxConcurrent: 2, MaxWait: time.Minute})
		end := h.calls(5)
		h.stands(2, 3)
		h.resize(bulkhead.Config{MaxConcurrent: 4, MaxWait: time.Minute})
		h.stands(4, 1)
		h.resize(bulkhead.Config{MaxConcurrent: 1, MaxWait: time.Minute, QueueLimit: 1})
		h.stands(4, 1)
		h.full() // the queue is
		h.resize(bulkhead.Config{MaxConcurrent: 4})
		h.full() // and nobody waits any more who comes now
		h.stands(4, 1)
		end()
		h.stands(0, 0)
		h.resize(bulkhead.Config{MaxConcurrent: 1})
		one := h.calls(1)
		h.full()
		one()
		require.EqualValues(t, 3, h.stats().Rejected)
	})
}

func TestALowerLimitIsForThoseInsideAsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := houseOf(t, bulkhead.Config{MaxConcurrent: 4, MaxWait: time.Minute})
		ends := []func() error{h.call(), h.call(), h.call(), h.call(), h.call()}
		h.stands(4, 1)
		h.resize(bulkhead.Config{MaxConcurrent: 2, MaxWait: time.Minute})
		for i, want := range [][2]int{{3, 1}, {2, 1}, {2, 0}, {1, 0}, {0, 0}} {
			require.NoError(t, ends[i]())
			h.stands(want[0], want[1])
		}
	})
}

// Who waits does so for as long as the MaxWait with which they came allows.
func TestAWaitIsAsLongAsItWasWhenItBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := houseOf(t, bulkhead.Config{MaxConcurrent: 1, MaxWait: time.Minute})
		end := h.call()
		waits := h.call()
		h.resize(bulkhead.Config{MaxConcurrent: 1, MaxWait: time.Second})
		time.Sleep(30 * time.Second)
		h.stands(1, 1)
		time.Sleep(31 * time.Second)
		h.stands(1, 0)
		require.ErrorIs(t, waits(), bulkhead.ErrFull)
		require.NoError(t, end())
	})
}

// A refusal says how long its own call has waited, and how many waited then, whatever numbers have
// come into force since the call began.
func TestARefusalSaysWhatItsCallWaited(t *testing.T) {
	for name, c := range map[string]bulkhead.Config{
		"fixed":    {MaxConcurrent: 1},
		"adaptive": {Adaptive: &bulkhead.Adaptive{SlowFailures: 1, CalmFor: -1}},
	} {
		for _, change := range []struct{ from, to, want time.Duration }{
			{0, time.Second, 0}, {0, -1, 0},
			{time.Minute, time.Second, time.Minute}, {time.Minute, 0, time.Minute}, {time.Minute, -1, time.Minute},
		} {
			t.Run(fmt.Sprintf("%s, from %v to %v", name, change.from, change.to), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c.MaxWait = change.from
					before := newBulkhead(t, c)
					if c.Adaptive != nil {
						require.ErrorIs(t, before.Wrap(func(context.Context) error { return errSlow })(t.Context()), errSlow)
					}
					require.NoError(t, before.Acquire(t.Context()))
					requireWaited := func(b *bulkhead.Bulkhead, want time.Duration) {
						var full *bulkhead.FullError
						require.ErrorAs(t, b.Acquire(t.Context()), &full)
						require.Equal(t, want, full.MaxWait)
					}
					var waits sync.WaitGroup
					if change.from > 0 {
						waits.Go(func() { requireWaited(before, change.want) })
						synctest.Wait()
					}
					c.MaxWait = change.to
					after := renewed(t, before, c)
					if change.to >= 0 {
						requireWaited(after, change.to)
					}
					if change.from == 0 { // an attempt of a call that began before
						requireWaited(before, change.want)
					}
					waits.Wait()
				})
			})
		}
	}
}

func TestARefusalSaysHowManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulkhead(t, bulkhead.Config{MaxConcurrent: 1, MaxWait: time.Minute, QueueLimit: 3})
		require.NoError(t, b.Acquire(t.Context()))
		for range 3 {
			go func() { _ = b.Acquire(t.Context()) }()
		}
		synctest.Wait()
		b = renewed(t, b, bulkhead.Config{MaxConcurrent: 1, MaxWait: time.Minute, QueueLimit: 1})
		var full *bulkhead.FullError
		require.ErrorAs(t, b.Acquire(t.Context()), &full)
		require.Equal(t, 3, full.Queued)
		time.Sleep(time.Minute)
	})
}

// renewed returns what an update makes of b.
func renewed(t *testing.T, b *bulkhead.Bulkhead, c bulkhead.Config) *bulkhead.Bulkhead {
	t.Helper()
	r, err := stage.Of(b).Renew(b, c)
	require.NoError(t, err)
	r.Commit()
	return r.Policy.(*bulkhead.Bulkhead)
}

// Those whom nobody counted leave their places to those who wait, when their deadline says that
// they must have ended: also if nobody comes or ends then.
func TestPlacesOfThoseWhomNobodyCounted(t *testing.T) {
	for _, limit := range []time.Duration{0, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			row := []resilience.Stage{bulkhead.Config{Adaptive: &bulkhead.Adaptive{}}, deadline.In(cmp.Or(limit, time.Hour))}
			if limit == 0 {
				row = row[:1]
			}
			p, err := holdfast.New("p", row...)
			require.NoError(t, err)
			h := house{t, p}
			hang := h.calls(2)
			row[0] = bulkhead.Config{MaxConcurrent: 2, MaxWait: -1}
			require.NoError(t, p.Update(row...))
			end := h.calls(2)
			h.stands(3, 1)
			time.Sleep(cmp.Or(limit, 10*time.Second))
			h.stands(3, 1)
			time.Sleep(1)
			h.stands(2, 0)
			end()
			hang()
			h.stands(0, 0)
		})
	}
}

// A bulkhead without MaxConcurrent counts nobody. When it gets one, those inside take its places,
// as far as they are known, and nobody stays counted for ever.
func TestALimitForThoseWhomNobodyCounted(t *testing.T) {
	for name, to := range map[string]bulkhead.Config{
		"fixed": {MaxConcurrent: 3, MaxWait: time.Minute}, "adaptive": {MaxConcurrent: 3, MaxWait: time.Minute, Adaptive: &bulkhead.Adaptive{}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := houseOf(t, bulkhead.Config{Adaptive: &bulkhead.Adaptive{}})
				ends := []func() error{h.call(), h.call(), h.call(), h.call()}
				h.resize(to)
				ends = append(ends, h.call(), h.call(), h.call())
				h.stands(4+1, 2) // one comes in since nobody is counted
				for i := range ends {
					require.NoError(t, ends[i]())
					synctest.Wait()
					require.LessOrEqual(t, h.stats().InUse, 4)
				}
				h.stands(0, 0)
				end := h.calls(3)
				h.stands(3, 0)
				end()

				h.resize(bulkhead.Config{Adaptive: &bulkhead.Adaptive{}})
				end = h.calls(9)
				h.resize(to)
				time.Sleep(time.Hour + time.Second) // by then they have ended: their deadline says so
				three := h.calls(3)
				h.stands(3, 0)
				three()
				end()
				h.stands(0, 0)
			})
		})
	}
}

// An adaptive limit goes with Adaptive, and no call that began with one brings it back.
func TestAdaptiveIsTurnedOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		adaptive := bulkhead.Config{MaxConcurrent: 10, Adaptive: &bulkhead.Adaptive{SlowFailures: 1, CalmFor: -1}}
		h := houseOf(t, adaptive)
		overload := func(context.Context) error { return resilience.MarkOverload(context.DeadlineExceeded, 0) }
		require.Error(t, h.p.Do(t.Context(), overload))
		require.Equal(t, 1, h.stats().Limit)
		more := adaptive
		more.Adaptive = &bulkhead.Adaptive{SlowFailures: 3, CalmFor: -1, Times: 2}
		h.resize(more)
		require.Equal(t, 1, h.stats().Limit, "what it learned stays")

		fails := make(chan struct{})
		over := make(chan error)
		go func() { over <- h.p.Do(t.Context(), func(ctx context.Context) error { <-fails; return overload(ctx) }) }()
		synctest.Wait()
		h.full()
		h.resize(bulkhead.Config{MaxConcurrent: 2})
		end := h.call()
		close(fails)
		require.Error(t, <-over)
		require.Zero(t, h.stats().Limit)
		both := h.calls(1)
		h.full()
		both()
		require.NoError(t, end())

		h.resize(adaptive)
		require.Zero(t, h.stats().Limit, "it learns anew")
		require.Error(t, h.p.Do(t.Context(), overload))
		require.Equal(t, 1, h.stats().Limit)
	})
}

// A call that comes when those whom nobody counted must have ended need not wait for a timer, which
// may be late.
func TestACallThatComesBeforeTheTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer chance.MovePauses(func(d time.Duration) time.Duration { return d + time.Hour })()
		h := houseOf(t, bulkhead.Config{Adaptive: &bulkhead.Adaptive{}})
		hang := h.calls(2)
		h.resize(bulkhead.Config{MaxConcurrent: 2})
		one := h.calls(1) // since nobody is counted
		time.Sleep(time.Hour)
		h.full()
		h.stands(2+1, 0)
		time.Sleep(1)
		two := h.calls(1)
		h.stands(2, 0)
		h.full()
		one()
		two()
		hang()
		h.stands(0, 0)
		time.Sleep(time.Hour)
	})
}

// Those whom an adaptive limit knows by number only take places of a MaxConcurrent as well.
func TestALimitForThoseWhomAnAdaptiveLimitKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := houseOf(t, bulkhead.Config{Adaptive: &bulkhead.Adaptive{SlowFailures: 1}})
		hang := h.calls(3)
		require.Error(t, h.p.Do(t.Context(), func(context.Context) error { return errSlow }))
		for range 100 {
			h.calls(1)()
		}
		require.Greater(t, h.stats().Limit, 6)
		h.resize(bulkhead.Config{MaxConcurrent: 5, Adaptive: &bulkhead.Adaptive{SlowFailures: 1}})
		end := h.calls(2)
		h.full()
		end()
		hang()
		time.Sleep(2 * time.Hour)
	})
}

// Whoever took places of a MaxConcurrent is not counted twice when it goes and a limit is found.
func TestMaxConcurrentComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		adaptive := bulkhead.Config{Adaptive: &bulkhead.Adaptive{SlowFailures: 1}}
		h := houseOf(t, adaptive)
		hang := h.calls(4)
		h.resize(bulkhead.Config{MaxConcurrent: 10})
		h.stands(4, 0)
		h.resize(adaptive)
		require.Error(t, h.p.Do(t.Context(), func(context.Context) error { return errSlow }))
		require.NotZero(t, h.stats().Limit)
		h.stands(4, 0)
		hang()
		h.stands(0, 0)
		time.Sleep(2 * time.Hour)
	})
}

// What Times has learned of successes stays when other numbers change, and begins when Times is
// turned on.
func TestTimesAreTurnedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulkhead(t, adaptive(bulkhead.Adaptive{CutEvery: time.Hour}))
		call := func(took time.Duration) {
			require.NoError(t, b.Wrap(func(context.Context) error { time.Sleep(took); return nil })(t.Context()))
		}
		b = renewed(t, b, adaptive(bulkhead.Adaptive{CutEvery: time.Hour, Times: 2}))
		for range 50 {
			call(100 * time.Millisecond)
		}
		b = renewed(t, b, adaptive(bulkhead.Adaptive{CutEvery: time.Hour, Times: 2, SlowFailures: 3}))
		for range 20 {
			call(300 * time.Millisecond)
		}
		require.EqualValues(t, 1, b.Stats().LateCuts)
	})
}

// With Adaptive goes what was learned for the next cut: the row of slow failures, and which success
// was quick beside them.
func TestAdaptiveLearnsAnew(t *testing.T) {
	succeed := func(context.Context) error { return nil }
	overload := func(context.Context) error { return errSlow }
	hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for name, c := range map[string]struct {
		failures int
		before   []resilience.Func // that end before it is turned off
		late     []resilience.Func // that end after it was turned on
		cuts     uint64            // of a timeout at last
	}{
		"a row that was not complete": {2, []resilience.Func{overload}, nil, 0},
		"a success before":            {1, []resilience.Func{overload, succeed}, nil, 2},
		"a success after":             {1, []resilience.Func{overload}, []resilience.Func{succeed}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				adaptive := bulkhead.Config{MaxConcurrent: 10, Adaptive: &bulkhead.Adaptive{SlowFailures: c.failures}}
				h := houseOf(t, adaptive)
				over := make(chan error)
				go func() { over <- h.p.Do(context.WithoutCancel(t.Context()), hang) }()
				time.Sleep(time.Hour - time.Minute)
				for _, op := range c.before {
					_ = h.p.Do(t.Context(), op)
				}
				h.resize(bulkhead.Config{MaxConcurrent: 10})
				h.resize(adaptive)
				for _, op := range c.late {
					_ = h.p.Do(t.Context(), op)
				}
				require.Error(t, <-over)
				require.Equal(t, c.cuts, h.stats().Cuts)
			})
		})
	}
}
