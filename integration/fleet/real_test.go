package fleet_test

import (
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/integration/faultproxy"
	"github.com/media-gateway/holdfast/internal/suite"
)

// Twenty processes and a dependency that dies and comes back: one pod probes for all.
func TestADependencyDies(t *testing.T) {
	t.Parallel()
	redis := newServer(t)
	w := newProcesses(t, "", times(pods, redis.addr)...)
	t.Logf("all pods have heard of each other after %v", w.until("all are together", w.pods, together(pods)).Round(time.Millisecond))
	w.during(func() { pass(2 * time.Second) }).likeAlone(t, "nothing happens")

	w.backend.take()
	w.backend.down.Store(true)
	took := w.until("all breakers open", w.pods, open)
	calls := w.backend.take()
	t.Logf("all open after %v and %d calls, without a fleet %d", took.Round(time.Millisecond), len(calls[inFleet]), len(calls[alone]))

	outage := 8 * time.Second
	if suite.Nightly() {
		outage *= 3
	}
	var probes [2][]request
	counted := w.during(func() {
		pass(outage)
		probes = w.backend.take()
	})
	w.checkProbes(w.pods, probes, counted)

	w.backend.down.Store(false)
	t.Logf("all closed after %v", w.until("all breakers close", w.pods, closed).Round(time.Millisecond))
	w.during(func() { pass(2 * time.Second) }).likeAlone(t, "the dependency is back")
}

// The same with the stages that users have. Their breakers ask again soon where failures are quick,
// and a fleet lets them, for the first seconds of an outage.
func TestADependencyOfPresetsDies(t *testing.T) {
	t.Parallel()
	if !suite.Nightly() {
		t.Skip("it takes a while; HOLDFAST_NIGHTLY=1 runs it")
	}
	for _, stages := range []string{"standard", "critical"} {
		t.Run(stages, func(t *testing.T) {
			w := newProcesses(t, stages, times(pods, newServer(t).addr)...)
			w.until("all are together", w.pods, together(pods))
			w.during(func() { pass(2 * time.Second) }).likeAlone(t, "nothing happens")
			counted := w.during(func() {
				w.backend.down.Store(true)
				w.until("all breakers open", w.pods, open)
				pass(8 * time.Second)
				w.backend.take()
				pass(10 * time.Second)
				probes := w.backend.take()
				t.Logf("%d probes in 10s, without a fleet %d", len(probes[inFleet]), len(probes[alone]))
				require.NotEmpty(t, probes[inFleet])
				require.Less(t, 4*len(probes[inFleet]), len(probes[alone]))
				w.backend.down.Store(false)
				t.Logf("all closed after %v", w.until("all breakers close", w.pods, closed).Round(time.Millisecond))
				pass(2 * time.Second)
			})
			t.Logf("goodput in an outage %.3f, without a fleet %.3f", counted.goodput(inFleet), counted.goodput(alone))
			require.Greater(t, counted.goodput(inFleet), counted.goodput(alone)-0.03)
			w.during(func() { pass(2 * time.Second) }).likeAlone(t, "after the outage")
		})
	}
}

// betweenRounds is the least time between the probes of two pods: the lease rests for a second
// after a round that failed.
const betweenRounds = 800 * time.Millisecond

// checkProbes checks that one pod's probes come in each round, of those pods that are a fleet. A
// pod that got no processor may not know that another probes: nothing is asked of those that did
// not keep time.
func (w *processes) checkProbes(fleet []*podProcess, probes [2][]request, counted tally) {
	w.t.Helper()
	of := [2][]request{w.of(fleet, probes[inFleet]), w.of(fleet, probes[alone])}
	var probers []string
	for i, r := range of[inFleet] {
		probers = append(probers, r.pod)
		if i == 0 || r.pod == of[inFleet][i-1].pod || counted.late[r.pod] || counted.late[of[inFleet][i-1].pod] {
			continue
		}
		require.Greater(w.t, r.at.Sub(of[inFleet][i-1].at), betweenRounds, "pods %s and %s probe at once; of those that kept time one could not go on for %v", of[inFleet][i-1].pod, r.pod, counted.busy)
	}
	late := 0
	for i, p := range w.pods {
		if counted.late[strconv.Itoa(i)] && slices.Contains(fleet, p) {
			late++
		}
	}
	w.t.Logf("%d probes of the pods %v, without a fleet %d; %d pods did not keep time", len(probers), probers, len(of[alone]), late)
	require.NotEmpty(w.t, probers)
	if late == 0 {
		require.Less(w.t, 2*len(probers), len(of[alone]), "a fleet spares the dependency the probes")
	}
}

