package migrating_test

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afex/hystrix-go/hystrix"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

func configurePayments() {
	hystrix.ConfigureCommand("payments", hystrix.CommandConfig{
		Timeout:                1000, // ms
		MaxConcurrentRequests:  10,
		RequestVolumeThreshold: 20,
		ErrorPercentThreshold:  50,
		SleepWindow:            5000, // ms
	})
}

func chargeByCommand(ctx context.Context, client *payer, order Order) (receipt *Receipt, err error) {
	err = hystrix.DoC(ctx, "payments", func(ctx context.Context) error {
		r, err := client.Charge(ctx, order)
		receipt = r
		return err
	}, func(_ context.Context, err error) error {
		if errors.Is(err, errDeclined) {
			return err
		}
		receipt = &Receipt{ID: "later"}
		return nil
	})
	return receipt, err
}

func newCommand() (*holdfast.Pipeline, error) {
	return holdfast.New("payments",
		holdfast.Classify(resilience.Errors(resilience.Permanent, errDeclined)),
		bulkhead.Config{MaxConcurrent: 10}, // MaxConcurrentRequests
		breaker.Config{
			FailureRatio: 0.5, MinRequests: 20, Window: 10 * time.Second, ConsecutiveFailures: -1,
			OpenFor: 5 * time.Second, MaxOpenFor: 5 * time.Second, // SleepWindow
			HalfOpenProbes: 1,
		},
		deadline.In(time.Second), // Timeout
	)
}

func chargeByPipeline(ctx context.Context, payments *holdfast.Pipeline, client *payer, order Order) (*Receipt, error) {
	receipt, err := holdfast.Value(ctx, payments, func(ctx context.Context) (*Receipt, error) { return client.Charge(ctx, order) })
	if err != nil && !errors.Is(err, errDeclined) { // the fallback
		return &Receipt{ID: "later"}, nil
	}
	return receipt, err
}

// The two columns of the page do the same. hystrix-go starts goroutines that never end, so its
// tests run in real time, and do not wait for any of it.
func TestHystrixSideBySide(t *testing.T) {
	t.Cleanup(hystrix.Flush)
	configurePayments()
	hystrix.GetCircuitSettings()["payments"].Timeout = time.Minute // longer than a busy machine takes
	payments, err := newCommand()
	require.NoError(t, err)
	for name, charge := range map[string]func(*payer) (*Receipt, error){
		"hystrix": func(client *payer) (*Receipt, error) {
			return chargeByCommand(t.Context(), client, Order{ID: "7"})
		},
		"holdfast": func(client *payer) (*Receipt, error) {
			return chargeByPipeline(t.Context(), payments, client, Order{ID: "7"})
		},
	} {
		receipt, err := charge(&payer{})
		require.NoError(t, err, name)
		require.Equal(t, "7", receipt.ID, name)

		receipt, err = charge(&payer{script: []error{down}})
		require.NoError(t, err, name)
		require.Equal(t, "later", receipt.ID, name)
	}
}

// hystrixDoor returns a door of hystrix-go, whose command is named after the test.
func hystrixDoor(t *testing.T, c hystrix.CommandConfig) door {
	t.Helper()
	t.Cleanup(hystrix.Flush)
	hystrix.ConfigureCommand(t.Name(), c)
	return func(ctx context.Context, op resilience.Func) error {
		return hystrix.DoC(ctx, t.Name(), func(ctx context.Context) error { return op(ctx) }, nil)
	}
}

// A timeout answers the caller, and nobody tells the op: its ctx lives, and its goroutine runs on.
func TestHystrixTimeoutLeavesTheOpRunning(t *testing.T) {
	entered, release, over := make(chan context.Context, 1), make(chan struct{}), make(chan struct{})
	err := hystrixDoor(t, hystrix.CommandConfig{Timeout: 1})(t.Context(), func(ctx context.Context) error {
		entered <- ctx
		<-release
		close(over)
		return nil
	})
	require.Equal(t, hystrix.ErrTimeout, err)
	ctx := <-entered
	require.NoError(t, ctx.Err())
	close(release)
	<-over

	var ended error
	err = through(t, deadline.In(time.Millisecond))(t.Context(), func(ctx context.Context) error {
		<-ctx.Done() // it is told
		ended = ctx.Err()
		return ended
	})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, ended, context.DeadlineExceeded)
}

