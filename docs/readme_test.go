package docs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// What the README's snippets take for granted.
type (
	Order   struct{ ID string }
	Receipt struct{ Order string }

	paymentClient struct{ err error }
	laterQueue    struct{ orders []Order }
)

func (c *paymentClient) Charge(_ context.Context, o Order) (*Receipt, error) {
	return &Receipt{Order: o.ID}, c.err
}

func (q *laterQueue) Later(o Order) (*Receipt, error) {
	q.orders = append(q.orders, o)
	return nil, nil
}

var (
	client = &paymentClient{}
	queue  = &laterQueue{}

	errAskFirst  = errors.New("ask the provider what became of it")
	errTryAgain  = errors.New("try again with the same idempotency key")
	errCacheMiss = errors.New("cache miss")
)

var payments = holdfast.Must(holdfast.New("payments", holdfast.Critical()...))

func Charge(ctx context.Context, order Order) (*Receipt, error) {
	return holdfast.Value(ctx, payments, func(ctx context.Context) (*Receipt, error) {
		return client.Charge(ctx, order)
	})
}

func checkout(ctx context.Context, order Order) (*Receipt, error) {
	receipt, err := Charge(ctx, order)
	switch {
	case err == nil:
		return receipt, nil
	case errors.Is(err, resilience.ErrOutcomeUnknown): // first: it may come with any reason
		return nil, errAskFirst // it may have been charged, and must not be twice
	case errors.Is(err, breaker.ErrOpen), errors.Is(err, budget.ErrExhausted):
		return queue.Later(order) // the dependency is in trouble: do not insist
	case errors.Is(err, deadline.ErrTooLate):
		return nil, errTryAgain // it may have been charged: the idempotency key decides
	}
	if stopped, ok := errors.AsType[*retry.Error](err); ok {
		slog.Error("charge", "reason", stopped.Reason, "attempts", stopped.Attempts, "elapsed", stopped.Elapsed, "last", stopped.Err)
	}
	return nil, err
}

func TestReadmeCheckout(t *testing.T) {
	receipt, err := checkout(t.Context(), Order{ID: "4711"})
	require.NoError(t, err)
	require.Equal(t, "4711", receipt.Order)

	client.err = syscall.ECONNREFUSED
	defer func() { client.err = nil }()
	synctest.Test(t, func(t *testing.T) {
		defer func(was *holdfast.Pipeline) { payments = was }(payments)
		payments = holdfast.Must(holdfast.New("payments", holdfast.Critical()...)) // the bubble has a clock of its own
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Millisecond)       // less than the first pause
		defer cancel()
		_, err := checkout(ctx, Order{ID: "4711"})
		require.ErrorIs(t, err, errTryAgain)
	})

	// Pins: a breaker that refused a retry does not make a charge in doubt one to be queued.
	client.err = fmt.Errorf("%w: %w", breaker.ErrOpen, resilience.ErrOutcomeUnknown)
	_, err = checkout(t.Context(), Order{ID: "4711"})
	require.ErrorIs(t, err, errAskFirst)
}

func TestReadmeOwnNumbers(t *testing.T) {
	payments, err := holdfast.New("payments",
		deadline.In(2*time.Second), // the whole call
		budget.Config{Ratio: 0.1, Floor: 1},
		retry.Custom(3, 50*time.Millisecond, time.Second, true), // 3 retries, 50 ms doubling to 1 s, jittered
		breaker.Config{FailureRatio: 0.5, MinRequests: 20},
		deadline.In(350*time.Millisecond), // each attempt
	)
	require.NoError(t, err)
	require.Equal(t, "payments", payments.Name())
	require.Empty(t, payments.Lint(), "what the README begins with is sound")
}

func TestReadmeRetryAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, misses := t.Context(), 0
		fetch := func(context.Context) (string, error) {
			if misses++; misses == 1 {
				return "", errCacheMiss
			}
			return "value", nil
		}
		policy := retry.Custom(10, 200*time.Millisecond, 8*time.Second, true)
		policy.RetryIf = func(err error) bool { return errors.Is(err, errCacheMiss) }
		value, err := retry.Value(ctx, policy, fetch)
		require.NoError(t, err)
		require.Equal(t, "value", value)
	})
}

