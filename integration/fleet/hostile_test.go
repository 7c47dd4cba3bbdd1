package fleet_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/suite"
)

// A cell of this protocol: a closed breaker, which says that it is failing, and that 100 calls
// failed in the newest half of a second.
const failingCell = "\x01\x01\x01\x00\x64"

// stranger is somebody who may write to the Redis of a fleet.
type stranger struct {
	t     *testing.T
	admin *redis.Client
}

func (s stranger) do(args ...any) {
	s.t.Helper()
	require.NoError(s.t, s.admin.Do(context.Background(), args...).Err())
}

// instead removes the key, and sends the command. No pod comes in between.
func (s stranger) instead(key string, args ...any) {
	s.t.Helper()
	_, err := s.admin.TxPipelined(context.Background(), func(pipe redis.Pipeliner) error {
		pipe.Del(context.Background(), key)
		return pipe.Do(context.Background(), args...).Err()
	})
	require.NoError(s.t, err)
}

// cell stores what may be a cell.
func (s stranger) cell(pod, value string) { s.t.Helper(); s.do("HSET", room+"cells", pod, value) }

// cellOf stores a cell that is as old.
func (s stranger) cellOf(pod, cell string, age time.Duration) {
	s.t.Helper()
	s.cell(pod, fmt.Sprintf("%d:%s", s.now().Add(-age).UnixMilli(), cell))
}

func (s stranger) now() time.Time {
	s.t.Helper()
	now, err := s.admin.Time(context.Background()).Result()
	require.NoError(s.t, err)
	return now
}

// flood stores so many cells that look right.
func (s stranger) flood(pods int) {
	s.t.Helper()
	pipe := s.admin.Pipeline()
	now := s.now().UnixMilli()
	for i := range pods {
		pipe.HSet(context.Background(), room+"cells", fmt.Sprint("a:b\n", i), fmt.Sprint(now, ":", failingCell))
		if pipe.Len() == 10_000 || i == pods-1 {
			_, err := pipe.Exec(context.Background())
			require.NoError(s.t, err)
		}
	}
}

const megabytes = 1 << 20

// hostility is what a stranger does.
type hostility struct {
	name    string
	counted bool // in Stats.Refused
	do      func(s stranger)
}

