package migrating_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

func newGate(logger *slog.Logger) *gobreaker.CircuitBreaker[*Receipt] {
	return gobreaker.NewCircuitBreaker[*Receipt](gobreaker.Settings{
		Name:         "payments",
		Interval:     10 * time.Second,
		BucketPeriod: time.Second,
		Timeout:      5 * time.Second,
		MaxRequests:  3,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			return c.Requests >= 20 && float64(c.TotalFailures) >= 0.5*float64(c.Requests)
		},
		IsSuccessful: func(err error) bool { return err == nil || errors.Is(err, errDeclined) },
		IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) },
		OnStateChange: func(name string, from, to gobreaker.State) {
			logger.Warn("breaker", "name", name, "from", from.String(), "to", to.String())
		},
	})
}

func chargeThroughGate(ctx context.Context, gate *gobreaker.CircuitBreaker[*Receipt], client *payer, order Order) (*Receipt, error) {
	receipt, err := gate.Execute(func() (*Receipt, error) { return client.Charge(ctx, order) })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return nil, errLater
	}
	return receipt, err
}

func newBreakerOnly(logger *slog.Logger) (*holdfast.Pipeline, error) {
	return holdfast.New("payments",
		holdfast.Observe(resilience.NewLogObserver(logger)),                     // OnStateChange
		holdfast.Classify(resilience.Errors(resilience.Permanent, errDeclined)), // IsSuccessful
		breaker.Config{
			Window: 10 * time.Second, Buckets: 10, // Interval, BucketPeriod
			OpenFor: 5 * time.Second, MaxOpenFor: 5 * time.Second, // Timeout
			HalfOpenProbes: 3, MinSuccesses: 3, // MaxRequests
			FailureRatio: 0.5, MinRequests: 20, ConsecutiveFailures: -1, // ReadyToTrip
		},
	)
}

func chargeThroughBreaker(ctx context.Context, payments *holdfast.Pipeline, client *payer, order Order) (*Receipt, error) {
	receipt, err := holdfast.Value(ctx, payments, func(ctx context.Context) (*Receipt, error) { return client.Charge(ctx, order) })
	if errors.Is(err, breaker.ErrOpen) {
		return nil, errLater
	}
	return receipt, err
}

// The two columns of the page do the same: a declined card opens neither, 20 failures open both,
// and both are closed again after three probes.
func TestGobreakerSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := newGate(slog.New(slog.DiscardHandler))
		payments, err := newBreakerOnly(slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		for name, charge := range map[string]func(*payer) error{
			"gobreaker": func(client *payer) error {
				_, err := chargeThroughGate(t.Context(), gate, client, Order{})
				return err
			},
			"holdfast": func(client *payer) error {
				_, err := chargeThroughBreaker(t.Context(), payments, client, Order{})
				return err
			},
		} {
			declines, broken, well := &payer{script: []error{errDeclined}}, &payer{script: []error{down}}, &payer{}
			for range 19 {
				require.ErrorIs(t, charge(declines), errDeclined, name)
			}
			for range 20 {
				_ = charge(broken)
			}
			require.Equal(t, 19, broken.attempts, name) // half of 38
			require.ErrorIs(t, charge(well), errLater, name)
			time.Sleep(7 * time.Second)
			for range 3 {
				require.NoError(t, charge(well), name)
			}
			require.NoError(t, charge(well), name)
		}
	})
}

// gate returns a door of gobreaker.
func gate(s gobreaker.Settings) door {
	b := gobreaker.NewCircuitBreaker[struct{}](s)
	return func(ctx context.Context, op resilience.Func) error {
		_, err := b.Execute(func() (struct{}, error) { return struct{}{}, op(ctx) })
		return err
	}
}

// Callers who hang up open a gobreaker without IsExcluded.
func TestGobreakerCountsCallersWhoHangUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		require.Equal(t, 6, sendCanceled(gate(gobreaker.Settings{}), 100))
		require.Equal(t, 100, sendCanceled(through(t, breaker.Config{}), 100))
	})
}

// IsExcluded with context.Canceled leaves out cancels of others, too: the dependency hangs, and a
// client gives up on its own. Holdfast leaves out only what the caller's own ctx explains.
func TestGobreakerExcludesCancelsOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		excluded := gate(gobreaker.Settings{IsExcluded: func(err error) bool { return errors.Is(err, context.Canceled) }})
		require.Equal(t, 100, send(excluded, 100, context.Canceled))
		require.Equal(t, 10, send(through(t, breaker.Config{}), 100, context.Canceled))
	})
}

// When the zero settings open.
func TestGobreakerOpensAfterSix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		require.Equal(t, 6, send(gate(gobreaker.Settings{}), 100, down))
		require.Equal(t, 10, send(through(t, breaker.Config{}), 100, down))
	})
}

// The zero gobreaker has no ratio: where every other call fails, it never opens.
func TestGobreakerHasNoRatioByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		everyOther := func(d door) (reached int) {
			for range 50 {
				reached += send(d, 1, nil)
				reached += send(d, 1, down)
			}
			return reached
		}
		require.Equal(t, 100, everyOther(gate(gobreaker.Settings{})))
		require.Equal(t, 20, everyOther(through(t, breaker.Config{})))
	})
}