// TestPresetsHaveRoom holds the guide to what it says of the presets: all attempts fit.
func TestPresetsHaveRoom(t *testing.T) {
	for name, stages := range map[string][]resilience.Stage{
		"Critical": holdfast.Critical(), "Standard": holdfast.Standard(), "Background": holdfast.Background(),
	} {
		whole, loop, each := stages[0].(deadline.Config), stages[2].(retry.Config), stages[len(stages)-1].(deadline.Config)
		longest := each.Limit
		for n := range loop.MaxRetries {
			pause := retry.Exponential.Backoff(retry.Step{
				Retry: n, Base: loop.BaseDelay, Max: loop.MaxDelay, Multiplier: loop.Multiplier,
			})
			longest += pause + pause*3/10 + each.Limit
		}
		require.Less(t, longest, whole.Limit, name)
	}
}

// The tables of presets in README.md and docs/guide.md say what the presets are.
func TestTablesOfPresets(t *testing.T) {
	readme, guide, faq := read(t, "../README.md"), read(t, "guide.md"), squeeze(read(t, "faq.md"))
	rows := map[string][]string{}
	add := func(row, cell string) { rows[row] = append(rows[row], cell) }
	for _, name := range presetNames {
		stages := presets()[name]
		whole, each := stages[0].(deadline.Config).Limit, stages[5].(deadline.Config).Limit
		bank, loop := stages[1].(budget.Config), stages[2].(retry.Config)
		places := stages[3].(bulkhead.Config)
		gate, err := stages[4].(breaker.Config).Resolve()
		require.NoError(t, err)
		require.Equal(t, budget.Config{
			Ratio: 3, Floor: -1, Burst: 5, DepositOn: budget.AnySuccess, SlowCost: 5, SlowTimes: 3, RefundOnSuccess: true,
		}, bank, "what the guide says in words")
		require.Equal(t, retry.AdditiveJitter(0.3), loop.Jitter)
		require.True(t, loop.Patient && places.Adaptive != nil)

		add("the whole call, each attempt", seconds(whole)+", "+seconds(each))
		add("the whole call", seconds(whole))
		add("each attempt", seconds(each))
		add("retries", strconv.Itoa(loop.MaxRetries))
		add("in an outage a call fails after, on average", fmt.Sprintf("%.1f s", planOf(t, stages...).Mean(0).End.Seconds()))
		add("pauses: base, cap, jitter", seconds(loop.BaseDelay)+", "+seconds(loop.MaxDelay)+", +0…30 %")
		add("bulkhead, of attempts", cellOf(len(rows["retries"]), fmt.Sprintf("adaptive; one more waits for %s, at most %d do", seconds(places.MaxWait), places.QueueLimit), seconds(places.MaxWait)))
		inWords := fmt.Sprintf("%g %% of at least %d in %s, or %d in a row", gate.FailureRatio*100, gate.MinRequests, seconds(gate.Window), gate.ConsecutiveFailures)
		add("breaker", cellOf(len(rows["retries"]), fmt.Sprintf("%s; open for as long as failures take, %s to %s; %d probes",
			inWords, seconds(gate.MinOpenFor), seconds(gate.OpenFor), gate.HalfOpenProbes), "to "+seconds(gate.OpenFor)))
		require.Contains(t, faq, fmt.Sprintf("A preset's waits for %d in a row, or %g %%", gate.ConsecutiveFailures, gate.FailureRatio*100))
	}
	for row, cells := range rows {
		line := "\n| " + row + " | " + strings.Join(cells, " | ") + " |\n"
		switch row {
		case "the whole call, each attempt", "in an outage a call fails after, on average":
			require.Contains(t, readme, line)
		case "retries":
			require.Contains(t, readme, line)
			require.Contains(t, guide, line)
		default:
			require.Contains(t, guide, line)
		}
	}
}

// cellOf returns the whole text for the first preset, and what differs for the others.
func cellOf(n int, whole, differs string) string {
	if n == 1 {
		return whole
	}
	return differs
}