var hostile = []hostility{
	{"another version", true, func(s stranger) { s.cellOf("x", "\x02"+failingCell[1:], 0) }},
	{"NaN", true, func(s stranger) { s.cellOf("x", "NaN", 0) }},
	{"half a cell", true, func(s stranger) { s.cellOf("x", failingCell[:3], 0) }},
	{"no cell", true, func(s stranger) { s.cellOf("x", "", 0) }},
	{"nothing", true, func(s stranger) { s.cell("x", "") }},
	{"no time", true, func(s stranger) { s.cell("x", failingCell) }},
	{"a time that is NaN", true, func(s stranger) { s.cell("x", "nan:"+failingCell) }},
	{"a time that is infinite", true, func(s stranger) { s.cell("x", "inf:"+failingCell) }},
	{"a time before all times", false, func(s stranger) { s.cell("x", "-1e300:"+failingCell) }},
	{"a time of many digits", true, func(s stranger) { s.cell("x", strings.Repeat("9", 400)+":"+failingCell) }},
	{"a negative age", true, func(s stranger) { s.cellOf("x", failingCell, -time.Hour) }},
	{"an age of years", false, func(s stranger) { s.cellOf("x", failingCell, 100_000*time.Hour) }},
	{"more than all calls", true, func(s stranger) { s.cellOf("x", "\x01\x01\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 0) }},
	{"a cell that is too long", true, func(s stranger) { s.cellOf("x", failingCell+strings.Repeat("x", 252), 0) }},
	{"a cell of 10 MB", true, func(s stranger) { s.cellOf("x", strings.Repeat("x", 10*megabytes), 0) }},
	{"a pod's name of 10 MB", true, func(s stranger) { s.cellOf(strings.Repeat("x", 10*megabytes), failingCell, 0) }},
	{"pods that say that all fails", false, func(s stranger) {
		for _, pod := range []string{"", ":", "a:b", "a\nb", "a\r\nb", "a\x00b", "{x}", "*", "\xff"} {
			s.cellOf(pod, failingCell, 0)
		}
	}},
	{"12,000 pods", true, func(s stranger) { s.flood(12_000) }},
	{"a digest that is NaN", true, func(s stranger) { s.do("HSET", room+"digest", "body", "NaN") }},
	{"a digest of another version", true, func(s stranger) { s.do("HSET", room+"digest", "body", "\x02\x09\x09\x09\x00\x00") }},
	{"a digest of 10 MB", true, func(s stranger) { s.do("HSET", room+"digest", "body", strings.Repeat("x", 10*megabytes)) }},
	{"a digest made by NaN", true, func(s stranger) { s.do("HSET", room+"digest", "made", "nan") }},
	{"a digest of the future", true, func(s stranger) { s.do("HSET", room+"digest", "made", s.now().Add(time.Hour).UnixMilli()) }},
	{"a digest of 10 MB of time", true, func(s stranger) { s.do("HSET", room+"digest", "made", strings.Repeat("9", 10*megabytes)) }},
	{"a digest that is always asked for", false, func(s stranger) { s.do("HSET", room+"digest", "asked", "inf") }},
	{"a digest that is asked for at no time", false, func(s stranger) { s.do("HSET", room+"digest", "asked", "nan") }},
	{"the clock is set back", true, func(s stranger) { // as the keys look then
		at := s.now().Add(time.Hour).UnixMilli()
		s.do("HSET", room+"digest", "made", at, "asked", at)
		for _, pod := range s.admin.HKeys(context.Background(), room+"cells").Val() {
			s.cellOf(pod, failingCell, -time.Hour)
		}
		s.do("HSET", room+"lease", "holder", "x", "since", at, "until", at+3000, "epoch", at, "told", at, "good", 1, "at", at)
	}},
	{"a holder of 10 MB", true, func(s stranger) { s.do("HSET", room+"lease", "holder", strings.Repeat("x", 10*megabytes)) }},
	{"a lease that is NaN", false, func(s stranger) {
		s.do("HSET", room+"lease", "holder", "x", "since", "nan", "until", "nan", "epoch", "nan", "told", "nan", "at", "nan")
	}},
	{"a lease for ever", false, func(s stranger) {
		s.do("HSET", room+"lease", "holder", "x", "since", 0, "until", "inf", "epoch", "9007199254740991", "told", "inf", "good", 1, "at", "-inf")
	}},
	{"cells are a text", true, func(s stranger) { s.do("SET", room+"cells", "x") }},
	{"the digest is a list", true, func(s stranger) { s.instead(room+"digest", "LPUSH", room+"digest", "x") }},
	{"the lease is a set", true, func(s stranger) { s.instead(room+"lease", "SADD", room+"lease", "x") }},
}

// Whatever a stranger writes: no breaker opens, nobody goes by themselves for it, and it is
// counted.
func TestHostileCells(t *testing.T) {
	t.Parallel()
	half := (len(hostile) + 1) / 2
	for name, these := range map[string][]hostility{"cells": hostile[:half], "other keys": hostile[half:]} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			s := newShop(t, p.client(nil))
			s.together(shopPods)
			s.well(func() {
				for _, h := range these {
					h.isRefused(s, stranger{t, p.admin})
				}
			})
			require.Zero(t, s.advised())
			s.together(shopPods)
			s.works()
			require.Less(t, s.refused(), uint64(1)<<32, "more is counted than was there")
			memory, err := p.admin.MemoryUsage(t.Context(), room+"cells").Result()
			require.NoError(t, err)
			require.Less(t, memory, int64(megabytes), "what was refused is still there")
		})
	}
}

// isRefused checks that the pods go on, and count what they are to. A pod may write over it before
// another reads it, and whoever reads it may get the answer too late. So it is done again until
// somebody counts it, after another pod's tick each time: always at one moment of a tick, it might
// always be written over.
func (h *hostility) isRefused(s *shop, by stranger) {
	s.t.Helper()
	was, until := s.refused(), time.Now().Add(patience)
	h.do(by)
	for s.ticks(1); h.counted && s.refused() == was; s.tick() {
		require.True(s.t, time.Now().Before(until), "%s: nobody counts it", h.name)
		h.do(by)
	}
}

// A million pods.
func TestAMillionPods(t *testing.T) {
	if !suite.Nightly() {
		t.Skip("it takes a while; HOLDFAST_NIGHTLY=1 runs it")
	}
	p := newPlace(t)
	s := newShop(t, p.client(nil))
	s.together(shopPods)
	s.well(func() {
		stranger{t, p.admin}.flood(1_000_000)
		s.together(shopPods)
	})
	require.Positive(t, s.refused())
	s.works()
}

// A stranger who holds the lease, again and again, keeps nobody from closing for longer than a
// minute. That is the worst that one can do.
func TestAStrangerHoldsTheLease(t *testing.T) {
	if !suite.Nightly() {
		t.Skip("it takes more than a minute; HOLDFAST_NIGHTLY=1 runs it")
	}
	t.Parallel()
	p := newPlace(t)
	s := newShop(t, p.client(nil))
	s.together(shopPods)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ticker := time.NewTicker(50 * time.Millisecond); ; {
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
			now := time.Now().UnixMilli()
			_ = p.admin.HSet(context.Background(), room+"lease", "holder", "x", "since", now-1000, "until", now+3000, "epoch", now).Err()
		}
	}()
	defer func() { close(stop); <-done }()
	s.down.Store(true)
	s.until("all are open", func(p *insidePod) bool { return p.open() })
	s.down.Store(false)
	require.Eventually(t, func() bool {
		for _, p := range s.pods {
			if p.open() {
				return false
			}
		}
		return true
	}, 2*time.Minute, 100*time.Millisecond)
}
