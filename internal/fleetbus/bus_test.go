package fleetbus_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/fleet/fleettest"
	"github.com/media-gateway/holdfast/internal/fleetbus"
)

// Without faults it is a transport as any other.
func TestTheBusKeepsTheContract(t *testing.T) {
	b := fleetbus.New(fleetbus.Config{Jitter: 100 * time.Microsecond})
	n := 0
	fleettest.Check(t, func() fleet.Transport { n++; return b.Pod(n) })
}

const room = "shop/checkout"

// post exchanges a cell under a ctx of half a second.
func post(t *testing.T, b *fleetbus.Bus, pod int, cell string) (fleet.News, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	news, err := b.Pod(pod).Exchange(ctx, fleet.Exchange{
		Pod: fmt.Sprint(pod), Posts: []fleet.Post{{Room: room, Cell: []byte(cell)}}, TTL: 5 * time.Second, Fresh: 200 * time.Millisecond,
	})
	if err != nil {
		return fleet.News{}, err
	}
	require.Len(t, news, 1)
	return news[0], nil
}

// cells returns what a pod is sent when it is asked for a digest, which it does not deliver.
func cells(t *testing.T, b *fleetbus.Bus, pod int) (all []string) {
	t.Helper()
	for range 3 {
		news, err := post(t, b, pod, fmt.Sprint("of ", pod))
		require.NoError(t, err)
		if news.Asked {
			for _, c := range news.Cells {
				all = append(all, string(c.Data))
			}
			return all
		}
		time.Sleep(200 * time.Millisecond)
	}
	require.Fail(t, "never asked")
	return nil
}

func acquire(t *testing.T, b *fleetbus.Bus, pod int) uint64 {
	t.Helper()
	epoch, err := b.Pod(pod).Acquire(t.Context(), room, fmt.Sprint(pod), 3*time.Second)
	require.NoError(t, err)
	return epoch
}

// inBubble runs a test on a bus.
func inBubble(t *testing.T, c fleetbus.Config, f func(t *testing.T, b *fleetbus.Bus)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, fleetbus.New(c)) })
}

func TestMessagesTakeTime(t *testing.T) {
	inBubble(t, fleetbus.Config{Delay: 20 * time.Millisecond}, func(t *testing.T, b *fleetbus.Bus) {
		began := time.Now()
		_, err := post(t, b, 1, "x")
		require.NoError(t, err)
		require.Equal(t, 40*time.Millisecond, time.Since(began), "there and back")
	})
	inBubble(t, fleetbus.Config{Delay: 300 * time.Millisecond}, func(t *testing.T, b *fleetbus.Bus) {
		_, err := post(t, b, 1, "late")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 1, b.Traffic().Requests, "what was sent arrives all the same")
	})
}

func TestMessagesAreLost(t *testing.T) {
	inBubble(t, fleetbus.Config{Seed: 1, Lost: 0.3}, func(t *testing.T, b *fleetbus.Bus) {
		const n = 400
		answered := 0
		for range n {
			if _, err := post(t, b, 1, "x"); err == nil {
				answered++
			} else {
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
		}
		require.InDelta(t, 0.7*n, b.Traffic().Requests, 40)
		require.InDelta(t, 0.7*0.7*n, answered, 40, "answers are lost as well")
	})
}

func TestRequestsArriveTwice(t *testing.T) {
	inBubble(t, fleetbus.Config{Repeated: 1, Late: time.Second}, func(t *testing.T, b *fleetbus.Bus) {
		require.NotZero(t, acquire(t, b, 1))
		require.NoError(t, b.Pod(1).Release(t.Context(), room, "1"))
		require.Equal(t, 2, b.Traffic().Requests)
		time.Sleep(time.Second)
		require.Equal(t, 4, b.Traffic().Requests)
	})
}

func TestPodsAreCutOff(t *testing.T) {
	inBubble(t, fleetbus.Config{}, func(t *testing.T, b *fleetbus.Bus) {
		b.Cut(func(pod int) bool { return pod == 1 })
		_, err := post(t, b, 1, "x")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, []string{"of 2"}, cells(t, b, 2))
		b.Cut(nil)
		require.ElementsMatch(t, []string{"of 1", "of 2"}, cells(t, b, 1))
	})
}

func TestHalvesHaveStoresOfTheirOwn(t *testing.T) {
	inBubble(t, fleetbus.Config{}, func(t *testing.T, b *fleetbus.Bus) {
		_, err := post(t, b, 1, "of 1, before")
		require.NoError(t, err)
		b.Split(func(pod int) bool { return pod == 2 })
		require.NotZero(t, acquire(t, b, 1))
		require.NotZero(t, acquire(t, b, 2), "the lease of the other half")
		require.ElementsMatch(t, []string{"of 1, before", "of 2"}, cells(t, b, 2), "it begins as a copy")
		require.Equal(t, []string{"of 1"}, cells(t, b, 1))
		b.Split(nil)
		require.Equal(t, []string{"of 1"}, cells(t, b, 1), "what the half has written is lost")
		require.Zero(t, acquire(t, b, 2))
	})
}

