package fleet_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// payer is a pod with a pooled budget, and a loop that retries at once.
type payer struct {
	pipeline *holdfast.Pipeline
	fleet    *fleet.Fleet
	fails    atomic.Int64 // of 1000 attempts
}

func newPayer(t *testing.T, transport fleet.Transport, name string, c budget.Config) *payer {
	t.Helper()
	c.Fleet = true
	p := &payer{}
	var err error
	p.pipeline, err = holdfast.New("checkout", c, retry.Config{MaxRetries: 3, BaseDelay: time.Nanosecond, MaxDelay: time.Nanosecond})
	require.NoError(t, err)
	p.fleet, err = fleet.Join(t.Context(), transport, "shop", fleet.WithPod(name), fleet.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	p.fleet.Add(p.pipeline)
	return p
}

// calls makes n calls, one each pause.
func (p *payer) calls(ctx context.Context, n int, pause time.Duration) {
	for range n {
		_ = p.pipeline.Do(ctx, func(context.Context) error {
			if rand.Int64N(1000) < p.fails.Load() {
				return errDown
			}
			return nil
		})
		time.Sleep(pause)
	}
}

// busy makes a call each pause, until it is stopped.
func (p *payer) busy(ctx context.Context, pause time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var caller sync.WaitGroup
	caller.Go(func() {
		for ctx.Err() == nil {
			p.calls(ctx, 1, pause)
		}
	})
	return func() { cancel(); caller.Wait() }
}

func (p *payer) tokens() float64 { return p.pipeline.Budget().Tokens() }

func (p *payer) stats(t *testing.T) fleet.PoolStats {
	t.Helper()
	all := p.fleet.Stats().Budgets
	require.Len(t, all, 1)
	return all[0]
}

// counting counts requests for tokens, and answers them as it is told.
type counting struct {
	fleet.Transport
	requests atomic.Int64
	answer   func(ctx context.Context, room string, r fleet.PoolRequest, next fleet.Transport) (fleet.PoolReply, error)
}

func (c *counting) Pool(ctx context.Context, room string, r fleet.PoolRequest) (fleet.PoolReply, error) {
	c.requests.Add(1)
	if c.answer != nil {
		return c.answer(ctx, room, r, c.Transport)
	}
	return c.Transport.Pool(ctx, room, r)
}

func TestADryBankGetsWhatFullOnesWouldHaveDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &counting{Transport: fleet.InProcess()}
		rich := newPayer(t, store, "rich", budget.Config{Ratio: 0.5, Burst: 4, Floor: -1})
		poor := newPayer(t, store, "poor", budget.Config{Ratio: 0.5, Burst: 4, Floor: -1})
		defer rich.fleet.Leave()
		defer poor.fleet.Leave()
		defer rich.busy(t.Context(), 100*time.Millisecond)()
		time.Sleep(10 * time.Second)
		require.Equal(t, int64(4), rich.stats(t).Level, "one bank")
		require.Equal(t, uint64(4), rich.stats(t).Given)
		require.GreaterOrEqual(t, rich.tokens(), 3.5, "it got back what it gave")

		idle := store.requests.Load()
		time.Sleep(10 * time.Second)
		require.Equal(t, idle, store.requests.Load(), "while nobody pays for retries, nobody asks")

		poor.fails.Store(1000)
		poor.calls(t.Context(), 2, 0) // three retries, and one more
		require.Zero(t, poor.tokens())
		time.Sleep(2 * time.Second)
		require.Equal(t, 2.0, poor.tokens(), "half a bank")
		require.Equal(t, uint64(2), poor.stats(t).Leased)
		require.Equal(t, uint64(1), poor.stats(t).Refused)
		require.Equal(t, int64(2), poor.stats(t).Level)

		time.Sleep(15 * time.Second)
		require.Zero(t, poor.tokens(), "given back, as it was not used")
		require.Equal(t, uint64(2), poor.stats(t).Given)
		require.Equal(t, int64(4), poor.stats(t).Level)
		require.Zero(t, poor.stats(t).Lost)
	})
}

// A pod with a broken network asks for tokens in vain, and not for ever.
func TestABrokenPodDoesNotDrainTheBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := budget.Config{Ratio: 1, Burst: 4, Floor: -1}
		store := fleet.InProcess()
		well, broken := newPayer(t, store, "well", c), newPayer(t, store, "broken", c)
		defer well.fleet.Leave()
		defer broken.fleet.Leave()
		broken.fails.Store(1000)
		defer well.busy(t.Context(), 100*time.Millisecond)()
		time.Sleep(5 * time.Second)
		broken.calls(t.Context(), 500, 100*time.Millisecond)
		require.LessOrEqual(t, broken.stats(t).Leased, uint64(6), "three times half a bank")
		require.NotZero(t, broken.stats(t).Leased)
	})
}