// Redis is killed, paused, flushed, and cut off from half of the pods by a proxy: no call notices,
// and breakers go on as without a fleet.
func TestRedisDies(t *testing.T) {
	t.Parallel()
	redis := newServer(t)
	proxy := faultproxy.New(t, redis.addr)
	w := newProcesses(t, "", append(times(pods/2, redis.addr), times(pods/2, proxy.Addr())...)...)
	w.until("all are together", w.pods, together(pods))
	signal := func(s syscall.Signal) func() {
		return func() { require.NoError(t, redis.command.Process.Signal(s)) }
	}
	for _, fault := range []struct {
		name       string
		begin, end func()
		fleet      []*podProcess // those that it does not hit
		hit        []*podProcess
		nightly    bool // TestFaults has it too, with other pods
	}{
		{name: "kill -9", hit: w.pods, begin: redis.kill, end: func() { redis.restart(t) }},
		{name: "half of the pods are cut off", fleet: w.pods[:pods/2], hit: w.pods[pods/2:], begin: proxy.Down, end: proxy.Up},
		{name: "SIGSTOP", hit: w.pods, nightly: true, begin: signal(syscall.SIGSTOP), end: signal(syscall.SIGCONT)},
		{name: "FLUSHALL", fleet: w.pods, nightly: true, begin: func() { require.NoError(t, redis.admin(t).FlushAll(t.Context()).Err()) }, end: func() {}},
	} {
		if fault.nightly && !suite.Nightly() {
			continue
		}
		fault.begin()
		t.Logf("%s: %d pods go by themselves after %v", fault.name, len(fault.hit), w.until("they are apart", fault.hit, apart).Round(time.Millisecond))
		w.until("the others stay a fleet", fault.fleet, together(len(fault.fleet)))
		w.during(func() { pass(time.Second) }).likeAlone(t, fault.name)
		w.outage(fault.name, fault.hit, fault.fleet)
		fault.end()
		t.Logf("%s: all together again after %v", fault.name, w.until("all are together", w.pods, together(pods)).Round(time.Millisecond))
		w.until("one line for each trouble", w.pods, func(s said) bool { return s.Warnings == s.Troubles })
	}
}

// outage takes the dependency down and up again, while some pods go by themselves and others are a
// fleet.
func (w *processes) outage(name string, byThemselves, fleet []*podProcess) {
	w.t.Helper()
	advised := w.advised(byThemselves)
	var probes [2][]request
	counted := w.during(func() {
		w.backend.down.Store(true)
		w.until("all breakers open", w.pods, open)
		w.backend.take()
		pass(3 * time.Second)
		probes = w.backend.take()
		w.backend.down.Store(false)
		w.until("all breakers close", w.pods, closed)
		pass(time.Second)
	})
	require.Equal(w.t, advised, w.advised(byThemselves), "%s: a pod that goes by itself opens on the fleet's advice", name)
	if len(fleet) > 0 {
		w.checkProbes(fleet, probes, counted)
		return
	}
	// The pauses of a breaker are spread by a quarter at random, so these are equal on average
	// only.
	w.t.Logf("%s and an outage: goodput %.3f in the fleet, %.3f without one", name, counted.goodput(inFleet), counted.goodput(alone))
	require.InDelta(w.t, counted.goodput(alone), counted.goodput(inFleet), 0.05, name)
}

// of returns those requests that are of these pods.
func (w *processes) of(these []*podProcess, requests []request) (of []request) {
	for _, r := range requests {
		i, err := strconv.Atoi(r.pod)
		require.NoError(w.t, err)
		if slices.Contains(these, w.pods[i]) {
			of = append(of, r)
		}
	}
	return of
}

// advised returns how many breakers opened on the fleet's advice, of each pod.
func (w *processes) advised(these []*podProcess) (all []uint64) {
	w.t.Helper()
	for _, p := range these {
		all = append(all, p.ask(w.t).Advised)
	}
	return all
}
