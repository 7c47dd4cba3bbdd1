package cache

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// slowly returns a cache of two keys whose Build takes a second, and then calls a function of the
// test.
func slowly(then func(key int) (*value, error)) (c *Cache[int, value], builds *atomic.Int32) {
	builds = new(atomic.Int32)
	c = newCacheOf(2, -1, func(key int) (*value, error) {
		builds.Add(1)
		<-time.After(time.Second)
		return then(key)
	})
	return c, builds
}

type result struct {
	value *value
	err   error
}

// getAtOnce has a hundred goroutines Get a key at the same moment.
func getAtOnce(c *Cache[int, value], key int) []result {
	got := make([]result, 100)
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() { got[i].value, got[i].err = c.Get(key) })
	}
	all.Wait()
	return got
}

func TestAHundredFirstGetsBuildOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failure := errors.New("no")
		var fails bool
		c, builds := slowly(func(key int) (*value, error) {
			if fails {
				return nil, failure
			}
			return &value{key: key}, nil
		})
		began := time.Now()
		got := getAtOnce(c, 7)
		require.Equal(t, time.Second, time.Since(began))
		require.EqualValues(t, 1, builds.Load())
		for _, r := range got {
			require.Equal(t, result{got[0].value, nil}, r)
		}
		require.Same(t, got[0].value, get(t, c, 7))

		fails = true
		for _, r := range getAtOnce(c, 8) {
			require.Equal(t, result{nil, failure}, r)
		}
		require.EqualValues(t, 2, builds.Load(), "a failure is the answer for those who waited")
		_, found := c.Peek(8)
		require.False(t, found)
		for range c.All() {
			_, found = c.Peek(8)
			require.False(t, found)
		}

		fails = false
		require.Equal(t, 8, get(t, c, 8).key, "the next Get builds again")
		require.EqualValues(t, 3, builds.Load())
	})
}

// One slow Build delays no other key, no reader and no flood.
func TestASlowBuildDelaysNoOtherKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := slowly(func(key int) (*value, error) { return &value{key: key}, nil })
		c.config.Capacity = 3
		go func() { _, _ = c.Get(1) }()
		synctest.Wait()
		began := time.Now()
		_, found := c.Peek(1)
		require.False(t, found)
		require.Equal(t, 1, c.Len())
		require.Zero(t, time.Since(began))
		get(t, c, 2)
		require.Equal(t, time.Second, time.Since(began))
	})
}

// Build that panics, ends its goroutine or returns nothing leaves nobody waiting, and is not final.
func TestABuildWithoutAValue(t *testing.T) {
	for name, fail := range map[string]func() (*value, error){
		"panics":          func() (*value, error) { panic("no") },
		"ends":            func() (*value, error) { runtime.Goexit(); return nil, nil },
		"returns nothing": func() (*value, error) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fails := true
				c, builds := slowly(func(key int) (*value, error) {
					if fails {
						return fail()
					}
					return &value{key: key}, nil
				})
				panicked := make(chan any, 1)
				go func() {
					defer func() { panicked <- recover() }()
					_, _ = c.Get(1)
				}()
				synctest.Wait()
				_, err := c.Get(1)
				require.ErrorIs(t, err, ErrNotBuilt)
				require.EqualValues(t, 1, builds.Load())
				if name == "panics" {
					require.Equal(t, "no", <-panicked, "who built gets the panic itself")
				} else {
					require.Nil(t, <-panicked)
				}
				fails = false
				require.Equal(t, 1, get(t, c, 1).key)
				require.EqualValues(t, 2, builds.Load())
			})
		})
	}
}

// A Build may call Get for other keys, even if that evicts the entry of its own.
func TestABuildMayGetOtherKeys(t *testing.T) {
	for _, capacity := range []int{1, 2} {
		var c *Cache[int, value]
		c = newCacheOf(capacity, -1, func(key int) (*value, error) {
			if key > 0 {
				if _, err := c.Get(key - 1); err != nil {
					return nil, err
				}
			}
			return &value{key: key}, nil
		})
		require.Equal(t, 1, get(t, c, 1).key)
		require.Equal(t, capacity, c.Len())
		_, found := c.Peek(1)
		require.Equal(t, capacity == 2, found, "capacity %d", capacity)
		_, found = c.Peek(0)
		require.True(t, found)
		require.Equal(t, 1, get(t, c, 1).key)
	}
}
