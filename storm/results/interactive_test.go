package results_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/storm"
)

// users is a closed load: so many callers think for a while, call, wait for the answer, and so on.
type users struct {
	name    string
	callers int
	think   storm.Distribution
	server  storm.Server
	closed  float64 // the throughput a second in closed form; 0 where there is none
}

// summed is a distribution that sums up what it draws.
type summed struct {
	storm.Distribution
	sum time.Duration
}

func (d *summed) Draw(rnd *rand.Rand) time.Duration {
	drawn := d.Distribution.Draw(rnd)
	d.sum += drawn
	return drawn
}

// repairman is the throughput of callers who think, and of one worker who serves them, if both
// take exponential times: the machine repair model, by mean value analysis.
func repairman(callers int, think, service time.Duration) float64 {
	queue, throughput := 0.0, 0.0
	for n := 1; n <= callers; n++ {
		response := service.Seconds() * (1 + queue)
		throughput = float64(n) / (think.Seconds() + response)
		queue = throughput * response
	}
	return throughput
}

// Source: the interactive response time law, R = N/X - Z, in P. J. Denning and J. P. Buzen, "The
// Operational Analysis of Queueing Network Models" (1978): N callers who think for Z see the
// response time R at the throughput X, whatever the distributions are. And the machine repair
// model, by mean value analysis (M. Reiser and S. S. Lavenberg, 1980), for X itself where all times
// are exponential. Trials: 600 s a row and seed. Band of the law: it is exact but for what the
// callers think after the end, which is N·Z, and 3 standard deviations more at the most, over all
// calls. Band of X: 3 standard errors, of 20 batches that follow each other after 20 s of warming
// up; they have to be below 3 %.
func TestInteractiveResponseTime(t *testing.T) {
	const (
		warm, batch   = 20 * time.Second, 29 * time.Second
		batches       = 20
		end           = warm + batches*batch
		think, demand = time.Second, 50 * time.Millisecond
	)
	one := storm.Server{Workers: 1, Service: storm.Exponential(demand)}
	t.Log("callers              X in closed form    found    N/X-Z        R")
	for row, u := range raced([]users{
		{"few", 5, storm.Exponential(think), one, repairman(5, think, demand)},
		{"at the knee", 21, storm.Exponential(think), one, repairman(21, think, demand)},
		{"far beyond it", 60, storm.Exponential(think), one, repairman(60, think, demand)},
		{"other times", 30, storm.TwoPoint{Usual: think / 2, Rare: 3 * think, Share: 0.2}, storm.Server{
			Workers: 3, Service: tail, PerInFlight: 30 * time.Millisecond, Hop: storm.Fixed(5 * time.Millisecond),
		}, 0},
	}, 0) {
		var throughput estimate
		for seed := range seedsOf(t, 1) {
			thinking := &summed{Distribution: u.think}
			calls := play(t, storm.Scenario{
				Name: u.name, Seed: uint64(100*row + seed), Load: storm.Closed(u.callers, thinking), For: end, Server: u.server,
			})
			var answers [batches]int
			var response estimate
			for _, c := range calls {
				response.add(min(c.took, end-c.began).Seconds())
				if i := int(math.Floor(float64(c.began+c.took-warm) / float64(batch))); i >= 0 && i < batches {
					answers[i]++
				}
			}
			for _, n := range answers {
				throughput.add(float64(n) / batch.Seconds())
			}
			n, x, z := float64(u.callers), float64(len(calls))/end.Seconds(), thinking.sum.Seconds()/float64(len(calls))
			t.Logf("%-13s %3d  %14.2f/s  %6.2f/s  %5.3f s  %5.3f s", u.name, u.callers, u.closed, throughput.mean(), n/x-z, response.mean())
			after := response.mean() - (n/x - z)
			require.GreaterOrEqual(t, after, 0.0, u.name)
			require.LessOrEqual(t, after, (n+3*math.Sqrt(n))*think.Seconds()/float64(len(calls)), u.name)
		}
		if u.closed > 0 {
			require.InDelta(t, u.closed, throughput.mean(), 3*throughput.stdErr(), "X of %s", u.name)
			require.Less(t, throughput.stdErr(), 0.03*u.closed, u.name)
		}
	}
}