func TestWhoLeavesGivesBackWhatItLeased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := budget.Config{Ratio: 1, Burst: 4, Floor: -1}
		store := fleet.InProcess()
		rich, poor := newPayer(t, store, "rich", c), newPayer(t, store, "poor", c)
		defer rich.fleet.Leave()
		defer rich.busy(t.Context(), 100*time.Millisecond)()
		time.Sleep(5 * time.Second)
		poor.fails.Store(1000)
		poor.calls(t.Context(), 2, 0)
		time.Sleep(2 * time.Second)
		require.Equal(t, 2.0, poor.tokens())
		poor.fleet.Leave()
		require.Zero(t, poor.tokens())
		reply, err := store.Pool(t.Context(), "/shop/checkout", fleet.PoolRequest{Session: "auditor", Seq: 1, Cap: 100, Keep: time.Minute})
		require.NoError(t, err)
		require.Equal(t, int64(4), reply.Level)
	})
}

// Whatever a store says, a bank never holds more than its own Burst, and no pod has a token more
// than it asked for.
func TestHostileReplies(t *testing.T) {
	for name, reply := range map[string]fleet.PoolReply{
		"huge":     {Granted: math.MaxInt64, Accepted: math.MaxInt64, Level: math.MaxInt64},
		"negative": {Granted: math.MinInt64, Accepted: math.MinInt64, Level: math.MinInt64},
		"a lie":    {Granted: 1, Accepted: -1, Level: 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			store := &counting{Transport: fleet.InProcess()}
			asked := int64(0)
			store.answer = func(_ context.Context, _ string, r fleet.PoolRequest, _ fleet.Transport) (fleet.PoolReply, error) {
				asked += r.Take
				return reply, nil
			}
			p := newPayer(t, store, "a", budget.Config{Ratio: 1, Burst: 4, Floor: -1})
			defer p.fleet.Leave()
			for range 50 {
				p.fails.Store(900)
				p.calls(t.Context(), 5, 10*time.Millisecond)
				p.fails.Store(0)
				for range 10 {
					p.calls(t.Context(), 1, 100*time.Millisecond)
					require.LessOrEqual(t, p.tokens(), 4.0, name)
					require.GreaterOrEqual(t, p.tokens(), 0.0, name)
				}
			}
			s := p.stats(t)
			require.NotZero(t, asked)
			require.LessOrEqual(t, s.Leased, uint64(asked), name)
			require.LessOrEqual(t, s.Level, int64(4), name)
			require.GreaterOrEqual(t, s.Level, int64(0), name)
		})
	}
}

func TestAStoreWithoutBucketsCostsAFewRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &counting{Transport: fleet.InProcess()}
		store.answer = func(context.Context, string, fleet.PoolRequest, fleet.Transport) (fleet.PoolReply, error) {
			return fleet.PoolReply{}, errors.New("NOPERM")
		}
		p := newPayer(t, store, "a", budget.Config{Ratio: 1, Burst: 4, Floor: 1})
		defer p.fleet.Leave()
		p.calls(t.Context(), 600, 100*time.Millisecond)
		require.Equal(t, 4.0, p.tokens(), "an unknown pod gives nothing")
		require.Equal(t, "NOPERM", p.stats(t).Why)
		require.Zero(t, p.stats(t).Lost)
		require.LessOrEqual(t, store.requests.Load(), int64(31), "one in two seconds")
		require.False(t, p.fleet.Stats().Apart, "there are news")
	})
}

// Two pipelines have one budget between them, which has one account.
func TestABudgetOfSeveralPipelines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, err := budget.New(budget.Config{Fleet: true})
		require.NoError(t, err)
		f, err := fleet.Join(t.Context(), fleet.InProcess(), "shop")
		require.NoError(t, err)
		defer f.Leave()
		loop := retry.Config{}
		for _, name := range []string{"a", "b"} {
			f.Add(holdfast.Must(holdfast.New(name, shared, loop)))
		}
		f.Add(holdfast.Must(holdfast.New("a", budget.Config{Fleet: true}, loop)))
		f.Add(holdfast.Must(holdfast.New("c", budget.Config{}, loop)), holdfast.Must(holdfast.New("d", loop)))
		time.Sleep(2 * time.Second)
		all := f.Stats().Budgets
		require.Len(t, all, 2)
		require.Equal(t, "a", all[0].Name)
		require.Equal(t, "a#2", all[1].Name)

		_, _, err = shared.Modify(func(c *budget.Config) { c.Fleet = false })
		require.NoError(t, err)
		time.Sleep(2 * time.Second)
		all = f.Stats().Budgets
		require.Len(t, all, 1)
		require.Equal(t, "a#2", all[0].Name, "it keeps its name")
	})
}

func TestPoolStatsAsJSON(t *testing.T) {
	text, err := json.Marshal(fleet.Stats{Budgets: []fleet.PoolStats{
		{Name: "payments", Leased: 1, Given: 2, Lost: 3, Level: 4, Refused: 5, FloorShare: 0.5, Why: "x"}, {Name: "b"},
	}})
	require.NoError(t, err)
	require.Contains(t, string(text), `"budgets":[{"name":"payments","leased":1,"given":2,"lost":3,"level":4,"refused":5,"floor_share":0.5,"why":"x"},`+
		`{"name":"b","leased":0,"given":0,"lost":0,"level":0,"refused":0,"floor_share":0}]`)
}
