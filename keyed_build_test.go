package holdfast_test

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// slowStage takes a second to build, and counts its builds.
type slowStage struct {
	builds       *atomic.Int32
	fails, quick *atomic.Bool
}

func newSlowStage() slowStage {
	return slowStage{new(atomic.Int32), new(atomic.Bool), new(atomic.Bool)}
}

func (s slowStage) Build() (resilience.Policy, error) {
	s.builds.Add(1)
	if !s.quick.Load() {
		time.Sleep(time.Second)
	}
	if s.fails.Load() {
		return nil, errors.New("no")
	}
	return &keyedDoor{}, nil
}

// getAtOnce lets a hundred goroutines Get a key at one moment. It returns what they got, and how
// long that took.
func getAtOnce(k *holdfast.Keyed[string], key string) (got []*holdfast.Pipeline, took time.Duration) {
	got = make([]*holdfast.Pipeline, 100)
	began := time.Now()
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() { got[i] = k.Get(key) })
	}
	all.Wait()
	return got, time.Since(began)
}

// If a hundred callers ask for a new key at once, it is built once, and all get the same pipeline.
// If it cannot be built, all get the overflow.
func TestAHundredFirstGetsBuildOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := newSlowStage()
		hosts := newKeyed[string](t, holdfast.KeyedConfig{}, slow, plain(1))
		slow.builds.Store(0) // those of the total and the overflow

		got, took := getAtOnce(hosts, "a")
		require.EqualValues(t, 1, slow.builds.Load())
		require.Equal(t, time.Second, took)
		for _, p := range got {
			require.Same(t, got[0], p)
		}
		require.Equal(t, "hosts[a]", got[0].Name())
		require.Zero(t, hosts.Stats().Unbuilt)

		slow.fails.Store(true)
		got, took = getAtOnce(hosts, "b")
		require.EqualValues(t, 2, slow.builds.Load(), "what failed is not tried by each of them")
		require.Equal(t, time.Second, took)
		for _, p := range got {
			require.Same(t, hosts.Overflow(), p)
		}
		require.EqualValues(t, 100, hosts.Stats().Unbuilt)

		slow.fails.Store(false)
		require.Equal(t, "hosts[b]", hosts.Get("b").Name(), "the next Get tries again")
		require.EqualValues(t, 3, slow.builds.Load())

		require.NoError(t, hosts.Update(slow, plain(2)))
		slow.quick.Store(true) // a bubble's time stands still while others wait for a mutex, as they do here
		slow.builds.Store(0)
		got, _ = getAtOnce(hosts, "a")
		require.EqualValues(t, 1, slow.builds.Load(), "an Update is followed once")
		require.Contains(t, got[99].String(), "retry 2×")
	})
}

// One key's slow Build does not block other keys, nor Peek and Len.
func TestASlowBuildKeepsNoOtherKeyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := newSlowStage()
		hosts := newKeyed[string](t, holdfast.KeyedConfig{}, slow, plain(1))
		go hosts.Get("a")
		synctest.Wait()
		began := time.Now()
		_, found := hosts.Peek("a")
		require.False(t, found)
		require.Equal(t, 1, hosts.Len())
		require.Zero(t, time.Since(began))
		hosts.Get("b")
		require.Equal(t, time.Second, time.Since(began))
	})
}

// If a Label panics or ends its goroutine while others wait, the others do not wait for ever: they
// get the overflow, and the next Get builds.
func TestALabelThatPanicsLeavesNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ends func()
		hosts := newKeyed[string](t, holdfast.KeyedConfig{Label: func(key any) string {
			time.Sleep(time.Second)
			if ends != nil {
				ends()
			}
			return key.(string)
		}}, plain(1))
		for _, ends = range []func(){func() { panic("no") }, runtime.Goexit} {
			go func() {
				defer func() { _ = recover() }()
				hosts.Get("a")
			}()
			synctest.Wait()
			require.Same(t, hosts.Overflow(), hosts.Get("a"))
		}
		ends = nil
		require.Equal(t, "hosts[a]", hosts.Get("a").Name())
		require.EqualValues(t, 2, hosts.Stats().Unbuilt)
	})
}