// After a timeout the place is free, though the op runs on: there are more of them than
// MaxConcurrentRequests says.
func TestHystrixRunsMoreThanItsLimit(t *testing.T) {
	d := hystrixDoor(t, hystrix.CommandConfig{Timeout: 1, MaxConcurrentRequests: 1, RequestVolumeThreshold: 1000})
	entered, release, over := make(chan struct{}, 3), make(chan struct{}), make(chan struct{}, 3)
	for range 3 {
		// The place comes back a little before the answer, never after it.
		require.Equal(t, hystrix.ErrTimeout, d(t.Context(), func(context.Context) error {
			entered <- struct{}{}
			<-release
			over <- struct{}{}
			return nil
		}))
		<-entered
	}
	close(release)
	for range 3 {
		<-over
	}

	hold, in := make(chan struct{}), make(chan struct{})
	ours := through(t, bulkhead.Config{MaxConcurrent: 1})
	done := make(chan error, 1)
	go func() {
		done <- ours(context.Background(), func(context.Context) error { close(in); <-hold; return nil })
	}()
	<-in
	require.ErrorIs(t, ours(t.Context(), func(context.Context) error { return nil }), bulkhead.ErrFull)
	close(hold)
	require.NoError(t, <-done)
}

// What hystrix does to a command that nobody has configured: a mistyped name is one.
func TestHystrixHasDefaultsForEveryName(t *testing.T) {
	t.Cleanup(hystrix.Flush)
	_ = hystrix.Do("paymnets", func() error { return nil }, nil) // a busy machine may take longer than its second
	require.Equal(t, &hystrix.Settings{
		Timeout:                time.Second,
		MaxConcurrentRequests:  10,
		RequestVolumeThreshold: 20,
		SleepWindow:            5 * time.Second,
		ErrorPercentThreshold:  50,
	}, hystrix.GetCircuitSettings()["paymnets"])

	registry := holdfast.NewRegistry()
	require.NoError(t, registry.Apply(holdfast.Services{"payments": holdfast.Critical()}))
	_, ok := registry.Get("paymnets")
	require.False(t, ok)
}

// All commands of a process are in one table: whoever uses the same name shares the circuit.
func TestHystrixSharesByName(t *testing.T) {
	t.Cleanup(hystrix.Flush)
	one, _, err := hystrix.GetCircuit("search")
	require.NoError(t, err)
	other, created, err := hystrix.GetCircuit("search")
	require.NoError(t, err)
	require.False(t, created)
	require.Same(t, one, other)

	first, second := pipeline(t, breaker.Config{}), pipeline(t, breaker.Config{})
	require.Equal(t, first.Name(), second.Name())
	first.Breakers()[0].Isolate()
	require.Equal(t, breaker.StateClosed, second.Breakers()[0].State())
}

// Refusals count as errors: a full pool opens the circuit. A refusal of Holdfast is no outcome.
func TestHystrixCountsRefusals(t *testing.T) {
	d := hystrixDoor(t, hystrix.CommandConfig{Timeout: 60_000, MaxConcurrentRequests: 1, RequestVolumeThreshold: 5})
	fill := func(d door) (release func()) {
		hold, in, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			_ = d(context.Background(), func(context.Context) error { close(in); <-hold; return nil })
			close(done)
		}()
		<-in
		return func() { close(hold); <-done }
	}
	release := fill(d)
	circuit, _, err := hystrix.GetCircuit(t.Name())
	require.NoError(t, err)
	for range 20 {
		send(d, 1, nil)
	}
	require.Eventually(t, circuit.IsOpen, 30*time.Second, time.Millisecond) // its metrics come by a channel
	release()

	gate, err := breaker.New(breaker.Config{Name: "gate", MinRequests: 5})
	require.NoError(t, err)
	ours := through(t, gate, bulkhead.Config{MaxConcurrent: 1})
	release = fill(ours)
	require.Zero(t, send(ours, 20, nil))
	require.Equal(t, breaker.StateClosed, gate.State())
	release()
}

// A fallback that works turns the error into nil. Whoever wants to know has no way to.
func TestHystrixFallbackHidesTheError(t *testing.T) {
	t.Cleanup(hystrix.Flush)
	fell := false
	require.NoError(t, hystrix.Do(t.Name(), func() error { return down }, func(error) error { fell = true; return nil }))
	require.True(t, fell)

	require.ErrorIs(t, through(t, breaker.Config{})(t.Context(), func(context.Context) error { return down }), down)
}

