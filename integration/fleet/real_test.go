package fleet_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience/breaker"
)

// pods is how many processes a fleet has here.
const pods = 20

// server is a Redis of the test's own, which it may kill.
type server struct {
	addr    string
	port    string
	command *exec.Cmd
}

// newServer starts a Redis on a free port.
func newServer(t *testing.T, more ...string) *server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		missing(t, "no redis-server: "+err.Error())
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &server{addr: listener.Addr().String()}
	_, s.port, err = net.SplitHostPort(s.addr)
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	s.start(t, more...)
	t.Cleanup(s.kill)
	return s
}

func (s *server) start(t *testing.T, more ...string) {
	t.Helper()
	s.command = exec.Command("redis-server", append([]string{ //nolint:noctx // it is killed
		"--bind", "127.0.0.1", "--port", s.port, "--save", "", "--appendonly", "no", "--dir", t.TempDir(),
	}, more...)...)
	require.NoError(t, s.command.Start())
	client := redis.NewClient(&redis.Options{Addr: s.addr})
	defer client.Close() //nolint:errcheck // nothing is lost
	require.Eventually(t, func() bool { return client.Ping(t.Context()).Err() == nil }, 30*time.Second, 50*time.Millisecond)
}

// kill ends the server as kill -9 does.
func (s *server) kill() {
	_ = s.command.Process.Kill()
	_ = s.command.Wait()
}

// backend is what all pods call. It counts who does.
type backend struct {
	url  string
	down atomic.Bool
	mu   sync.Mutex
	by   map[string]int
}

func newBackend(t *testing.T) *backend {
	t.Helper()
	b := &backend{by: map[string]int{}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		b.by[r.Header.Get("Pod")]++
		b.mu.Unlock()
		if b.down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(s.Close)
	b.url = s.URL
	return b
}

// take returns how many calls there were since the last take, by pod.
func (b *backend) take() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	by := b.by
	b.by = map[string]int{}
	return by
}

// processes is a fleet of processes.
type processes struct {
	t       *testing.T
	redis   *server
	backend *backend
	pods    []*podProcess
}

func newProcesses(t *testing.T, withFleet bool) *processes {
	t.Helper()
	w := &processes{t: t, redis: newServer(t), backend: newBackend(t)}
	addr := w.redis.addr
	if !withFleet {
		addr = "none"
	}
	for i := range pods {
		w.pods = append(w.pods, startPod(t, strconv.Itoa(i), addr, w.backend.url))
	}
	return w
}

// ask returns what all pods say, and checks that no call's error names Redis.
func (w *processes) ask() (all []said) {
	w.t.Helper()
	for _, p := range w.pods {
		s := p.ask(w.t)
		require.Empty(w.t, s.NamesRedis)
		all = append(all, s)
	}
	return all
}

// goodput returns which part of the calls succeeded, since the pods were last asked.
func (w *processes) goodput() float64 {
	w.t.Helper()
	good, total := int64(0), int64(0)
	for _, s := range w.ask() {
		good, total = good+s.Good, total+s.Good+s.Bad
	}
	return float64(good) / float64(total)
}

// until waits until what all pods say is so.
func (w *processes) until(what string, is func(said) bool) time.Duration {
	w.t.Helper()
	began := time.Now()
	require.Eventually(w.t, func() bool {
		for _, s := range w.ask() {
			if !is(s) {
				return false
			}
		}
		return true
	}, time.Minute, 200*time.Millisecond, what)
	return time.Since(began)
}

// pass lets time pass: there is nothing to wait for, since nothing is to happen.
func pass(d time.Duration) { <-time.After(d) }

func together(s said) bool {
	return !s.Stats.Apart && len(s.Stats.Services) == 1 && s.Stats.Services[0].Pods == pods
}
func closed(s said) bool { return s.State == breaker.StateClosed }
func open(s said) bool   { return s.State == breaker.StateOpen || s.State == breaker.StateHalfOpen }
func alone(s said) bool  { return s.Stats.Apart }

