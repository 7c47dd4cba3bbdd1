package fleet_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience/breaker"
)

// pods is how many processes a fleet has here.
const pods = 20

// backend is what all pods call. It remembers who does, and when.
type backend struct {
	url  string
	down atomic.Bool

	mu    sync.Mutex
	came  []request
	taken time.Time // when take was called last
}

// request is one that came to the backend.
type request struct {
	at       time.Time // when the pod sent it: this process may receive it late
	pod      string
	pipeline string // inFleet or alone
}

func newBackend(t *testing.T) *backend {
	t.Helper()
	b := &backend{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, err := strconv.ParseInt(r.Header.Get("Sent"), 10, 64)
		assert.NoError(t, err)
		b.mu.Lock()
		b.came = append(b.came, request{time.Unix(0, sent), r.Header.Get("Pod"), r.Header.Get("Pipeline")})
		b.mu.Unlock()
		if b.down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(s.Close)
	b.url = s.URL
	return b
}

// take returns the requests of either pipeline that were sent since the last take, in that order.
// It drops those that were sent before and received since: a busy machine delays them.
func (b *backend) take() (came [2][]request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.came = slices.DeleteFunc(b.came, func(r request) bool { return r.at.Before(b.taken) })
	b.taken = time.Now()
	slices.SortStableFunc(b.came, func(a, b request) int { return a.at.Compare(b.at) })
	for _, r := range b.came {
		which, _ := strconv.Atoi(r.pipeline)
		came[which] = append(came[which], r)
	}
	b.came = nil
	return came
}

// podProcess is a pod, as the test sees it.
type podProcess struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
	stall   time.Duration // the longest that it said since the test forgot
}

func startPod(t *testing.T, name, redisAddr, backend, stages string) *podProcess {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	p := &podProcess{command: exec.Command(self, "-test.run=^$")} //nolint:noctx // its input ends it
	p.command.Env = append(os.Environ(), podRedis+"="+redisAddr, podBackend+"="+backend, podName+"="+name, podStages+"="+stages)
	p.command.Stderr = os.Stderr
	p.in, err = p.command.StdinPipe()
	require.NoError(t, err)
	out, err := p.command.StdoutPipe()
	require.NoError(t, err)
	p.out = bufio.NewScanner(out)
	require.NoError(t, p.command.Start())
	t.Cleanup(func() {
		_ = p.in.Close()
		_ = p.command.Wait()
	})
	return p
}

// ask returns what the pod says.
func (p *podProcess) ask(t *testing.T) (s said) {
	t.Helper()
	_, err := io.WriteString(p.in, "\n")
	require.NoError(t, err)
	require.True(t, p.out.Scan(), "the pod has died")
	require.NoError(t, json.Unmarshal(p.out.Bytes(), &s), p.out.Text())
	require.Empty(t, s.NamesRedis, "a call's error names Redis")
	p.stall = max(p.stall, s.Stall)
	return s
}

// processes is a fleet of processes.
type processes struct {
	t       *testing.T
	backend *backend
	pods    []*podProcess
}

// newProcesses starts a pod for each address of a store.
func newProcesses(t *testing.T, stages string, stores ...string) *processes {
	t.Helper()
	w := &processes{t: t, backend: newBackend(t)}
	for i, store := range stores {
		w.pods = append(w.pods, startPod(t, strconv.Itoa(i), store, w.backend.url, stages))
	}
	t.Cleanup(func() { // all at once: one that is watched for races takes a second
		for _, p := range w.pods {
			_ = p.in.Close()
		}
	})
	return w
}

// times returns n times the same address.
func times(n int, addr string) (all []string) {
	for range n {
		all = append(all, addr)
	}
	return all
}

// tally is what pods said, from one moment to another.
type tally struct {
	good, all [2]float64
	late      map[string]bool // pods that did not keep time: they got no processor, or no answer
	busy      time.Duration   // the longest that one got none
}

// tooLate is for how long a process may not run, or wait for Redis in a tick, and still keep to a
// fleet's times: a pod holds its breaker again at each tick.
const tooLate = 100 * time.Millisecond

// during returns what the pods say of the time in which do runs.
func (w *processes) during(do func()) tally {
	w.t.Helper()
	before := w.ask()
	for _, p := range w.pods {
		p.stall = 0
	}
	do()
	c := tally{late: map[string]bool{}}
	for i, s := range w.ask() {
		for which := range c.good {
			good, bad := s.Good[which]-before[i].Good[which], s.Bad[which]-before[i].Bad[which]
			c.good[which] += float64(good)
			c.all[which] += float64(good + bad)
		}
		c.busy = max(c.busy, w.pods[i].stall)
		if w.pods[i].stall > tooLate || s.Misses != before[i].Misses {
			c.late[strconv.Itoa(i)] = true
		}
	}
	return c
}

// goodput returns which part of the calls succeeded.
func (c tally) goodput(which int) float64 { return c.good[which] / c.all[which] }

// likeAlone requires that the fleet's goodput is within a point of that without a fleet.
func (c tally) likeAlone(t *testing.T, why string) {
	t.Helper()
	t.Logf("%s: goodput %.3f in the fleet, %.3f without one, of %.0f calls; a pod could not go on for %v", why,
		c.goodput(inFleet), c.goodput(alone), c.all[inFleet], c.busy.Round(time.Millisecond))
	require.InDelta(t, c.goodput(alone), c.goodput(inFleet), 0.01, why)
}

// ask returns what all pods say.
func (w *processes) ask() (all []said) {
	w.t.Helper()
	for _, p := range w.pods {
		all = append(all, p.ask(w.t))
	}
	return all
}

// until waits until what each of these pods says is so, and returns how long that took.
func (w *processes) until(what string, these []*podProcess, is func(said) bool) time.Duration {
	w.t.Helper()
	began := time.Now()
	for ticker := time.NewTicker(100 * time.Millisecond); ; <-ticker.C {
		all := true
		for _, p := range these {
			all = is(p.ask(w.t)) && all // each is to answer
		}
		if all {
			return time.Since(began)
		}
		require.Less(w.t, time.Since(began), patience, what)
	}
}

// pass lets time pass: there is nothing to wait for, since nothing is to happen.
func pass(d time.Duration) { <-time.After(d) }

func together(n int) func(said) bool {
	return func(s said) bool { return !s.Apart && s.Pods == uint64(n) }
}
func apart(s said) bool { return s.Apart }

func is(states ...breaker.State) func(said) bool {
	return func(s said) bool {
		for _, one := range s.State {
			found := false
			for _, state := range states {
				found = found || one == state.String()
			}
			if !found {
				return false
			}
		}
		return true
	}
}

var (
	closed = is(breaker.StateClosed)
	open   = is(breaker.StateOpen, breaker.StateHalfOpen)
)
