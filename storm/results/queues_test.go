package results_test

import (
	"context"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/storm"
)

// timed is a Doer that makes each call once and notes when it began and how long it took.
type timed struct {
	mu    sync.Mutex
	start time.Time
	calls []timedCall
}

type timedCall struct{ began, took time.Duration }

func (d *timed) Do(ctx context.Context, op resilience.Func) error {
	began := time.Now()
	err := op(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, timedCall{began: began.Sub(d.start), took: time.Since(began)})
	return err
}

// play runs the scenario with a timed client, and returns its calls.
func play(t *testing.T, s storm.Scenario) []timedCall {
	t.Helper()
	var d *timed
	report := storm.Run(t, s, func() storm.Doer {
		d = &timed{start: time.Now()}
		return d
	})
	require.Len(t, d.calls, report.Total.Calls)
	require.Equal(t, report.Total.Calls, report.Total.Good)
	return d.calls
}

// queue is a server with Poisson arrivals whose mean wait has a closed form.
type queue struct {
	name    string
	workers int
	service storm.Distribution
	mean    time.Duration // of service
	squared float64       // the squared coefficient of variation of service
	load    float64       // of each worker
}

// wait is how long a call waits on average. With one worker it is Pollaczek's and Khinchine's,
// ρ/(1-ρ) · (1+c²)/2 of a service; with more it is Erlang's, C(c, a)/(c·(1-ρ)) of a service, for
// exponential ones.
func (q queue) wait() time.Duration {
	if q.workers == 1 {
		return time.Duration(q.load / (1 - q.load) * (1 + q.squared) / 2 * float64(q.mean))
	}
	return time.Duration(erlangC(q.workers, q.load*float64(q.workers)) / (float64(q.workers) * (1 - q.load)) * float64(q.mean))
}

// erlangC is the chance that a call finds all workers busy, if offered of them are on average.
func erlangC(workers int, offered float64) float64 {
	blocked := 1.0 // Erlang's B, by its recursion
	for n := 1; n <= workers; n++ {
		blocked = offered * blocked / (float64(n) + offered*blocked)
	}
	load := offered / float64(workers)
	return blocked / (1 - load + load*blocked)
}

const service = 10 * time.Millisecond

// rare is a service of 5 ms, or, one time in ten, of 55 ms: a mean of 10 ms, a squared coefficient
// of variation of 2.25.
var rare = storm.TwoPoint{Usual: 5 * time.Millisecond, Rare: 55 * time.Millisecond, Share: 0.1}

// tail is a lognormal service whose logarithm has a standard deviation of 1: a mean of 10 ms, a
// squared coefficient of variation of e-1.
var tail = storm.LogNormal{
	Median: time.Duration(float64(service) * math.Exp(-0.5)),
	P99:    time.Duration(float64(service) * math.Exp(-0.5+2.3263478740408408)),
}

var queues = []queue{
	{"M/M/1", 1, storm.Exponential(service), service, 1, 0.5},
	{"M/M/1", 1, storm.Exponential(service), service, 1, 0.8},
	{"M/M/2", 2, storm.Exponential(service), service, 1, 0.7},
	{"M/M/4", 4, storm.Exponential(service), service, 1, 0.8},
	{"M/D/1", 1, storm.Fixed(service), service, 0, 0.7},
	{"M/G/1, two points", 1, rare, service, 2.25, 0.7},
	{"M/G/1, lognormal", 1, tail, service, math.E - 1, 0.5},
}

// Source: A. K. Erlang, "Solution of some problems in the theory of probabilities of significance
// in automatic telephone exchanges" (1917), for M/M/c; F. Pollaczek (1930) and A. Khinchine (1932)
// for M/G/1; all in L. Kleinrock, "Queueing Systems", vol. 1 (1975). Trials: 40,000 calls a row and
// seed, in 20 batches that follow each other, after 5 s of warming up. Band: 3 standard errors of
// the mean over the batches, which has to be known to 10 %. What a call waited is how long it took
// without the mean service, as it is in the mean.
func TestWaitingTimes(t *testing.T) {
	const warm, batches = 5 * time.Second, 20
	t.Log("queue                 ρ   mean wait     found    ±SE")
	for row, q := range raced(queues, 0) {
		rate := q.load * float64(q.workers) / q.mean.Seconds()
		length := time.Duration(40_000 / rate * float64(time.Second))
		var waits estimate
		for seed := range seedsOf(t, 1) {
			calls := play(t, storm.Scenario{
				Name: q.name, Seed: uint64(100*row + seed), Load: storm.Poisson(rate), For: warm + length,
				Server: storm.Server{Workers: q.workers, Service: q.service},
			})
			var means [batches]estimate
			for _, c := range calls {
				if c.began >= warm {
					means[min(batches-1, int((c.began-warm)*batches/length))].add((c.took - q.mean).Seconds())
				}
			}
			for i := range means {
				waits.add(means[i].mean())
			}
		}
		want := q.wait().Seconds()
		t.Logf("%-17s %4.2f  %7.3f ms  %6.3f ms  %5.3f", q.name, q.load, 1000*want, 1000*waits.mean(), 1000*waits.stdErr())
		require.InDelta(t, want, waits.mean(), 3*waits.stdErr(), "%s at %v", q.name, q.load)
		require.Less(t, waits.stdErr()/want, 0.1, "%s at %v", q.name, q.load)
	}
}