// An Interval without a BucketPeriod forgets everything at once: failures on both sides of its end
// never meet.
func TestGobreakerForgetsAllAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		twice := func(d door) int {
			time.Sleep(9 * time.Second)
			reached := send(d, 19, down)
			time.Sleep(2 * time.Second)
			return reached + send(d, 19, down)
		}
		require.Equal(t, 38, twice(gate(gobreaker.Settings{
			Interval:    10 * time.Second,
			ReadyToTrip: func(c gobreaker.Counts) bool { return c.Requests >= 20 && 2*c.TotalFailures >= c.Requests },
		})))
		require.Equal(t, 20, twice(through(t, breaker.Config{FailureRatio: 0.5, MinRequests: 20, ConsecutiveFailures: -1})))
	})
}

// How long the zero settings stay open, and whether a second opening lasts longer.
func TestGobreakerStaysOpenForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := func(d door) (first, second time.Duration) {
			return openFor(d), openFor(d)
		}
		first, second := opened(gate(gobreaker.Settings{}))
		require.Equal(t, time.Minute, first)
		require.Equal(t, time.Minute, second)

		first, second = opened(through(t, breaker.Config{}))
		require.GreaterOrEqual(t, first, 5*time.Second)
		require.LessOrEqual(t, first, 6250*time.Millisecond)
		require.GreaterOrEqual(t, second, 10*time.Second)
		require.LessOrEqual(t, second, 12500*time.Millisecond)
	})
}

// openFor makes calls that fail until the door is open, and returns how long it is then shut.
func openFor(d door) time.Duration {
	send(d, 100, down)
	start := time.Now()
	for send(d, 1, down) == 0 {
		time.Sleep(time.Millisecond)
	}
	return time.Since(start).Truncate(10 * time.Millisecond)
}

// One failed probe opens a gobreaker again, however many succeeded. Holdfast goes by the ratio,
// unless MinSuccesses says otherwise.
func TestGobreakerOpensAgainAfterOneProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		probes := func(d door) int {
			send(d, 100, down)
			time.Sleep(time.Hour)
			return send(d, 1, nil) + send(d, 1, down) + send(d, 1, nil) + send(d, 10, nil)
		}
		require.Equal(t, 2, probes(gate(gobreaker.Settings{MaxRequests: 3})))
		require.Equal(t, 13, probes(through(t, breaker.Config{HalfOpenProbes: 3})))
		require.Equal(t, 2, probes(through(t, breaker.Config{HalfOpenProbes: 3, MinSuccesses: 3})))
	})
}

// A probe that hangs keeps a gobreaker shut for as long as it hangs.
func TestGobreakerWaitsForAHungProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		passesAfterAnHour := func(d door) int {
			send(d, 100, down)
			time.Sleep(2 * time.Minute)
			hung := make(chan struct{})
			go func() {
				_ = d(context.Background(), func(context.Context) error { <-hung; return nil })
			}()
			synctest.Wait()
			time.Sleep(time.Hour)
			reached := send(d, 1, nil)
			close(hung)
			synctest.Wait()
			return reached
		}
		require.Equal(t, 0, passesAfterAnHour(gate(gobreaker.Settings{})))
		require.Equal(t, 1, passesAfterAnHour(through(t, breaker.Config{HalfOpenProbes: 1})))
	})
}

// OnStateChange runs under gobreaker's lock: whoever asks the breaker there waits for ever. An
// observer may ask anything.
func TestGobreakerTellsUnderItsLock(t *testing.T) {
	answered, told := make(chan struct{}), false
	var b *gobreaker.CircuitBreaker[struct{}]
	b = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{OnStateChange: func(string, gobreaker.State, gobreaker.State) {
		told = true
		go func() {
			_ = b.State()
			close(answered)
		}()
		for range 1000 {
			runtime.Gosched()
		}
		select {
		case <-answered:
			t.Error("it answered before OnStateChange had returned")
		default:
		}
	}})
	for range 6 {
		_, _ = b.Execute(func() (struct{}, error) { return struct{}{}, down })
	}
	require.True(t, told)
	<-answered

	var p *holdfast.Pipeline
	var state breaker.State
	p, err := holdfast.New("payments", holdfast.Observe(resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
		if e.Kind == resilience.EventBreaker {
			state = p.Snapshot().Breakers[0].State
		}
	})), breaker.Config{})
	require.NoError(t, err)
	send(p.Do, 10, down)
	require.Equal(t, breaker.StateOpen, state)
}

// A refusal of Holdfast says when to come back, and why the breaker is open.
func TestGobreakerDoesNotSayWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		theirs, ours := gate(gobreaker.Settings{}), through(t, breaker.Config{})
		send(theirs, 100, down)
		send(ours, 100, down)
		op := func(context.Context) error { return nil }

		err := theirs(t.Context(), op)
		require.ErrorIs(t, err, gobreaker.ErrOpenState)
		require.EqualError(t, err, "circuit breaker is open")

		err = ours(t.Context(), op)
		require.ErrorIs(t, err, breaker.ErrOpen)
		require.Positive(t, resilience.RetryAfter(err))
		var open *breaker.OpenError
		require.ErrorAs(t, err, &open)
		require.ErrorContains(t, open.Why, "10 failures in a row")
	})
}