// Twenty processes and a dependency that dies and comes back.
func TestADependencyDies(t *testing.T) {
	w := newProcesses(t, true)
	t.Logf("all pods have heard of each other after %v", w.until("all are together", together).Round(time.Millisecond))
	w.goodput()
	pass(3 * time.Second)
	require.InDelta(t, 1.0, w.goodput(), 0)

	w.backend.take()
	w.backend.down.Store(true)
	took := w.until("all breakers open", open)
	pass(2 * time.Second) // the last may have been let in just now
	calls := 0
	for _, n := range w.backend.take() {
		calls += n
	}
	t.Logf("all open after %v and %d calls", took.Round(time.Millisecond), calls)

	probers, probes := map[string]int{}, 0
	for range 15 {
		pass(time.Second)
		came := w.backend.take()
		require.LessOrEqual(t, len(came), 2, "one pod probes in a round, and a round may end within the second: %v", came)
		for pod, n := range came {
			probers[pod] += n
			probes += n
		}
	}
	t.Logf("in 15s of outage %d probes of %d pods: %v", probes, len(probers), probers)
	require.Positive(t, probes)
	require.LessOrEqual(t, probes, 16, "at most one a second")

	w.backend.down.Store(false)
	t.Logf("all closed after %v", w.until("all breakers close", closed).Round(time.Millisecond))
	w.goodput()
	pass(3 * time.Second)
	require.InDelta(t, 1.0, w.goodput(), 0)
}

// Redis is killed, restarted, paused and flushed: no call notices, and breakers go on as without a
// fleet.
func TestRedisDies(t *testing.T) {
	w := newProcesses(t, true)
	w.until("all are together", together)
	client := redis.NewClient(&redis.Options{Addr: w.redis.addr})
	t.Cleanup(func() { _ = client.Close() })

	troubles := int64(0)
	trouble := func(name string, begin, end func(), told bool) {
		w.goodput()
		begin()
		if told {
			troubles++
			t.Logf("%s: all go by themselves after %v", name, w.until("all are alone", alone).Round(time.Millisecond))
		}
		pass(5 * time.Second)
		require.InDelta(t, 1.0, w.goodput(), 0, name)
		if told {
			w.backend.down.Store(true)
			w.until("all breakers open", open)
			w.backend.down.Store(false)
			t.Logf("%s: all closed %v after an outage", name, w.until("all breakers close", closed).Round(time.Millisecond))
		}
		end()
		t.Logf("%s: all together again after %v", name, w.until("all are together", together).Round(time.Millisecond))
		for i, s := range w.ask() {
			require.Equal(t, uint64(s.Warnings), s.Stats.Troubles, "one line for each trouble")
			require.GreaterOrEqual(t, s.Warnings, troubles)
			if s.Warnings > troubles { // a machine that is busy may miss three ticks
				t.Logf("%s: pod %d has gone by itself %d times until now; want %d", name, i, s.Warnings, troubles)
			}
		}
	}
	nothing := func() {}
	trouble("kill -9", w.redis.kill, func() { w.redis.start(t) }, true)
	trouble("SIGSTOP", func() { require.NoError(t, w.redis.command.Process.Signal(syscall.SIGSTOP)) },
		func() { require.NoError(t, w.redis.command.Process.Signal(syscall.SIGCONT)) }, true)
	trouble("FLUSHALL", func() {
		for range 20 {
			require.NoError(t, client.FlushAll(t.Context()).Err())
			pass(50 * time.Millisecond)
		}
	}, nothing, false)
	trouble("SCRIPT FLUSH", func() { require.NoError(t, client.ScriptFlush(t.Context()).Err()) }, nothing, false)
	trouble("full", func() { require.NoError(t, client.ConfigSet(t.Context(), "maxmemory", "1").Err()) },
		func() { require.NoError(t, client.ConfigSet(t.Context(), "maxmemory", "0").Err()) }, true)
	trouble("keys of another type", func() {
		require.NoError(t, client.Set(t.Context(), "holdfast:{shop/checkout}:digest", "NaN", 0).Err())
	}, func() { require.NoError(t, client.Del(t.Context(), "holdfast:{shop/checkout}:digest").Err()) }, true)
	trouble("a million pods", func() {
		pipe := client.Pipeline()
		for i := range 12_000 {
			pipe.HSet(t.Context(), "holdfast:{shop/checkout}:cells", fmt.Sprint("a:b\n", i), fmt.Sprintf("%d:\x01\x01\x00\x01\x00\x7f", time.Now().UnixMilli()))
		}
		_, err := pipe.Exec(t.Context())
		require.NoError(t, err)
	}, nothing, false)
}