func TestAStoreIsDownOrFlushed(t *testing.T) {
	inBubble(t, fleetbus.Config{}, func(t *testing.T, b *fleetbus.Bus) {
		require.NotZero(t, acquire(t, b, 1))
		b.Down(true)
		_, err := post(t, b, 1, "x")
		require.ErrorIs(t, err, fleetbus.ErrDown)
		b.Down(false)
		require.Zero(t, acquire(t, b, 2), "it has forgotten nothing")
		b.Flush()
		require.NotZero(t, acquire(t, b, 2))
	})
}

func TestAPodStandsStill(t *testing.T) {
	inBubble(t, fleetbus.Config{}, func(t *testing.T, b *fleetbus.Bus) {
		began := time.Now()
		b.Pause(1, 2*time.Second)
		require.Equal(t, 2*time.Second, b.Paused(1))
		require.Zero(t, b.Paused(2))
		_, err := post(t, b, 1, "x")
		require.ErrorIs(t, err, context.DeadlineExceeded, "its ctx has ended meanwhile")
		require.Equal(t, 2*time.Second, time.Since(began))
		require.Zero(t, b.Paused(1))
	})
}

func TestClocks(t *testing.T) {
	age := func(t *testing.T, b *fleetbus.Bus) time.Duration {
		t.Helper()
		require.NoError(t, b.Pod(1).Digest(t.Context(), room, []byte("sum")))
		time.Sleep(time.Second)
		news, err := post(t, b, 1, "x")
		require.NoError(t, err)
		return news.Age
	}
	inBubble(t, fleetbus.Config{}, func(t *testing.T, b *fleetbus.Bus) { require.Equal(t, time.Second, age(t, b)) })
	inBubble(t, fleetbus.Config{ClockRate: 2}, func(t *testing.T, b *fleetbus.Bus) {
		require.Equal(t, 2*time.Second, age(t, b))
		require.NotZero(t, acquire(t, b, 1))
		time.Sleep(1400 * time.Millisecond)
		require.Zero(t, acquire(t, b, 2))
		time.Sleep(200 * time.Millisecond)
		require.NotZero(t, acquire(t, b, 2), "its three seconds are over in half of the time")
	})
	inBubble(t, fleetbus.Config{Seed: 1, Drift: 0.1}, func(t *testing.T, b *fleetbus.Bus) {
		require.NotEqual(t, time.Second, age(t, b))
		require.InDelta(t, 1, age(t, b).Seconds(), 0.12)
	})
	inBubble(t, fleetbus.Config{}, func(t *testing.T, b *fleetbus.Bus) {
		require.NotZero(t, acquire(t, b, 1))
		require.Zero(t, acquire(t, b, 2))
		b.Jump(-time.Second)
		require.NotZero(t, acquire(t, b, 2), "a lease of the future is none")
		b.Jump(time.Minute)
		require.NotZero(t, acquire(t, b, 1), "one whose time is over is none")
		long, err := b.Pod(2).Acquire(t.Context(), room, "1", time.Hour)
		require.NoError(t, err)
		require.NotZero(t, long)
		require.NotZero(t, acquire(t, b, 2), "one that lasts for an hour is none")
	})
}

func TestWhatIsOfTheFutureCountsForNothing(t *testing.T) {
	inBubble(t, fleetbus.Config{}, func(t *testing.T, b *fleetbus.Bus) {
		_, err := post(t, b, 1, "of 1")
		require.NoError(t, err)
		require.NoError(t, b.Pod(1).Digest(t.Context(), room, []byte("sum")))
		b.Jump(-time.Minute)
		news, err := post(t, b, 2, "of 2")
		require.NoError(t, err)
		require.Nil(t, news.Digest)
		require.True(t, news.Asked)
		require.Equal(t, 1, news.Refused)
		require.Len(t, news.Cells, 1)
	})
}

// The same seed, the same faults; another, others.
func TestASeedRepeats(t *testing.T) {
	run := func(seed uint64) (took []time.Duration) {
		inBubble(t, fleetbus.Config{Seed: seed, Delay: time.Millisecond, Jitter: 5 * time.Millisecond, Lost: 0.1}, func(t *testing.T, b *fleetbus.Bus) {
			for range 50 {
				began := time.Now()
				_, _ = post(t, b, 1, "x")
				took = append(took, time.Since(began))
			}
		})
		return took
	}
	first := run(1)
	require.Equal(t, first, run(1))
	require.NotEqual(t, first, run(2))
}

func TestTrafficIsCounted(t *testing.T) {
	inBubble(t, fleetbus.Config{}, func(t *testing.T, b *fleetbus.Bus) {
		_, err := post(t, b, 1, "four")
		require.NoError(t, err)
		require.Equal(t, fleetbus.Traffic{Requests: 1, In: len("1") + len(room) + len("four"), Out: len("four")}, b.Traffic())
	})
}