// A fallback that fails loses both errors but for their text.
func TestHystrixFallbackErrorIsText(t *testing.T) {
	t.Cleanup(hystrix.Flush)
	err := hystrix.Do(t.Name(), func() error { return down }, func(error) error { return errLater })
	require.NotErrorIs(t, err, down)
	require.NotErrorIs(t, err, errLater)
	require.ErrorContains(t, err, "fallback failed with 'try again later'")
}

// An op runs in a goroutine of its own, where no recover of the caller's reaches. Here it runs in
// the caller's.
func TestHystrixRunsTheOpInAnotherGoroutine(t *testing.T) {
	where := func(d door) (id string) {
		require.NoError(t, d(t.Context(), func(context.Context) error { id = goroutine(); return nil }))
		return id
	}
	require.NotEqual(t, goroutine(), where(hystrixDoor(t, hystrix.CommandConfig{Timeout: 60_000})))

	ours := through(t, breaker.Config{}, deadline.In(time.Minute))
	require.Equal(t, goroutine(), where(ours))
	require.PanicsWithValue(t, "boom", func() {
		_ = ours(t.Context(), func(context.Context) error { panic("boom") })
	})
}

// A circuit keeps two goroutines for as long as the process lives. A pipeline has none.
func TestHystrixKeepsGoroutines(t *testing.T) {
	running := func() (n int) {
		stacks := make([]byte, 1<<22)
		all := string(stacks[:runtime.Stack(stacks, true)])
		return strings.Count(all, "created by github.com/afex/hystrix-go/hystrix.newMetricExchange") +
			strings.Count(all, "created by github.com/afex/hystrix-go/hystrix.newPoolMetrics")
	}
	before := running()
	for i := range 10 {
		_, _, err := hystrix.GetCircuit(t.Name() + strconv.Itoa(i))
		require.NoError(t, err)
	}
	require.Equal(t, before+20, running())
	hystrix.Flush()
	require.Equal(t, before+20, running())

	all := runtime.NumGoroutine()
	for range 10 {
		send(through(t, holdfast.Critical()...), 1, nil)
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), all) // a goroutine of another test may have ended
}

// One success closes a circuit, whatever the rest of the round would say.
func TestHystrixClosesAfterOneSuccess(t *testing.T) {
	d := hystrixDoor(t, hystrix.CommandConfig{Timeout: 60_000, RequestVolumeThreshold: 5, SleepWindow: 1})
	circuit, _, err := hystrix.GetCircuit(t.Name())
	require.NoError(t, err)
	require.Equal(t, 5, send(d, 5, down)) // within 10 s
	require.Eventually(t, circuit.IsOpen, 30*time.Second, time.Millisecond)
	require.Eventually(t, func() bool { return send(d, 1, nil) == 1 }, 30*time.Second, 2*time.Millisecond)
	require.Eventually(t, func() bool { return !circuit.IsOpen() }, 30*time.Second, time.Millisecond) // hystrix answers the caller before it closes the circuit

	synctest.Test(t, func(t *testing.T) {
		p := pipeline(t, breaker.Config{})
		send(p.Do, 10, down)
		time.Sleep(time.Hour)
		for range 2 {
			require.Equal(t, 1, send(p.Do, 1, nil))
			require.Equal(t, breaker.StateHalfOpen, p.Breakers()[0].State())
		}
		require.Equal(t, 1, send(p.Do, 1, nil))
		require.Equal(t, breaker.StateClosed, p.Breakers()[0].State())
	})
}

// A caller's deadline is no outcome to a circuit, so one that hangs longer than its callers wait
// stays closed. Here it is judged by the time that it had.
func TestHystrixIgnoresCallersDeadlines(t *testing.T) {
	d := hystrixDoor(t, hystrix.CommandConfig{Timeout: 60_000, RequestVolumeThreshold: 1, MaxConcurrentRequests: 100})
	circuit, _, err := hystrix.GetCircuit(t.Name())
	require.NoError(t, err)
	hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	call := func(d door) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		require.Error(t, d(ctx, hang))
	}
	for range 30 {
		call(d)
	}
	require.False(t, circuit.IsOpen())

	synctest.Test(t, func(t *testing.T) {
		p := pipeline(t, breaker.Config{})
		for range 10 {
			call(p.Do)
		}
		require.Equal(t, breaker.StateOpen, p.Breakers()[0].State())
	})
}

// goroutine returns the name that the runtime gives to the goroutine that asks.
func goroutine() string {
	stack := make([]byte, 64)
	name, _, _ := strings.Cut(string(stack[:runtime.Stack(stack, false)]), " [")
	return name
}
