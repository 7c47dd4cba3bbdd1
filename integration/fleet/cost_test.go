package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/holdfastfleet"
	"github.com/media-gateway/holdfast/internal/suite"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

var errDown = resilience.MarkTransient(errors.New("down"))

// cost is what a fleet costs Redis in a second.
type cost struct{ exchanges, commands, in, out, cpu float64 }

// What an exchange costs Redis does not grow with the number of pods. A machine that is busy makes
// fewer of them than two a second for each pod.
func TestWhatPodsCostRedis(t *testing.T) {
	t.Parallel()
	small, large := 30, 300
	if suite.Nightly() { // as in docs/fleet.md
		small, large = 100, 1000
	}
	few, many := costOf(t, small), costOf(t, large)
	for name, c := range map[string]cost{fmt.Sprint(small, " pods"): few, fmt.Sprint(large, " pods"): many} {
		t.Logf("%s, each second: %.0f exchanges (%.1f commands each), %.0f kB to Redis, %.0f kB from it, %.0f%% of a processor; each exchange: %.0f bytes to Redis, %.0f from it",
			name, c.exchanges, c.commands/c.exchanges, c.in/1e3, c.out/1e3, c.cpu*100, c.in/c.exchanges, c.out/c.exchanges)
	}
	require.Less(t, many.in/many.exchanges, 1.5*few.in/few.exchanges)
	require.Less(t, many.out/many.exchanges, 5*few.out/few.exchanges, "ten times as many pods; a part of them gets all cells")
}

// costOf returns what a fleet with one service costs, each pod of which makes four calls a second,
// half of which fail: so that no slot of a cell is empty.
func costOf(t *testing.T, pods int) cost {
	t.Helper()
	s := newServer(t)
	client := redis.NewClient(&redis.Options{Addr: s.addr, PoolSize: 64})
	t.Cleanup(func() { _ = client.Close() })
	transport := holdfastfleet.Redis(client)
	fleets := make([]*fleet.Fleet, pods)
	pipelines := make([]*holdfast.Pipeline, pods)
	for i := range fleets {
		p, err := holdfast.New("checkout", breaker.Config{FailureRatio: 1, ConsecutiveFailures: -1})
		require.NoError(t, err)
		fleets[i], err = holdfastfleet.Join(t.Context(), transport, "shop", fleet.WithPod(fmt.Sprintf("checkout-7c9f8d5b6-%05d", i)),
			fleet.WithLogger(slog.New(slog.DiscardHandler)))
		require.NoError(t, err)
		fleets[i].Add(p)
		pipelines[i] = p
	}
	var calling sync.WaitGroup
	stop := make(chan struct{})
	calling.Go(func() {
		for ticker := time.NewTicker(500 * time.Millisecond); ; {
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
			for _, p := range pipelines {
				_ = p.Do(t.Context(), func(context.Context) error { return nil })
				_ = p.Do(t.Context(), func(context.Context) error { return errDown })
			}
		}
	})
	t.Cleanup(func() { close(stop); calling.Wait() })
	t.Cleanup(func() {
		done := make(chan struct{})
		for _, f := range fleets {
			go func() { f.Leave(); done <- struct{}{} }()
		}
		for range fleets {
			<-done
		}
	})
	require.Eventually(t, func() bool {
		stats := fleets[pods-1].Stats()
		return len(stats.Services) == 1 && stats.Services[0].Pods == uint64(pods)
	}, patience, 100*time.Millisecond, "all have heard of each other")
	during := 2 * time.Second
	if suite.Nightly() {
		during = 10 * time.Second
	}
	began, before := time.Now(), infoOf(t, client)
	pass(during)
	passed, after := time.Since(began).Seconds(), infoOf(t, client)
	rate := func(key string) float64 { return (after[key] - before[key]) / passed }
	return cost{
		rate("evalsha"), rate("total_commands_processed"), rate("total_net_input_bytes"), rate("total_net_output_bytes"),
		rate("used_cpu_user") + rate("used_cpu_sys"),
	}
}

// infoOf returns the numbers that INFO tells.
func infoOf(t *testing.T, client *redis.Client) map[string]float64 {
	t.Helper()
	text, err := client.Info(t.Context(), "stats", "cpu", "commandstats").Result()
	require.NoError(t, err)
	numbers := map[string]float64{}
	for line := range strings.SplitSeq(text, "\r\n") {
		line = strings.Replace(line, "cmdstat_evalsha:calls=", "evalsha:", 1)
		if key, value, ok := strings.Cut(line, ":"); ok {
			value, _, _ = strings.Cut(value, ",")
			if n, err := strconv.ParseFloat(value, 64); err == nil {
				numbers[key] = n
			}
		}
	}
	return numbers
}
